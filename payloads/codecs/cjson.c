/* SPDX-License-Identifier: MIT */
/*
 * JSON by cJSON, in proto3's mapping: 64-bit integers as decimal strings, bytes in base64, enums by
 * name, NaN and the infinities as strings. cJSON prints a double with 15 digits if that is close
 * enough for it, so some lose bits, and the largest doubles become too large to be read; strings
 * are not checked for UTF-8.
 */
#include "codec.h"

#include "field.h"
#include "json_heap.h"
#include "json_scalar.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* ---- encode: a tree, printed, and given back --------------------------------------------------
 */

/* NULL if memory ran out or the message is too deep; which of them, error says. */
static cJSON *make_message(const struct plan_message *type, const ProtobufCMessage *message,
                           unsigned depth, int *error);

static cJSON *make_real(double value)
{
    const char *special = json_print_special(value);
    return special ? cJSON_CreateStringReference(special) : cJSON_CreateNumber(value);
}

static cJSON *make_enum(const struct plan_field *field, int value)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->descriptor->descriptor, value);
    return known ? cJSON_CreateStringReference(known->name) : cJSON_CreateNumber(value);
}

static cJSON *make_bytes(const ProtobufCBinaryData *bytes)
{
    char *text = malloc((bytes->len + 2) / 3 * 4 + 1);
    if (text == NULL)
        return NULL;
    json_print_base64(text, bytes->data, bytes->len);
    cJSON *item = cJSON_CreateString(text);
    free(text);
    return item;
}

static cJSON *make_value(const struct plan_field *field, const void *value, unsigned depth,
                         int *error)
{
    char text[JSON_INTEGER_MAX];
    switch (field->kind) {
    case PLAN_INT32:
        return cJSON_CreateNumber(*(const int32_t *)value);
    case PLAN_UINT32:
        return cJSON_CreateNumber(*(const uint32_t *)value);
    case PLAN_INT64:
        json_print_signed(text, *(const int64_t *)value);
        return cJSON_CreateString(text);
    case PLAN_UINT64:
        json_print_unsigned(text, *(const uint64_t *)value);
        return cJSON_CreateString(text);
    case PLAN_FLOAT:
        return make_real((double)*(const float *)value);
    case PLAN_DOUBLE:
        return make_real(*(const double *)value);
    case PLAN_BOOL:
        return cJSON_CreateBool(*(const protobuf_c_boolean *)value);
    case PLAN_ENUM:
        return make_enum(field, *(const int *)value);
    case PLAN_STRING: /* borrowed: the message outlives the tree */
        return cJSON_CreateStringReference(*(char *const *)value ? *(char *const *)value : "");
    case PLAN_BYTES:
        return make_bytes(value);
    case PLAN_MESSAGE:
        return make_message(field->message, *(ProtobufCMessage *const *)value, depth + 1, error);
    }
    return NULL;
}

