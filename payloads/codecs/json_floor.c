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
#include "json_text_inline.h"

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

/* One value of a kind, which is a constant where arrays put it. */
static inline __attribute__((always_inline)) char *put_value(struct json_writer *writer,
                                                             const struct plan_field *field,
                                                             unsigned kind, const void *value,
                                                             char *at, unsigned depth)
{
    switch (kind) {
    case PLAN_ENUM:
        return put_enum(writer, at, field, value);
    case PLAN_STRING:
        return json_put_string(writer, at, *(const char *const *)value);
    case PLAN_BYTES:
        return put_bytes(writer, at, value);
    case PLAN_MESSAGE:
        return put_message(writer, field->message, *(ProtobufCMessage *const *)value, at,
                           depth + 1);
    default:
        return json_room(writer, at) >= JSON_PUT_NUMBER
                   ? json_put_number(at, kind, value)
                   : json_put_number_closely(writer, at, kind, value);
    }
}

/* clang-format off */
#define EACH_KIND(X)                                                                               \
    X(PLAN_INT32) X(PLAN_UINT32) X(PLAN_INT64) X(PLAN_UINT64) X(PLAN_FLOAT) X(PLAN_DOUBLE)         \
    X(PLAN_BOOL) X(PLAN_ENUM) X(PLAN_STRING) X(PLAN_BYTES) X(PLAN_MESSAGE)
/* clang-format on */

static char *put_any(struct json_writer *writer, const struct plan_field *field, const void *value,
                     char *at, unsigned depth)
{
    return put_value(writer, field, field->kind, value, at, depth);
}

static inline __attribute__((always_inline)) char *
put_elements(struct json_writer *writer, const struct plan_field *field, unsigned kind,
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
        at = put_value(writer, field, kind, value, at, depth);
        if (at == NULL)
            return NULL;
    }
    return json_put_sign(writer, at, ']');
}

/* The kind is the loop's, not the value's: no jump on it for every one of many. */
static __attribute__((noinline)) char *put_array(struct json_writer *writer,
                                                 const struct plan_field *field,
                                                 const ProtobufCMessage *message, char *at,
                                                 unsigned depth)
{
    switch (field->kind) {
#define ARRAY_OF(kind)                                                                             \
    case kind:                                                                                     \
        return put_elements(writer, field, kind, message, at, depth);
        EACH_KIND(ARRAY_OF)
    }
    __builtin_unreachable(); /* a plan has no other kinds */
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
            at = put_any(writer, value, field_get(entry, value->offset), at, depth + 1);
        if (at == NULL)
            return NULL;
    }
    return json_put_sign(writer, at, '}');
}

/* A field whose key is long, or with the end near; if it is there. */
static __attribute__((noinline)) char *put_closely(struct json_writer *writer,
                                                   const struct plan_field *field,
                                                   const ProtobufCMessage *message, char *at,
                                                   unsigned depth)
{
    if (!field_present(message, field))
        return at;
    at = json_put_raw(writer, at, field->json_key, field->json_key_len);
    if (at == NULL)
        return NULL;
    if (field->step == PLAN_ARRAY)
        return put_array(writer, field, message, at, depth);
    if (field->step == PLAN_MAP)
        return put_map(writer, field, message, at, depth);
    return put_any(writer, field, field_get(message, field->offset), at, depth);
}

static inline bool may_be_there(const ProtobufCMessage *message, const struct plan_json *field)
{
    uint64_t word;
    memcpy(&word, field_get(message, field->test_offset), sizeof(word));
    return (word & field->mask) != 0;
}

/*
 * Labels as values are no C11, but gcc and clang have them: from the end of one field straight to
 * the kind of the next. With a switch in a loop orders took 8 % longer, as the compiler then kept
 * in memory what belongs into registers. In line is what a table can afford to have in line, as it
 * has one place for each kind; by hand, with a place for each field, that gained nothing.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#define VALUE(type) (*(const type *)field_get(message, field->offset))
#define BEHIND_KEY (at + field->key_len)
#define NEXT_FIELD                                                                                 \
    do {                                                                                           \
        do                                                                                         \
            field++;                                                                               \
        while (!may_be_there(message, field));                                                     \
        if (__builtin_expect((uintptr_t)at > writer->roomy, 0))                                    \
            goto near;                                                                             \
        memcpy(at, field->key, PLAN_KEY_COPY); /* see write_key in msgpack_c.c */                  \
        if (field->step == PLAN_STRING) /* most are: a branch of their own is guessed better */    \
            goto string;                                                                           \
        goto *steps[field->step];                                                                  \
    } while (0)

