/* SPDX-License-Identifier: MIT */
/*
 * JSON without a library: how fast the format itself can be written and read. Straight between
 * bytes and struct, no tree; numbers by <charconv> (json_real.h), strings eight bytes at a time.
 * proto3's mapping as cjson.c has it: 64-bit integers as decimal strings, bytes in base64, enums by
 * name, NaN and the infinities as strings. Doubles and floats are the shortest text that reads
 * back as the same bits. Text that is not UTF-8 is refused both ways.
 */
#include "json_floor.h"

#include "codec.h"
#include "field.h"
#include "json_put.h"
#include "json_scalar.h"

/* All of these return where to go on, or NULL. */
static char *put_message(struct json_writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, char *at, unsigned depth);

static char *put_enum(struct json_writer *writer, char *at, const struct plan_field *field,
                      const void *value)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->descriptor->descriptor, *(const int *)value);
    if (known != NULL)
        return json_put_string(writer, at, known->name);
    return json_put_number_closely(writer, at, PLAN_ENUM, value);
}

static char *put_bytes(struct json_writer *writer, char *at, const ProtobufCBinaryData *bytes)
{
    size_t len = (bytes->len + 2) / 3 * 4;
    if (json_room(writer, at) < len + 2) {
        writer->error = -ENOSPC;
        return NULL;
    }
    *at = '"';
    json_print_base64(at + 1, bytes->data, bytes->len); /* its NUL is where the quote comes */
    at[len + 1] = '"';
    return at + len + 2;
}

static char *put_array(struct json_writer *writer, const struct plan_field *field,
                       const ProtobufCMessage *message, char *at, unsigned depth);
static char *put_map(struct json_writer *writer, const struct plan_field *map,
                     const ProtobufCMessage *message, char *at, unsigned depth);

/* What is at value; of an array or a map, what message has there. Where a number fits for sure: one
 * jump for all, as a second one for the kind of a number is felt. */
static inline __attribute__((always_inline)) char *
put_roomy(struct json_writer *writer, const struct plan_field *field, unsigned step,
          const ProtobufCMessage *message, const void *value, char *at, unsigned depth)
{
    switch (step) {
    case PLAN_INT32:
        return json_put_signed(at, *(const int32_t *)value);
    case PLAN_UINT32:
        return json_put_unsigned(at, *(const uint32_t *)value);
    case PLAN_INT64:
        return json_put_signed_text(at, *(const int64_t *)value);
    case PLAN_UINT64:
        return json_put_unsigned_text(at, *(const uint64_t *)value);
    case PLAN_FLOAT:
        return json_put_real(at, PLAN_FLOAT, value);
    case PLAN_DOUBLE:
        return json_put_real(at, PLAN_DOUBLE, value);
    case PLAN_BOOL:
        return json_put_bool(at, *(const protobuf_c_boolean *)value != 0);
    case PLAN_ENUM:
        return put_enum(writer, at, field, value);
    case PLAN_STRING:
        return json_put_string(writer, at, *(const char *const *)value);
    case PLAN_BYTES:
        return put_bytes(writer, at, value);
    case PLAN_MESSAGE:
        return put_message(writer, field->message, *(ProtobufCMessage *const *)value, at,
                           depth + 1);
    case PLAN_ARRAY:
        return put_array(writer, field, message, at, depth);
    case PLAN_MAP:
        return put_map(writer, field, message, at, depth);
    }
    __builtin_unreachable(); /* a plan has no other steps */
}

static __attribute__((noinline)) char *put_closely(struct json_writer *writer,
                                                   const struct plan_field *field, unsigned step,
                                                   const ProtobufCMessage *message,
                                                   const void *value, char *at, unsigned depth)
{
    if (step < PLAN_ENUM)
        return json_put_number_closely(writer, at, step, value);
    return put_roomy(writer, field, step, message, value, at, depth);
}

static char *put_value(struct json_writer *writer, const struct plan_field *field,
                       const void *value, char *at, unsigned depth)
{
    if (json_room(writer, at) < JSON_PUT_NUMBER)
        return put_closely(writer, field, field->kind, NULL, value, at, depth);
    return put_roomy(writer, field, field->kind, NULL, value, at, depth);
}

static char *put_array(struct json_writer *writer, const struct plan_field *field,
                       const ProtobufCMessage *message, char *at, unsigned depth)
{
    const char *value = *(const char *const *)field_get(message, field->offset);
    size_t count = field_count(message, field);
    char sign = '[';
    for (size_t i = 0; i < count; i++, value += field->value_size) {
        if (json_room(writer, at) == 0)
            break;
        *at++ = sign;
        sign = ',';
        at = put_value(writer, field, value, at, depth);
        if (at == NULL)
            return NULL;
    }
    return json_put_sign(writer, at, ']');
}

/* An object with the map's keys, in the order of its entries. */
static char *put_map(struct json_writer *writer, const struct plan_field *map,
                     const ProtobufCMessage *message, char *at, unsigned depth)
{
    const struct plan_field *value = field_map_value(map);
    size_t count = field_count(message, map);
    char digits[JSON_INTEGER_MAX];
    if (depth + 1 > PLAN_MAX_DEPTH) {
        writer->error = -EINVAL;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessage *entry = field_entry(message, map, i);
        at = json_put_sign(writer, at, i == 0 ? '{' : ',');
        if (at != NULL)
            at = json_put_string(writer, at, json_print_key(map, entry, digits));
        if (at != NULL)
            at = json_put_sign(writer, at, ':');
        if (at != NULL)
            at = put_value(writer, value, field_get(entry, value->offset), at, depth + 1);
        if (at == NULL)
            return NULL;
    }
    return json_put_sign(writer, at, '}');
}

/* Every key begins with a comma; of the first field it becomes the brace. */
static char *put_message(struct json_writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, char *at, unsigned depth)
{
    char *start = at;
    const struct plan_field *field = type->fields, *end = message ? field + type->count : field;
    if (depth > PLAN_MAX_DEPTH) {
        writer->error = -EINVAL;
        return NULL;
    }
    for (; field < end; field++) {
        if (!field_present(message, field))
            continue;
        const void *value = field_get(message, field->offset);
        if (__builtin_expect(json_room(writer, at) >= field->json_room, 1)) {
            memcpy(at, field->json_key, PLAN_KEY_COPY); /* see write_key in msgpack_c.c */
            at += field->json_key_len;
            at = put_roomy(writer, field, field->step, message, value, at, depth);
        } else {
            at = json_put_raw(writer, at, field->json_key, field->json_key_len);
            if (at != NULL)
                at = put_closely(writer, field, field->step, message, value, at, depth);
        }
        if (at == NULL)
            return NULL;
    }
    if (at == start)
        return json_put_raw(writer, at, "{}", 2);
    *start = '{';
    return json_put_sign(writer, at, '}');
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    struct json_writer writer = {.end = (char *)dst + cap};
    char *end = put_message(&writer, plan->root, message, (char *)dst, 1);
    if (end == NULL)
        return writer.error;
    *len = (size_t)(end - (char *)dst);
    return 0;
}

static const char *version(void)
{
    return ASSAY_VERSION;
}

const struct codec json_floor_codec = {
    .name = "json_floor",
    .label = "JSON floor (ours)",
    .format = "JSON",
    .library = "Assay's floor",
    .content_type = "application/json",
    .ours = true,
    .version = version,
    .encode = encode,
    .decode = json_floor_decode,
};
