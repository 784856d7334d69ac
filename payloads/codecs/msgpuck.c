/* SPDX-License-Identifier: MIT */
/*
 * MessagePack by msgpuck, Tarantool's: no tree and no buffer of its own, each value is written to
 * and read from the bytes themselves. The same bytes as msgpack_c.c. Strings are not checked for
 * UTF-8, as the library does not. Its own mp_check lets a map of 2^31 pairs pass for an empty one,
 * so what comes in is counted by msgpack_counts_hold; behind that nothing reads beyond the end.
 */
#include "codec.h"

#include "field.h"
#include "msgpack_counts.h"

#include <errno.h>
#include <limits.h>
#include <msgpuck.h>

/* ---- encode: straight into the caller's buffer ------------------------------------------------
 */

#include "msgpuck_write.inc"

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    struct writer writer = {.at = (char *)dst, .end = (char *)dst + cap};
    write_message(&writer, plan->root, message, 1);
    if (writer.too_deep)
        return -EINVAL;
    if (writer.full)
        return -ENOSPC;
    *len = (size_t)(writer.at - (char *)dst);
    return 0;
}

/* ---- decode: value by value, from bytes that are known to hold them ---------------------------
 */

#include "msgpuck_read.inc"

/* The library counts in an int when it passes over a value. */
static bool holds(const uint8_t *src, size_t len)
{
    size_t values;
    return len <= INT_MAX && msgpack_counts_hold(src, len, &values);
}

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    const char *at = (const char *)src;
    *message = NULL;
    if (!holds(src, len))
        return -EBADMSG;
    *message = field_new_message(plan->root, allocator);
    int error = *message ? read_message(plan->root, &at, *message, allocator, 1) : -ENOMEM;
    if (error != 0 && *message != NULL) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

/* ---- read: over the bytes, and no message -----------------------------------------------------
 */

/* Goes over a value: something of it is added to *sum. */
static void touch(const char **at, uint64_t *sum)
{
    uint32_t len;
    enum mp_type type = mp_typeof(**at);
    *sum += (uint64_t)type;
    switch (type) {
    case MP_UINT:
        *sum += mp_decode_uint(at);
        break;
    case MP_INT:
        *sum += (uint64_t)mp_decode_int(at);
        break;
    case MP_DOUBLE: {
        double value = mp_decode_double(at);
        uint64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        *sum += bits;
        break;
    }
    case MP_FLOAT: {
        float value = mp_decode_float(at);
        uint32_t bits;
        memcpy(&bits, &value, sizeof(bits));
        *sum += bits;
        break;
    }
    case MP_BOOL:
        *sum += mp_decode_bool(at);
        break;
    case MP_STR:
    case MP_BIN: {
        const char *text = type == MP_STR ? mp_decode_str(at, &len) : mp_decode_bin(at, &len);
        *sum += len + (uint8_t)(len > 0 ? *text : 0);
        break;
    }
    default:
        mp_next(at);
    }
}

/* All in there: what is inside a container comes right behind its header, so this needs no stack.
 */
static void touch_all(const char *at, const char *end, uint64_t *sum)
{
    while (at < end) {
        enum mp_type type = mp_typeof(*at);
        if (type == MP_ARRAY)
            *sum += mp_decode_array(&at);
        else if (type == MP_MAP)
            *sum += mp_decode_map(&at);
        else
            touch(&at, sum);
    }
}

/* One pass, up to the last field that is asked for: whatever is not is passed over. */
static int read_fields(const struct plan *plan, const uint8_t *src, size_t len,
                       const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    const char *at = (const char *)src;
    size_t found = 0;
    (void)plan;
    if (!holds(src, len) || mp_typeof(*at) != MP_MAP)
        return -EBADMSG;
    if (fields == NULL) {
        touch_all(at, at + len, sum);
        return 0;
    }
    for (uint32_t pairs = mp_decode_map(&at); pairs > 0 && found < count; pairs--) {
        uint32_t name_len = 0;
        bool text = mp_typeof(*at) == MP_STR, wanted = false;
        const char *name = text ? mp_decode_str(&at, &name_len) : NULL;
        if (!text)
            mp_next(&at);
        for (size_t i = 0; text && !wanted && i < count; i++)
            wanted = field_has_name(fields[i], name, name_len);
        found += wanted;
        const char *value = at;
        mp_next(&at);
        if (wanted)
            touch_all(value, at, sum);
    }
    return 0;
}

static int check(const struct plan *plan, const uint8_t *src, size_t len)
{
    (void)plan;
    return holds(src, len) ? 0 : -EBADMSG;
}

/* Its header names no version: what the package says, if there is one. */
static const char *version(void)
{
    return MSGPUCK_VERSION;
}

const struct codec msgpuck_codec = {
    .name = "msgpuck",
    .label = "msgpuck",
    .format = "MessagePack",
    .library = "msgpuck",
    .content_type = "application/msgpack",
    .shape = "keys",
    .version = version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
};
