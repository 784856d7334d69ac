/* SPDX-License-Identifier: MIT */
/*
 * From a message to a JSON library's tree: one walk for every library that prints a tree, compiled
 * into each codec. The counterpart of json_from_tree.h.
 *
 * The codec defines, before it includes this file:
 *   json_made                      what stands for a new value; json_made_none() if there is none
 *   json_maker                     what its functions need besides (NULL if nothing)
 *   static inline, with a json_maker first; each json_made that goes in is the library's then, or
 *   gone, whatever comes out:
 *     make_object(), make_array(count), make_signed(int64_t), make_unsigned(uint64_t),
 *     make_number(double), make_bool(bool), make_null()
 *     make_text(text, len)         may borrow it: the message outlives the tree
 *     make_copy(text, len)         may not
 *     bool add_element(array, item), add_member(object, key, key_len, item) where key outlives the
 *     tree, and add_copied_member; false if memory ran out
 *     void drop(item)              a tree given up half-way
 *     bool is_made(item)
 */
#ifndef ASSAY_JSON_TO_TREE_H
#define ASSAY_JSON_TO_TREE_H

#include "field.h"
#include "json_scalar.h"

#include <errno.h>
#include <stdlib.h>

/* Not made if memory ran out or the message is too deep; which of them, *error says. */
static json_made make_message(json_maker maker, const struct plan_message *type,
                              const ProtobufCMessage *message, unsigned depth, int *error);

static inline json_made make_real(json_maker maker, double value)
{
    const char *special = json_print_special(value);
    return special ? make_text(maker, special, strlen(special)) : make_number(maker, value);
}

static inline json_made make_enum(json_maker maker, const struct plan_field *field, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(
        (const ProtobufCEnumDescriptor *)field->descriptor->descriptor, value);
    return known ? make_text(maker, known->name, strlen(known->name)) : make_signed(maker, value);
}

static json_made make_bytes(json_maker maker, const ProtobufCBinaryData *bytes)
{
    size_t len = (bytes->len + 2) / 3 * 4;
    char *text = (char *)malloc(len + 1);
    if (text == NULL)
        return json_made_none();
    json_print_base64(text, bytes->data, bytes->len);
    json_made item = make_copy(maker, text, len);
    free(text);
    return item;
}

static json_made make_value(json_maker maker, const struct plan_field *field, const void *value,
                            unsigned depth, int *error)
{
    char text[JSON_INTEGER_MAX];
    switch (field->kind) {
    case PLAN_INT32:
        return make_signed(maker, *(const int32_t *)value);
    case PLAN_UINT32:
        return make_unsigned(maker, *(const uint32_t *)value);
    case PLAN_INT64:
        return make_copy(maker, text, json_print_signed(text, *(const int64_t *)value));
    case PLAN_UINT64:
        return make_copy(maker, text, json_print_unsigned(text, *(const uint64_t *)value));
    case PLAN_FLOAT:
        return make_real(maker, (double)*(const float *)value);
    case PLAN_DOUBLE:
        return make_real(maker, *(const double *)value);
    case PLAN_BOOL:
        return make_bool(maker, *(const protobuf_c_boolean *)value != 0);
    case PLAN_ENUM:
        return make_enum(maker, field, *(const int *)value);
    case PLAN_STRING: {
        const char *string = *(const char *const *)value ? *(const char *const *)value : "";
        return make_text(maker, string, strlen(string));
    }
    case PLAN_BYTES:
        return make_bytes(maker, (const ProtobufCBinaryData *)value);
    default: /* PLAN_MESSAGE */
        return make_message(maker, field->message, *(ProtobufCMessage *const *)value, depth + 1,
                            error);
    }
}

static json_made make_elements(json_maker maker, const struct plan_field *field,
                               const ProtobufCMessage *message, unsigned depth, int *error)
{
    const char *values = *(const char *const *)field_get(message, field->offset);
    size_t count = field_count(message, field);
    json_made array = make_array(maker, count);
    for (size_t i = 0; is_made(array) && i < count; i++) {
        json_made item = make_value(maker, field, values + i * field->value_size, depth, error);
        if (!is_made(item) || !add_element(maker, array, item)) {
            drop(maker, array);
            return json_made_none();
        }
    }
    return array;
}

/* An object with the map's keys, in the order of its entries. */
static json_made make_entries(json_maker maker, const struct plan_field *map,
                              const ProtobufCMessage *message, unsigned depth, int *error)
{
    const struct plan_field *value = field_map_value(map);
    size_t count = field_count(message, map);
    if (depth + 1 > PLAN_MAX_DEPTH) {
        *error = -EINVAL;
        return json_made_none();
    }
    json_made object = make_object(maker);
    for (size_t i = 0; is_made(object) && i < count; i++) {
        const ProtobufCMessage *entry = field_entry(message, map, i);
        char digits[JSON_INTEGER_MAX];
        const char *key = json_print_key(map, entry, digits);
        json_made item =
            make_value(maker, value, field_get(entry, value->offset), depth + 1, error);
        if (!is_made(item) || !add_copied_member(maker, object, key, strlen(key), item)) {
            drop(maker, object);
            return json_made_none();
        }
    }
    return object;
}

static json_made make_message(json_maker maker, const struct plan_message *type,
                              const ProtobufCMessage *message, unsigned depth, int *error)
{
    const struct plan_field *end = message ? type->fields + type->count : type->fields;
    if (depth > PLAN_MAX_DEPTH) {
        *error = -EINVAL;
        return json_made_none();
    }
    json_made object = make_object(maker);
    for (const struct plan_field *field = type->fields; is_made(object) && field < end; field++) {
        if (!field_present(message, field))
            continue;
        json_made item =
            field->map ? make_entries(maker, field, message, depth, error)
            : field->repeated
                ? make_elements(maker, field, message, depth, error)
                : make_value(maker, field, field_get(message, field->offset), depth, error);
        if (!is_made(item) || !add_member(maker, object, field->name, field->name_len, item)) {
            drop(maker, object);
            return json_made_none();
        }
    }
    return object;
}

#endif