static cJSON *make_array(const struct plan_field *field, const ProtobufCMessage *message,
                         unsigned depth, int *error)
{
    const char *values = *(const char *const *)field_get(message, field->offset);
    size_t count = field_count(message, field);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array != NULL && i < count; i++) {
        cJSON *item = make_value(field, values + i * field->value_size, depth, error);
        if (!cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* An object with the map's keys, in the order of its entries. */
static cJSON *make_map(const struct plan_field *map, const ProtobufCMessage *message,
                       unsigned depth, int *error)
{
    const struct plan_field *value = field_map_value(map);
    size_t count = field_count(message, map);
    if (depth + 1 > PLAN_MAX_DEPTH) {
        *error = -EINVAL;
        return NULL;
    }
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object != NULL && i < count; i++) {
        const ProtobufCMessage *entry = field_entry(message, map, i);
        char digits[JSON_INTEGER_MAX];
        const char *key = json_print_key(map, entry, digits);
        cJSON *item = make_value(value, field_get(entry, value->offset), depth + 1, error);
        if (!(key == digits ? cJSON_AddItemToObject(object, key, item)
                            : cJSON_AddItemToObjectCS(object, key, item))) {
            cJSON_Delete(item);
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static cJSON *make_message(const struct plan_message *type, const ProtobufCMessage *message,
                           unsigned depth, int *error)
{
    const struct plan_field *end = message ? type->fields + type->count : type->fields;
    if (depth > PLAN_MAX_DEPTH) {
        *error = -EINVAL;
        return NULL;
    }
    cJSON *object = cJSON_CreateObject();
    for (const struct plan_field *field = type->fields; object != NULL && field < end; field++) {
        if (!field_present(message, field))
            continue;
        cJSON *item = field->map ? make_map(field, message, depth, error)
                      : field->repeated
                          ? make_array(field, message, depth, error)
                          : make_value(field, field_get(message, field->offset), depth, error);
        if (!cJSON_AddItemToObjectCS(object, field->name, item)) {
            cJSON_Delete(item);
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static int build(const struct plan *plan, const ProtobufCMessage *message)
{
    int error = -ENOMEM;
    cJSON *tree = make_message(plan->root, message, 1, &error);
    cJSON_Delete(tree);
    return tree != NULL ? 0 : error;
}

/* cJSON's estimate of what it will print is a few bytes too high, and it writes a NUL: a buffer
 * that is nearly too small gets the text through one of the library's own. */
static int print_exactly(const cJSON *tree, uint8_t *dst, size_t cap, size_t *len)
{
    char *text = cJSON_PrintUnformatted(tree);
    if (text == NULL)
        return -ENOMEM;
    *len = strlen(text);
    if (*len <= cap)
        memcpy(dst, text, *len);
    cJSON_free(text);
    return *len <= cap ? 0 : -ENOSPC;
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    int error = -ENOMEM;
    cJSON *tree = make_message(plan->root, message, 1, &error);
    if (tree == NULL)
        return error;
    int room = cap < INT_MAX ? (int)cap : INT_MAX;
    if (cJSON_PrintPreallocated(tree, (char *)dst, room, false)) {
        *len = strlen((char *)dst);
        error = 0;
    } else {
        error = print_exactly(tree, dst, cap, len);
    }
    cJSON_Delete(tree);
    return error;
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

static int read_message(const struct plan_message *type, const cJSON *from,
                        ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth);

static int read_integer(const struct plan_field *field, const cJSON *from, void *slot)
{
    if (cJSON_IsString(from))
        return json_parse_integer(from->valuestring, strlen(from->valuestring), field->kind,
                                  slot) == 0
                   ? 0
                   : -EBADMSG;
    /* From 2^53 on a double need not be the number that was written. */
    double value = from->valuedouble;
    if (!cJSON_IsNumber(from) || !(fabs(value) < 0x1p53) || value != trunc(value))
        return -EBADMSG;
    return field_put_signed(slot, field->kind, (int64_t)value);
}

static int read_real(const struct plan_field *field, const cJSON *from, void *slot)
{
    double value = from->valuedouble;
    if (cJSON_IsString(from)
            ? !json_parse_special(from->valuestring, strlen(from->valuestring), &value)
            : !cJSON_IsNumber(from) || !isfinite(value))
        return -EBADMSG;
    return field_put_real(slot, field->kind, value);
}

static int read_enum(const struct plan_field *field, const cJSON *from, void *slot)
{
    if (!cJSON_IsString(from))
        return read_integer(field, from, slot);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        field->descriptor->descriptor, from->valuestring);
    if (value == NULL)
        return -EBADMSG;
    *(int *)slot = value->value;
    return 0;
}

static int read_text(const struct plan_field *field, const cJSON *from, void *slot,
                     ProtobufCAllocator *allocator)
{
    if (!cJSON_IsString(from))
        return -EBADMSG;
    size_t len = strlen(from->valuestring);
    if (field->kind == PLAN_STRING)
        return field_put_string(slot, from->valuestring, len, allocator);
    ProtobufCBinaryData *bytes = slot;
    bytes->data = field_alloc(allocator, len / 4 * 3 + 2);
    if (bytes->data == NULL)
        return -ENOMEM;
    return json_parse_base64(from->valuestring, len, bytes->data, &bytes->len);
}

/* Into an empty slot. */
static int read_value(const struct plan_field *field, const cJSON *from, void *slot,
                      ProtobufCAllocator *allocator, unsigned depth)
{
    switch (field->kind) {
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return read_real(field, from, slot);
    case PLAN_BOOL:
        *(protobuf_c_boolean *)slot = cJSON_IsTrue(from);
        return cJSON_IsBool(from) ? 0 : -EBADMSG;
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

static int read_map(const struct plan_field *map, const cJSON *from, ProtobufCMessage *message,
                    ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *value = field_map_value(map);
    void *entries;
    size_t *filled;
    const cJSON *item;
    size_t count = (size_t)cJSON_GetArraySize(from);
    if (!cJSON_IsObject(from) || (count > 0 && depth + 1 > PLAN_MAX_DEPTH))
        return -EBADMSG;
    int error = field_open_array(message, map, count, allocator, &entries, &filled);
    cJSON_ArrayForEach(item, from)
    {
        ProtobufCMessage *entry = NULL;
        if (error == 0) {
            entry = field_next_entry(entries, map, filled, allocator);
            error = entry
                        ? json_parse_key(map, item->string, strlen(item->string), entry, allocator)
                        : -ENOMEM;
        }
        if (error == 0)
            error =
                read_value(value, item, field_open(entry, value, allocator), allocator, depth + 1);
        if (error != 0)
            return error == -ENOMEM ? -ENOMEM : -EBADMSG;
    }
    return error;
}

static int read_field(const struct plan_field *field, const cJSON *from, ProtobufCMessage *message,
                      ProtobufCAllocator *allocator, unsigned depth)
{
    void *array;
    size_t *filled;
    const cJSON *item;
    if (!field->repeated)
        return read_value(field, from, field_open(message, field, allocator), allocator, depth);
    if (field->map)
        return read_map(field, from, message, allocator, depth);
    if (!cJSON_IsArray(from))
        return -EBADMSG;
    size_t count = (size_t)cJSON_GetArraySize(from);
    int error = field_open_array(message, field, count, allocator, &array, &filled);
    cJSON_ArrayForEach(item, from)
    {
        if (error != 0)
            break;
        error = read_value(field, item, field_next(array, field, filled), allocator, depth);
    }
    return error;
}

static int read_message(const struct plan_message *type, const cJSON *from,
                        ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth)
{
    const struct plan_field *expected = type->fields;
    uint64_t seen = 0;
    const cJSON *item;
    if (depth > PLAN_MAX_DEPTH || !cJSON_IsObject(from))
        return -EBADMSG;
    cJSON_ArrayForEach(item, from)
    {
        const struct plan_field *field =
            field_named(type, expected, item->string, strlen(item->string));
        if (field == NULL || cJSON_IsNull(item)) /* null: the field is absent, says the mapping */
            continue;
        expected = field + 1;
        int error = read_field(field, item, message, allocator, depth);
        if (error != 0)
            return error;
        seen |= field->required_bit;
    }
    return seen == type->required ? 0 : -EBADMSG;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A node of 64 bytes; a string's bytes in a piece of their own. */
static const struct json_cost cost = {.value = 80, .string = 32, .byte = 1};

/* A text that ends in '}' and is asked to hold nothing behind its object cannot make cJSON before
 * 1.7.18 read beyond its end, as `{"a":1,` does. *len: without white space at the end. */
static int check_text(const uint8_t *src, size_t *len)
{
    while (*len > 0 && is_space(src[*len - 1]))
        --*len;
    if (*len == 0 || src[*len - 1] != '}')
        return -EBADMSG;
    return json_heap_fits(src, *len, &cost) ? 0 : -ENOMEM;
}

static int check(const struct plan *plan, const uint8_t *src, size_t len)
{
    (void)plan;
    return check_text(src, &len);
}

static int parse_tree(const uint8_t *src, size_t len, cJSON **tree)
{
    const char *end = NULL;
    int error = check_text(src, &len);
    if (error != 0)
        return error;
    *tree = cJSON_ParseWithLengthOpts((const char *)src, len, &end, false);
    if (*tree != NULL && end == (const char *)src + len)
        return 0;
    cJSON_Delete(*tree);
    return -EBADMSG;
}

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    cJSON *tree;
    *message = NULL;
    int error = parse_tree(src, len, &tree);
    if (error != 0)
        return error;
    *message = field_new_message(plan->root, allocator);
    error = *message ? read_message(plan->root, tree, *message, allocator, 1) : -ENOMEM;
    cJSON_Delete(tree);
    if (error != 0 && *message != NULL) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

static int parse(const uint8_t *src, size_t len)
{
    cJSON *tree;
    int error = parse_tree(src, len, &tree);
    if (error == 0)
        cJSON_Delete(tree);
    return error;
}

/* ---- read: the tree, and no message -----------------------------------------------------------
 */

static uint64_t touch(const cJSON *item)
{
    const cJSON *child;
    uint64_t sum = (uint64_t)(uint8_t)item->type;
    if (cJSON_IsString(item))
        return sum + strlen(item->valuestring);
    if (cJSON_IsNumber(item)) {
        uint64_t bits;
        memcpy(&bits, &item->valuedouble, sizeof bits);
        return sum + bits;
    }
    cJSON_ArrayForEach(child, item) sum += touch(child);
    return sum;
}

static int read_fields(const struct plan *plan, const uint8_t *src, size_t len,
                       const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    cJSON *tree;
    (void)plan;
    int error = parse_tree(src, len, &tree);
    if (error != 0)
        return error;
    if (fields == NULL)
        *sum += touch(tree);
    for (size_t i = 0; fields != NULL && i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, fields[i]->name);
        *sum += item ? touch(item) : 0;
    }
    cJSON_Delete(tree);
    return 0;
}

const struct codec cjson_codec = {
    .name = "cjson",
    .label = "cJSON",
    .format = "JSON",
    .library = "cJSON",
    .content_type = "application/json",
    .version = cJSON_Version,
    .encode = encode,
    .decode = decode,
    .build = build,
    .check = check,
    .parse = parse,
    .read = read_fields,
};
