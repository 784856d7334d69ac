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

struct writer {
    char *at, *end;
    bool full; /* something did not fit: what follows is dropped */
    bool too_deep;
};

/* Is there room for most bytes, or else for the exact number that the library names? The second is
 * asked only near the end of the buffer. */
#define ROOM(writer, most, exact)                                                                  \
    ((size_t)((writer)->end - (writer)->at) >= (size_t)(most) ||                                   \
     (size_t)((writer)->end - (writer)->at) >= (size_t)(exact) || no_room(writer))

static bool no_room(struct writer *writer)
{
    writer->full = true;
    writer->end = writer->at;
    return false;
}

enum { HEADER = 5, NUMBER = 9 }; /* the longest ones */

static void write_unsigned(struct writer *writer, uint64_t value)
{
    if (ROOM(writer, NUMBER, mp_sizeof_uint(value)))
        writer->at = mp_encode_uint(writer->at, value);
}

static void write_signed(struct writer *writer, int64_t value)
{
    if (value >= 0)
        write_unsigned(writer, (uint64_t)value);
    else if (ROOM(writer, NUMBER, mp_sizeof_int(value)))
        writer->at = mp_encode_int(writer->at, value);
}

static void write_text(struct writer *writer, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len > UINT32_MAX)
        no_room(writer);
    else if (ROOM(writer, len + HEADER, mp_sizeof_str((uint32_t)len)))
        writer->at = mp_encode_str(writer->at, text ? text : "", (uint32_t)len);
}

static void write_bytes(struct writer *writer, const ProtobufCBinaryData *bytes)
{
    if (bytes->len > UINT32_MAX)
        no_room(writer);
    else if (ROOM(writer, bytes->len + HEADER, mp_sizeof_bin((uint32_t)bytes->len)))
        writer->at = mp_encode_bin(writer->at, bytes->len ? (const char *)bytes->data : "",
                                   (uint32_t)bytes->len);
}

static void write_array(struct writer *writer, size_t count)
{
    if (ROOM(writer, HEADER, mp_sizeof_array((uint32_t)count)))
        writer->at = mp_encode_array(writer->at, (uint32_t)count);
}

static void write_map(struct writer *writer, size_t count)
{
    if (ROOM(writer, HEADER, mp_sizeof_map((uint32_t)count)))
        writer->at = mp_encode_map(writer->at, (uint32_t)count);
}

/* The key as the plan has it encoded; a copy of a fixed size is two instructions. */
static void write_key(struct writer *writer, const struct plan_field *field)
{
    if (field->key_len <= PLAN_KEY_COPY && writer->end - writer->at >= PLAN_KEY_COPY) {
        memcpy(writer->at, field->key, PLAN_KEY_COPY);
        writer->at += field->key_len;
    } else if (ROOM(writer, field->key_len, field->key_len)) {
        memcpy(writer->at, field->key, field->key_len);
        writer->at += field->key_len;
    }
}

static void write_message(struct writer *writer, const struct plan_message *type,
                          const ProtobufCMessage *message, unsigned depth);

static void write_value(struct writer *writer, const struct plan_field *field, const void *value,
                        unsigned depth)
{
    switch (field->kind) {
    case PLAN_INT32:
    case PLAN_ENUM:
        write_signed(writer, *(const int32_t *)value);
        break;
    case PLAN_UINT32:
        write_unsigned(writer, *(const uint32_t *)value);
        break;
    case PLAN_INT64:
        write_signed(writer, *(const int64_t *)value);
        break;
    case PLAN_UINT64:
        write_unsigned(writer, *(const uint64_t *)value);
        break;
    case PLAN_FLOAT:
        if (ROOM(writer, 5, 5))
            writer->at = mp_encode_float(writer->at, *(const float *)value);
        break;
    case PLAN_DOUBLE:
        if (ROOM(writer, 9, 9))
            writer->at = mp_encode_double(writer->at, *(const double *)value);
        break;
    case PLAN_BOOL:
        if (ROOM(writer, 1, 1))
            writer->at = mp_encode_bool(writer->at, *(const protobuf_c_boolean *)value);
        break;
    case PLAN_STRING:
        write_text(writer, *(const char *const *)value);
        break;
    case PLAN_BYTES:
        write_bytes(writer, value);
        break;
    case PLAN_MESSAGE:
        write_message(writer, field->message, *(ProtobufCMessage *const *)value, depth + 1);
        break;
    }
}

static void write_entries(struct writer *writer, const struct plan_field *map,
                          const ProtobufCMessage *message, unsigned depth)
{
    const struct plan_field *key = field_map_key(map), *value = field_map_value(map);
    size_t count = field_count(message, map);
    writer->too_deep |= depth + 1 > PLAN_MAX_DEPTH;
    write_map(writer, count);
    for (size_t i = 0; !writer->too_deep && i < count; i++) {
        const ProtobufCMessage *entry = field_entry(message, map, i);
        write_value(writer, key, field_get(entry, key->offset), depth + 1);
        write_value(writer, value, field_get(entry, value->offset), depth + 1);
    }
}

static void write_field(struct writer *writer, const struct plan_field *field,
                        const ProtobufCMessage *message, unsigned depth)
{
    const char *value = field_get(message, field->offset);
    write_key(writer, field);
    if (!field->repeated) {
        write_value(writer, field, value, depth);
    } else if (field->map) {
        write_entries(writer, field, message, depth);
    } else {
        size_t count = field_count(message, field);
        write_array(writer, count);
        value = *(const char *const *)value;
        for (size_t i = 0; i < count; i++)
            write_value(writer, field, value + i * field->value_size, depth);
    }
}

