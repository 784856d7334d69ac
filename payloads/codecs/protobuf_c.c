/* SPDX-License-Identifier: MIT */
/*
 * Protocol Buffers by protobuf-c: the struct is its own, so encode and decode are one call each.
 * Strings are not checked for UTF-8, as the library does not.
 */
#include "codec.h"

#include "arena.h"
#include "wire.h"

#include <errno.h>

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    if (!plan->bounded && wire_message_too_deep(plan->root, message))
        return -EINVAL;
    if (protobuf_c_message_get_packed_size(message) > cap)
        return -ENOSPC;
    *len = protobuf_c_message_pack(message, dst);
    return 0;
}

/* The library says NULL for bad bytes and for no memory alike. So, off the good path: were the
 * bytes at fault? Asked with an arena of our own, whose blocks take three times its budget at most.
 */
static int why_refused(const struct plan *plan, const uint8_t *src, size_t len)
{
    struct arena arena;
    arena_init(&arena, CODEC_TREE_BUDGET / 3);
    bool memory = protobuf_c_message_unpack(plan->root->type, &arena.allocator, len, src) != NULL ||
                  arena.refused;
    arena_finish(&arena);
    return memory ? -ENOMEM : -EBADMSG;
}

/* The library recurses as deep as the bytes say, some 10,000 levels to the end of a stack; it
 * follows the schema's own nesting only, so most types need no look. */
static int check(const struct plan *plan, const uint8_t *src, size_t len)
{
    return !plan->bounded && wire_too_deep(plan->root, src, len) ? -EBADMSG : 0;
}

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    if (check(plan, src, len) != 0)
        return -EBADMSG;
    *message = protobuf_c_message_unpack(plan->root->type, allocator, len, src);
    return *message != NULL ? 0 : why_refused(plan, src, len);
}

const struct codec protobuf_c_codec = {
    .name = "protobuf_c",
    .label = "protobuf-c",
    .format = "Protocol Buffers",
    .library = "protobuf-c",
    .content_type = "application/x-protobuf",
    .version = protobuf_c_version,
    .encode = encode,
    .decode = decode,
    .check = check,
};
