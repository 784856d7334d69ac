/* SPDX-License-Identifier: MIT */
#include "msgpack_tree.h"

#include "field.h"

#include <errno.h>

#include "msgpack_values.inc"

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

/* In line here is what a table can afford to have in line, as it has one place for each kind. */
static __attribute__((flatten)) int read_message(const struct plan_message *type,
                                                 const msgpack_object *from,
                                                 ProtobufCMessage *message,
                                                 ProtobufCAllocator *allocator, unsigned depth)
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
        if (__builtin_expect(field < expected, 0))
            ascending = false;
        expected = field + 1;
        seen |= field->required_bit;
        if (field->step == PLAN_ARRAY)
            error = read_array(field, &pair->val, message, allocator, depth);
        else if (field->step == PLAN_MAP)
            error = read_map(field, &pair->val, message, allocator, depth);
        else
            error = read_value(field, &pair->val, open_slot(field, ascending, message, allocator),
                               allocator, depth);
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