/* Every key begins with a comma; of the first field it becomes the brace. */
static __attribute__((flatten)) char *put_message(struct json_writer *writer,
                                                  const struct plan_message *type,
                                                  const ProtobufCMessage *message, char *at,
                                                  unsigned depth)
{
    static const void *const steps[] = {
        [PLAN_INT32] = &&int32,     [PLAN_UINT32] = &&uint32, [PLAN_INT64] = &&int64,
        [PLAN_UINT64] = &&uint64,   [PLAN_FLOAT] = &&real,    [PLAN_DOUBLE] = &&real,
        [PLAN_BOOL] = &&boolean,    [PLAN_ENUM] = &&other,    [PLAN_STRING] = &&string,
        [PLAN_BYTES] = &&other,     [PLAN_MESSAGE] = &&inner, [PLAN_ARRAY] = &&array,
        [PLAN_MAP] = &&other,       [PLAN_FAR] = &&other,     [PLAN_END] = &&end,
        [PLAN_REFINED] = &&refined,
    };
    char *const start = at;
    const struct plan_json *field = type->json - 1;
    const char *text;
    if (depth > PLAN_MAX_DEPTH) {
        writer->error = -EINVAL;
        return NULL;
    }
    if (message == NULL)
        return json_put_raw(writer, at, "{}", 2);
    NEXT_FIELD;
refined:
    if (field->field->test.refine == PLAN_TEXT && *VALUE(char *) != '\0')
        goto string; /* of proto3: those are many */
    if (!field_present(message, field->field))
        NEXT_FIELD;
    goto *steps[field->field->step];
int32:
    at = json_put_signed(BEHIND_KEY, VALUE(int32_t));
    NEXT_FIELD;
uint32:
    at = json_put_unsigned(BEHIND_KEY, VALUE(uint32_t));
    NEXT_FIELD;
int64:
    at = json_put_signed_text(BEHIND_KEY, VALUE(int64_t));
    NEXT_FIELD;
uint64:
    at = json_put_unsigned_text(BEHIND_KEY, VALUE(uint64_t));
    NEXT_FIELD;
real:
    at = json_put_real(BEHIND_KEY, field->step, &VALUE(double));
    NEXT_FIELD;
boolean:
    at = json_put_bool(BEHIND_KEY, VALUE(protobuf_c_boolean) != 0);
    NEXT_FIELD;
string:
    text = VALUE(char *) ? VALUE(char *) : "";
    at = json_put_text_inline(BEHIND_KEY, writer->end, text, strlen(text), &writer->error);
    if (at == NULL)
        return NULL;
    NEXT_FIELD;
inner:
    at = put_message(writer, field->field->message, VALUE(ProtobufCMessage *), BEHIND_KEY,
                     depth + 1);
    if (at == NULL)
        return NULL;
    NEXT_FIELD;
array:
    at = put_array(writer, field->field, message, BEHIND_KEY, depth);
    if (at == NULL)
        return NULL;
    NEXT_FIELD;
near:
    if (field->step == PLAN_END)
        goto end;
other:
    at = put_closely(writer, field->field, message, at, depth);
    if (at == NULL)
        return NULL;
    NEXT_FIELD;
end:
    if (at == start)
        return json_put_raw(writer, at, "{}", 2);
    *start = '{';
    if ((uintptr_t)at <= writer->roomy)
        return at + 1; /* the end's key is a brace */
    return json_put_sign(writer, at, '}');
}
#pragma GCC diagnostic pop

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    const size_t room = PLAN_KEY_COPY + JSON_PUT_NUMBER;
    struct json_writer writer = {.end = (char *)dst + cap,
                                 .roomy = cap >= room ? (uintptr_t)dst + cap - room : 0};
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
    .read = json_floor_look,
};