static void write_message(struct writer *writer, const struct plan_message *type,
                          const ProtobufCMessage *message, unsigned depth)
{
    size_t count = 0, ignored = 0;
    uint64_t mask = message ? field_present_mask(message, type, 0, &count) : 0;
    if (depth > PLAN_MAX_DEPTH) {
        writer->too_deep = true;
        return;
    }
    for (uint32_t first = 64; message && first < type->count; first += 64)
        field_present_mask(message, type, first, &count);
    write_map(writer, count);
    for (uint32_t first = 0; count > 0; first += 64) {
        if (first > 0)
            mask = field_present_mask(message, type, first, &ignored);
        for (; mask != 0; mask &= mask - 1, count--)
            write_field(writer, &type->fields[first + (uint32_t)__builtin_ctzll(mask)], message,
                        depth);
    }
}

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

static int read_message(const struct plan_message *type, const char **at, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth);

static int read_integer(const char **at, unsigned kind, void *slot)
{
    enum mp_type type = mp_typeof(**at);
    if (type == MP_UINT)
        return field_put_unsigned(slot, kind, mp_decode_uint(at));
    return type == MP_INT ? field_put_signed(slot, kind, mp_decode_int(at)) : -EBADMSG;
}

static int read_real(const char **at, unsigned kind, void *slot)
{
    enum mp_type type = mp_typeof(**at);
    if (type == MP_DOUBLE)
        return field_put_real(slot, kind, mp_decode_double(at));
    if (type != MP_FLOAT)
        return -EBADMSG;
    float value = mp_decode_float(at);
    if (kind == PLAN_FLOAT)
        *(float *)slot = value; /* every bit, of what is no number, too */
    else
        *(double *)slot = (double)value;
    return 0;
}

static int read_bool(const char **at, void *slot)
{
    if (mp_typeof(**at) != MP_BOOL)
        return -EBADMSG;
    *(protobuf_c_boolean *)slot = mp_decode_bool(at);
    return 0;
}

/* Into an empty slot. */
static inline __attribute__((always_inline)) int read_value(const struct plan_field *field,
                                                            const char **at, void *slot,
                                                            ProtobufCAllocator *allocator,
                                                            unsigned depth)
{
    uint32_t len;
    switch (field->kind) {
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return read_real(at, field->kind, slot);
    case PLAN_BOOL:
        return read_bool(at, slot);
    case PLAN_STRING: {
        if (mp_typeof(**at) != MP_STR)
            return -EBADMSG;
        const char *text = mp_decode_str(at, &len);
        return field_put_string(slot, text, len, allocator);
    }
    case PLAN_BYTES: {
        if (mp_typeof(**at) != MP_BIN)
            return -EBADMSG;
        const char *bytes = mp_decode_bin(at, &len);
        return field_put_bytes(slot, bytes, len, allocator);
    }
    case PLAN_MESSAGE: {
        ProtobufCMessage *inner = field_new_message(field->message, allocator);
        *(ProtobufCMessage **)slot = inner;
        return inner ? read_message(field->message, at, inner, allocator, depth + 1) : -ENOMEM;
    }
    default:
        return read_integer(at, field->kind, slot);
    }
}

static int read_entries(const struct plan_field *map, const char **at, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *key = field_map_key(map), *value = field_map_value(map);
    void *entries;
    size_t *filled;
    if (mp_typeof(**at) != MP_MAP)
        return -EBADMSG;
    uint32_t count = mp_decode_map(at);
    if (count > 0 && depth + 1 > PLAN_MAX_DEPTH)
        return -EBADMSG;
    int error = field_open_array(message, map, count, allocator, &entries, &filled);
    for (; error == 0 && count > 0; count--) {
        ProtobufCMessage *entry = field_next_entry(entries, map, filled, allocator);
        if (entry == NULL)
            return -ENOMEM;
        error = read_value(key, at, field_open(entry, key, allocator), allocator, depth + 1);
        if (error == 0)
            error =
                read_value(value, at, field_open(entry, value, allocator), allocator, depth + 1);
    }
    return error;
}

static int read_array(const struct plan_field *field, const char **at, ProtobufCMessage *message,
                      ProtobufCAllocator *allocator, unsigned depth)
{
    void *array;
    size_t *filled;
    if (mp_typeof(**at) != MP_ARRAY)
        return -EBADMSG;
    uint32_t count = mp_decode_array(at);
    int error = field_open_array(message, field, count, allocator, &array, &filled);
    for (; error == 0 && count > 0; count--)
        error = read_value(field, at, field_next(array, field, filled), allocator, depth);
    return error;
}

static int read_message(const struct plan_message *type, const char **at, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *expected = type->fields;
    uint64_t seen = 0;
    if (depth > PLAN_MAX_DEPTH || mp_typeof(**at) != MP_MAP)
        return -EBADMSG;
    for (uint32_t pairs = mp_decode_map(at); pairs > 0; pairs--) {
        const struct plan_field *field = NULL;
        if (mp_typeof(**at) == MP_STR) {
            uint32_t len;
            const char *name = mp_decode_str(at, &len);
            field = field_named(type, expected, name, len);
        } else {
            mp_next(at);
        }
        if (field == NULL) {
            mp_next(at);
            continue;
        }
        expected = field + 1;
        seen |= field->required_bit;
        int error = field->map        ? read_entries(field, at, message, allocator, depth)
                    : field->repeated ? read_array(field, at, message, allocator, depth)
                                      : read_value(field, at, field_open(message, field, allocator),
                                                   allocator, depth);
        if (error != 0)
            return error;
    }
    return seen == type->required ? 0 : -EBADMSG;
}

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
};
