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
#include "json_digits.h"
#include "json_real.h"
#include "json_scalar.h"
#include "json_text.h"

struct writer {
    char *end;
    int error; /* why NULL was returned */
};

/* All of these return where to go on, or NULL. */
static char *put_message(struct writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, char *at, unsigned depth);

static inline size_t room(const struct writer *writer, const char *at)
{
    return (size_t)(writer->end - at);
}

static char *put_raw(struct writer *writer, char *at, const char *text, size_t len)
{
    if (room(writer, at) < len) {
        writer->error = -ENOSPC;
        return NULL;
    }
    memcpy(at, text, len);
    return at + len;
}

static char *put_string(struct writer *writer, char *at, const char *text)
{
    return json_put_text(at, writer->end, text ? text : "", text ? strlen(text) : 0,
                         &writer->error);
}

/* Letters in quotes that need no escapes. */
static char *put_word(char *at, const char *word)
{
    size_t len = strlen(word);
    *at = '"';
    memcpy(at + 1, word, len);
    at[len + 1] = '"';
    return at + len + 2;
}

static inline char *put_real(char *at, unsigned kind, const void *value)
{
    double real = kind == PLAN_FLOAT ? (double)*(const float *)value : *(const double *)value;
    const char *special = json_print_special(real);
    if (special != NULL)
        return put_word(at, special);
    return kind == PLAN_FLOAT ? json_put_float(at, *(const float *)value)
                              : json_put_double(at, real);
}

enum { PUT_NUMBER = 34 }; /* bytes that put_number may write */

/* Numbers, booleans, and enums whose value has no name. */
static inline __attribute__((always_inline)) char *put_number(char *at, unsigned kind,
                                                              const void *value)
{
    switch (kind) {
    case PLAN_INT64:
        *at = '"';
        at = json_put_signed(at + 1, *(const int64_t *)value);
        *at = '"';
        return at + 1;
    case PLAN_UINT64:
        *at = '"';
        at = json_put_unsigned(at + 1, *(const uint64_t *)value);
        *at = '"';
        return at + 1;
    case PLAN_UINT32:
        return json_put_unsigned(at, *(const uint32_t *)value);
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return put_real(at, kind, value);
    case PLAN_BOOL: {
        bool yes = *(const protobuf_c_boolean *)value != 0;
        memcpy(at, yes ? "true" : "false", 5);
        return at + (yes ? 4 : 5);
    }
    default:
        return json_put_signed(at, *(const int32_t *)value);
    }
}

static char *put_number_closely(struct writer *writer, char *at, unsigned kind, const void *value)
{
    char text[PUT_NUMBER];
    return put_raw(writer, at, text, (size_t)(put_number(text, kind, value) - text));
}

static char *put_enum(struct writer *writer, char *at, const struct plan_field *field,
                      const void *value)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->descriptor->descriptor, *(const int *)value);
    if (known != NULL)
        return put_string(writer, at, known->name);
    return put_number_closely(writer, at, PLAN_ENUM, value);
}

static char *put_bytes(struct writer *writer, char *at, const ProtobufCBinaryData *bytes)
{
    size_t len = (bytes->len + 2) / 3 * 4;
    if (room(writer, at) < len + 2) {
        writer->error = -ENOSPC;
        return NULL;
    }
    *at = '"';
    json_print_base64(at + 1, bytes->data, bytes->len); /* its NUL is where the quote comes */
    at[len + 1] = '"';
    return at + len + 2;
}

static inline __attribute__((always_inline)) char *put_value(struct writer *writer,
                                                             const struct plan_field *field,
                                                             const void *value, char *at,
                                                             unsigned depth)
{
    switch (field->kind) {
    case PLAN_ENUM:
        return put_enum(writer, at, field, value);
    case PLAN_STRING:
        return put_string(writer, at, *(const char *const *)value);
    case PLAN_BYTES:
        return put_bytes(writer, at, value);
    case PLAN_MESSAGE:
        return put_message(writer, field->message, *(ProtobufCMessage *const *)value, at,
                           depth + 1);
    default:
        if (room(writer, at) < PUT_NUMBER)
            return put_number_closely(writer, at, field->kind, value);
        return put_number(at, field->kind, value);
    }
}

static __attribute__((noinline)) char *put_array(struct writer *writer,
                                                 const struct plan_field *field,
                                                 const ProtobufCMessage *message, char *at,
                                                 unsigned depth)
{
    const char *value = *(const char *const *)field_get(message, field->offset);
    size_t count = field_count(message, field);
    char sign = '[';
    for (size_t i = 0; i < count; i++, value += field->value_size) {
        if (room(writer, at) == 0)
            break;
        *at++ = sign;
        sign = ',';
        at = put_value(writer, field, value, at, depth);
        if (at == NULL)
            return NULL;
    }
    return put_raw(writer, at, "]", 1);
}

/* Every key begins with a comma; of the first field it becomes the brace. */
static char *put_message(struct writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, char *at, unsigned depth)
{
    char *start = at;
    size_t count = 0;
    if (depth > PLAN_MAX_DEPTH) {
        writer->error = -EINVAL;
        return NULL;
    }
    for (uint32_t first = 0; message != NULL && first < type->count; first += 64) {
        uint64_t mask = field_present_mask(message, type, first, &count);
        for (; mask != 0; mask &= mask - 1) {
            const struct plan_field *field = &type->fields[first + (uint32_t)__builtin_ctzll(mask)];
            if (field->json_key_len <= PLAN_KEY_COPY && room(writer, at) >= PLAN_KEY_COPY) {
                memcpy(at, field->json_key, PLAN_KEY_COPY); /* see write_key in msgpack_c.c */
                at += field->json_key_len;
            } else {
                at = put_raw(writer, at, field->json_key, field->json_key_len);
                if (at == NULL)
                    return NULL;
            }
            if (field->repeated)
                at = put_array(writer, field, message, at, depth);
            else
                at = put_value(writer, field, field_get(message, field->offset), at, depth);
            if (at == NULL)
                return NULL;
        }
    }
    if (count == 0)
        return put_raw(writer, at, "{}", 2);
    *start = '{';
    return put_raw(writer, at, "}", 1);
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    struct writer writer = {.end = (char *)dst + cap};
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
