/* SPDX-License-Identifier: MIT */
#include "msgpack_tree.h"

#include "field.h"

#include <errno.h>

static int read_message(const struct plan_message *type, const msgpack_object *from,
                        ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth);

/* An integer that the kind can hold, in 64 bits. */
static inline int read_signed(const msgpack_object *from, int64_t *value)
{
    *value = from->via.i64;
    if (from->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return from->via.u64 <= INT64_MAX ? 0 : -EBADMSG;
    return from->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ? 0 : -EBADMSG;
}

static inline bool is_real(const msgpack_object *from)
{
    return from->type == MSGPACK_OBJECT_FLOAT64 || from->type == MSGPACK_OBJECT_FLOAT32;
}

/* A number or boolean; what is written before an error does no harm. */
static inline int read_number(unsigned kind, const msgpack_object *from, void *slot)
{
    int64_t value;
    switch (kind) {
    case PLAN_INT32:
    case PLAN_ENUM:
        if (read_signed(from, &value) != 0 || value < INT32_MIN || value > INT32_MAX)
            return -EBADMSG;
        *(int32_t *)slot = (int32_t)value;
        return 0;
    case PLAN_INT64:
        return read_signed(from, slot);
    case PLAN_UINT32:
        *(uint32_t *)slot = (uint32_t)from->via.u64;
        return from->type == MSGPACK_OBJECT_POSITIVE_INTEGER && from->via.u64 <= UINT32_MAX
                   ? 0
                   : -EBADMSG;
    case PLAN_UINT64:
        *(uint64_t *)slot = from->via.u64;
        return from->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? 0 : -EBADMSG;
    case PLAN_DOUBLE:
        *(double *)slot = from->via.f64;
        return is_real(from) ? 0 : -EBADMSG;
    case PLAN_FLOAT:
        return is_real(from) ? field_put_real(slot, PLAN_FLOAT, from->via.f64) : -EBADMSG;
    default: /* PLAN_BOOL */
        if (from->type != MSGPACK_OBJECT_BOOLEAN)
            return -EBADMSG;
        *(protobuf_c_boolean *)slot = from->via.boolean;
        return 0;
    }
}

/* Into an empty slot. Inline: the walk is the cost of many small fields. */
static inline __attribute__((always_inline)) int read_value(const struct plan_field *field,
                                                            const msgpack_object *from, void *slot,
                                                            ProtobufCAllocator *allocator,
                                                            unsigned depth)
{
    switch (field->kind) {
    case PLAN_STRING:
        if (from->type != MSGPACK_OBJECT_STR)
            return -EBADMSG;
        return field_put_string(slot, from->via.str.ptr, from->via.str.size, allocator);
    case PLAN_BYTES:
        if (from->type != MSGPACK_OBJECT_BIN)
            return -EBADMSG;
        return field_put_bytes(slot, from->via.bin.ptr, from->via.bin.size, allocator);
    case PLAN_MESSAGE: {
        ProtobufCMessage *inner = field_new_message(field->message, allocator);
        *(ProtobufCMessage **)slot = inner;
        return inner ? read_message(field->message, from, inner, allocator, depth + 1) : -ENOMEM;
    }
    default:
        return read_number(field->kind, from, slot);
    }
}

/* The kind is the loop's, not the value's: no branch on it for every one of many. */
#define READ_NUMBERS(constant, type)                                                               \
    case constant:                                                                                 \
        for (size_t i = 0; error == 0 && i < count; i++)                                           \
            error = read_number(constant, &from[i], (type *)array + i);                            \
        return error

static int read_numbers(unsigned kind, const msgpack_object *from, size_t count, void *array)
{
    int error = 0;
    switch (kind) {
        READ_NUMBERS(PLAN_INT32, int32_t);
        READ_NUMBERS(PLAN_UINT32, uint32_t);
        READ_NUMBERS(PLAN_INT64, int64_t);
        READ_NUMBERS(PLAN_UINT64, uint64_t);
        READ_NUMBERS(PLAN_FLOAT, float);
        READ_NUMBERS(PLAN_DOUBLE, double);
        READ_NUMBERS(PLAN_BOOL, protobuf_c_boolean);
        READ_NUMBERS(PLAN_ENUM, int32_t);
    }
    return -EBADMSG;
}

static __attribute__((noinline)) int read_array(const struct plan_field *field,
                                                const msgpack_object *from,
                                                ProtobufCMessage *message,
                                                ProtobufCAllocator *allocator, unsigned depth)
{
    void *array;
    size_t *filled;
    if (from->type != MSGPACK_OBJECT_ARRAY)
        return -EBADMSG;
    const msgpack_object *values = from->via.array.ptr;
    size_t count = from->via.array.size;
    int error = field_open_array(message, field, count, allocator, &array, &filled);
    if (error != 0)
        return error;
    if (field->kind < PLAN_STRING) {
        *filled = count;
        return read_numbers(field->kind, values, count, array);
    }
    for (size_t i = 0; error == 0 && i < count; i++)
        error = read_value(field, &values[i], field_next(array, field, filled), allocator, depth);
    return error;
}

static int read_map(const struct plan_field *map, const msgpack_object *from,
                    ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *key = field_map_key(map), *value = field_map_value(map);
    void *entries;
    size_t *filled;
    if (from->type != MSGPACK_OBJECT_MAP || (from->via.map.size > 0 && depth + 1 > PLAN_MAX_DEPTH))
        return -EBADMSG;
    const msgpack_object_kv *pair = from->via.map.ptr, *end = pair + from->via.map.size;
    int error = field_open_array(message, map, from->via.map.size, allocator, &entries, &filled);
    for (; error == 0 && pair < end; pair++) {
        ProtobufCMessage *entry = field_next_entry(entries, map, filled, allocator);
        if (entry == NULL)
            return -ENOMEM;
        error =
            read_value(key, &pair->key, field_open(entry, key, allocator), allocator, depth + 1);
        if (error == 0)
            error = read_value(value, &pair->val, field_open(entry, value, allocator), allocator,
                               depth + 1);
    }
    return error;
}

/* Where a singular field's value goes. A first value (of no oneof) finds the field as the message's
 * init left it: there is nothing to free. */
static inline void *open_slot(const struct plan_field *field, bool first, ProtobufCMessage *message,
                              ProtobufCAllocator *allocator)
{
    if (!first || field->oneof)
        return field_open(message, field, allocator);
    if (field->has_flag)
        *(protobuf_c_boolean *)field_at(message, field->quantifier) = 1;
    return field_at(message, field->offset);
}

static int read_message(const struct plan_message *type, const msgpack_object *from,
                        ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *expected = type->fields;
    uint64_t seen = 0;
    bool ascending = true; /* so far: then no key can have come before */
    if (depth > PLAN_MAX_DEPTH || from->type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    const msgpack_object_kv *pair = from->via.map.ptr, *end = pair + from->via.map.size;
    for (; pair < end; pair++) {
        int error;
        if (pair->key.type != MSGPACK_OBJECT_STR)
            continue;
        const struct plan_field *field =
            field_named(type, expected, pair->key.via.str.ptr, pair->key.via.str.size);
        if (field == NULL)
            continue;
        ascending &= field >= expected;
        expected = field + 1;
        seen |= field->required_bit;
        if (field->map) {
            error = read_map(field, &pair->val, message, allocator, depth);
        } else if (field->repeated) {
            error = read_array(field, &pair->val, message, allocator, depth);
        } else {
            void *slot = open_slot(field, ascending, message, allocator);
            error = read_value(field, &pair->val, slot, allocator, depth);
        }
        if (error != 0)
            return error;
    }
    return seen == type->required ? 0 : -EBADMSG;
}

int msgpack_tree_read(const msgpack_object *tree, const struct plan_message *type,
                      ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    *message = field_new_message(type, allocator);
    if (*message == NULL)
        return -ENOMEM;
    int error = read_message(type, tree, *message, allocator, 1);
    if (error != 0) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}
