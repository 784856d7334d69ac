/* SPDX-License-Identifier: MIT */
/*
 * From a JSON library's tree to a message: one walk for every library that has a tree, compiled
 * into each codec, so that the library's accessors are inlined as in code of its own. C and C++.
 *
 * The codec defines, before it includes this file:
 *   json_node                      what stands for a value (a pointer, or an object by value)
 *   static inline, of a json_node:
 *     enum json_is node_is()       what it is; only then one of those below is asked for
 *     const char *node_text(&len)  of a string, unescaped
 *     int64_t node_signed(), uint64_t node_unsigned(), double node_real(), bool node_bool()
 *     size_t node_count()          of an array's elements or an object's members
 *   json_elements, json_members    the library's own way through them, as a value; static inline:
 *     elements_of(array), bool elements_left(&at), elements_next(&at), json_node element(&at)
 *     members_of(object), bool members_left(&at), members_next(&at), json_node member(&at),
 *     const char *member_key(&at, &len)
 */
#ifndef ASSAY_JSON_FROM_TREE_H
#define ASSAY_JSON_FROM_TREE_H

#include "field.h"
#include "json_scalar.h"

#include <errno.h>
#include <math.h>

static int read_message(const struct plan_message *type, json_node from, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth);

static int read_integer(const struct plan_field *field, json_node from, void *slot)
{
    enum plan_kind kind = (enum plan_kind)field->kind;
    switch (node_is(from)) {
    case JSON_IS_SIGNED:
        return field_put_signed(slot, kind, node_signed(from));
    case JSON_IS_UNSIGNED:
        return field_put_unsigned(slot, kind, node_unsigned(from));
    case JSON_IS_REAL: {
        /* 1e3 is an integer. From 2^53 on a double may not be the number that was written. */
        double value = node_real(from);
        if (!(fabs(value) < 0x1p53) || value != trunc(value))
            return -EBADMSG;
        return field_put_signed(slot, kind, (int64_t)value);
    }
    case JSON_IS_STRING: {
        size_t len;
        const char *text = node_text(from, &len);
        return json_parse_integer(text, len, kind, slot) == 0 ? 0 : -EBADMSG;
    }
    default:
        return -EBADMSG;
    }
}

static int read_real(const struct plan_field *field, json_node from, void *slot)
{
    double value;
    switch (node_is(from)) {
    case JSON_IS_REAL:
        value = node_real(from);
        if (!isfinite(value))
            return -EBADMSG;
        break;
    case JSON_IS_SIGNED:
        value = (double)node_signed(from);
        break;
    case JSON_IS_UNSIGNED:
        value = (double)node_unsigned(from);
        break;
    case JSON_IS_STRING: {
        size_t len;
        const char *text = node_text(from, &len);
        if (!json_parse_special(text, len, &value))
            return -EBADMSG;
        break;
    }
    default:
        return -EBADMSG;
    }
    return field_put_real(slot, (enum plan_kind)field->kind, value);
}

static int read_enum(const struct plan_field *field, json_node from, void *slot)
{
    size_t len;
    if (node_is(from) != JSON_IS_STRING)
        return read_integer(field, from, slot);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        (const ProtobufCEnumDescriptor *)field->descriptor->descriptor, node_text(from, &len));
    if (value == NULL)
        return -EBADMSG;
    *(int *)slot = value->value;
    return 0;
}

static int read_text(const struct plan_field *field, json_node from, void *slot,
                     ProtobufCAllocator *allocator)
{
    size_t len;
    if (node_is(from) != JSON_IS_STRING)
        return -EBADMSG;
    const char *text = node_text(from, &len);
    if (field->kind == PLAN_STRING)
        return field_put_string((char **)slot, text, len, allocator);
    ProtobufCBinaryData *bytes = (ProtobufCBinaryData *)slot;
    bytes->data = (uint8_t *)field_alloc(allocator, len / 4 * 3 + 2);
    if (bytes->data == NULL)
        return -ENOMEM;
    return json_parse_base64(text, len, bytes->data, &bytes->len);
}

