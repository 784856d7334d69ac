/* SPDX-License-Identifier: MIT */
/*
 * MessagePack by msgpack-c: a message is a map with the fields' names as keys, a repeated field an
 * array; 64-bit integers, bytes and floats have types of their own. Strings are not checked for
 * UTF-8, as the library does not. This file is the template for another codec.
 */
#include "codec.h"

#include "field.h"
#include "msgpack_counts.h"
#include "msgpack_tree.h"

#include <errno.h>
#include <msgpack.h>
#include <threads.h>

/* ---- encode: straight into the caller's buffer ------------------------------------------------
 */

#include "msgpack_pack.inc"

/* The key as the plan has it encoded. A copy of a fixed size is two instructions; one of a size
 * that the compiler knows to be small, but not how small, becomes `rep movs`, which costs 20 times
 * that. */
static void write_key(struct writer *writer, const struct plan_field *field)
{
    if (field->key_len <= PLAN_KEY_COPY && writer->end - writer->at >= PLAN_KEY_COPY) {
        memcpy(writer->at, field->key, PLAN_KEY_COPY);
        writer->at += field->key_len;
    } else {
        writer_write(writer, (const char *)field->key, field->key_len);
    }
}

static void pack_message(struct writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, unsigned depth)
{
    size_t count = 0, ignored = 0;
    uint64_t mask = message ? field_present_mask(message, type, 0, &count) : 0;
    msgpack_packer packer;
    if (depth > PLAN_MAX_DEPTH) {
        writer->too_deep = true;
        return;
    }
    for (uint32_t first = 64; message && first < type->count; first += 64)
        field_present_mask(message, type, first, &count);
    msgpack_packer_init(&packer, writer, writer_write);
    msgpack_pack_map(&packer, count);
    for (uint32_t first = 0; count > 0; first += 64) {
        if (first > 0)
            mask = field_present_mask(message, type, first, &ignored);
        for (; mask != 0; mask &= mask - 1, count--) {
            const struct plan_field *field = &type->fields[first + (uint32_t)__builtin_ctzll(mask)];
            write_key(writer, field);
            pack_value(writer, field, field->step, message, field_get(message, field->offset),
                       depth);
        }
    }
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    struct writer writer = {.at = dst, .end = dst + cap};
    pack_message(&writer, plan->root, message, 1);
    if (writer.too_deep)
        return -EINVAL;
    if (writer.full)
        return -ENOSPC;
    *len = (size_t)(writer.at - dst);
    return 0;
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

#include "msgpack_unpack.inc"

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    msgpack_object tree;
    *message = NULL;
    int error = unpack(&tree, src, len);
    if (error != 0)
        return error;
    error = msgpack_tree_read(&tree, plan->root, allocator, message);
    forget_tree();
    return error;
}

static int tree_convert(const struct plan *plan, const union codec_hold *hold,
                        ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    return msgpack_tree_read(held_tree(hold), plan->root, allocator, message);
}

static const struct codec_tree phases = {
    .parse = tree_parse,
    .convert = tree_convert,
    .drop_parsed = tree_drop,
    .single = true,
};

/* ---- read: the tree, and no message -----------------------------------------------------------
 */

/* A map is a list of pairs: the library has no search in it. */
static uint64_t touch_named(const msgpack_object *map, const struct plan_field *field)
{
    const msgpack_object_kv *pair = map->via.map.ptr, *end = pair + map->via.map.size;
    for (; pair < end; pair++)
        if (pair->key.type == MSGPACK_OBJECT_STR &&
            field_has_name(field, pair->key.via.str.ptr, pair->key.via.str.size))
            return touch(&pair->val);
    return 0;
}

static int read_fields(const struct plan *plan, const uint8_t *src, size_t len,
                       const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    msgpack_object tree;
    (void)plan;
    int error = unpack(&tree, src, len);
    if (error != 0)
        return error;
    if (tree.type != MSGPACK_OBJECT_MAP)
        error = -EBADMSG;
    else if (fields == NULL)
        *sum += touch(&tree);
    for (size_t i = 0; error == 0 && fields != NULL && i < count; i++)
        *sum += touch_named(&tree, fields[i]);
    forget_tree();
    return error;
}

const struct codec msgpack_c_codec = {
    .name = "msgpack_c",
    .label = "msgpack-c, maps",
    .format = "MessagePack",
    .library = "msgpack-c",
    .content_type = "application/msgpack",
    .shape = "keys",
    .version = msgpack_version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