static int read_bool(json_node from, void *slot)
{
    if (node_is(from) != JSON_IS_BOOL)
        return -EBADMSG;
    *(protobuf_c_boolean *)slot = node_bool(from);
    return 0;
}

/* Into an empty slot. */
static int read_value(const struct plan_field *field, json_node from, void *slot,
                      ProtobufCAllocator *allocator, unsigned depth)
{
    switch (field->kind) {
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return read_real(field, from, slot);
    case PLAN_BOOL:
        return read_bool(from, slot);
    case PLAN_ENUM:
        return read_enum(field, from, slot);
    case PLAN_STRING:
    case PLAN_BYTES:
        return read_text(field, from, slot, allocator);
    case PLAN_MESSAGE: {
        ProtobufCMessage *inner = field_new_message(field->message, allocator);
        *(ProtobufCMessage **)slot = inner;
        return inner ? read_message(field->message, from, inner, allocator, depth + 1) : -ENOMEM;
    }
    default:
        return read_integer(field, from, slot);
    }
}

static int read_entries(const struct plan_field *map, json_node from, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *value = field_map_value(map);
    void *entries;
    size_t *filled;
    if (node_is(from) != JSON_IS_OBJECT)
        return -EBADMSG;
    size_t count = node_count(from);
    if (count > 0 && depth + 1 > PLAN_MAX_DEPTH)
        return -EBADMSG;
    int error = field_open_array(message, map, count, allocator, &entries, &filled);
    if (error != 0)
        return error;
    for (json_members at = members_of(from); members_left(&at); members_next(&at)) {
        size_t key_len;
        const char *key = member_key(&at, &key_len);
        ProtobufCMessage *entry = field_next_entry(entries, map, filled, allocator);
        if (entry == NULL)
            return -ENOMEM;
        error = json_parse_key(map, key, key_len, entry, allocator);
        if (error == 0)
            error = read_value(value, member(&at), field_open(entry, value, allocator), allocator,
                               depth + 1);
        if (error != 0)
            return error == -ENOMEM ? -ENOMEM : -EBADMSG;
    }
    return 0;
}

static int read_array(const struct plan_field *field, json_node from, ProtobufCMessage *message,
                      ProtobufCAllocator *allocator, unsigned depth)
{
    void *array;
    size_t *filled;
    if (node_is(from) != JSON_IS_ARRAY)
        return -EBADMSG;
    int error = field_open_array(message, field, node_count(from), allocator, &array, &filled);
    if (error != 0)
        return error;
    for (json_elements at = elements_of(from); elements_left(&at); elements_next(&at)) {
        error = read_value(field, element(&at), field_next(array, field, filled), allocator, depth);
        if (error != 0)
            return error;
    }
    return 0;
}

static int read_message(const struct plan_message *type, json_node from, ProtobufCMessage *message,
                        ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *expected = type->fields;
    uint64_t seen = 0;
    if (depth > PLAN_MAX_DEPTH || node_is(from) != JSON_IS_OBJECT)
        return -EBADMSG;
    for (json_members at = members_of(from); members_left(&at); members_next(&at)) {
        size_t key_len;
        const char *key = member_key(&at, &key_len);
        const struct plan_field *field = field_named(type, expected, key, key_len);
        json_node item = member(&at);
        if (field == NULL || node_is(item) == JSON_IS_NULL)
            continue; /* null: the field is absent, says the mapping */
        expected = field + 1;
        int error =
            field->map ? read_entries(field, item, message, allocator, depth)
            : field->repeated
                ? read_array(field, item, message, allocator, depth)
                : read_value(field, item, field_open(message, field, allocator), allocator, depth);
        if (error != 0)
            return error;
        seen |= field->required_bit;
    }
    return seen == type->required ? 0 : -EBADMSG;
}

/* A new message from the tree's root; NULL in *message and nothing allocated after an error. */
static int read_root(const struct plan *plan, json_node root, ProtobufCAllocator *allocator,
                     ProtobufCMessage **message)
{
    *message = field_new_message(plan->root, allocator);
    if (*message == NULL)
        return -ENOMEM;
    int error = read_message(plan->root, root, *message, allocator, 1);
    if (error != 0) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

#endif
