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

#include "json_floor_values.inc"

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
 * has one place for each kind; by hand, with a place for each field, that gained nothing. Where the
 * linker happens to put it shows, too, if it is not told.
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
        memcpy(at, field->key, PLAN_KEY_HEAD); /* see write_key in msgpack_c.c */                  \
        if (field->step == PLAN_STRING) /* most are: a branch of their own is guessed better */    \
            goto string;                                                                           \
        goto *steps[field->step];                                                                  \
    } while (0)

/* Every key begins with a comma; of the first field it becomes the brace. */
static __attribute__((flatten, aligned(64))) char *put_message(struct json_writer *writer,
                                                               const struct plan_message *type,
                                                               const ProtobufCMessage *message,
                                                               char *at, unsigned depth)
{
    static const void *const steps[] = {
        [PLAN_INT32] = &&int32,     [PLAN_UINT32] = &&uint32, [PLAN_INT64] = &&int64,
        [PLAN_UINT64] = &&uint64,   [PLAN_FLOAT] = &&real32,  [PLAN_DOUBLE] = &&real64,
        [PLAN_BOOL] = &&boolean,    [PLAN_ENUM] = &&other,    [PLAN_STRING] = &&string,
        [PLAN_BYTES] = &&other,     [PLAN_MESSAGE] = &&inner, [PLAN_ARRAY] = &&array,
        [PLAN_MAP] = &&other,       [PLAN_FAR] = &&other,     [PLAN_END] = &&end,
        [PLAN_REFINED] = &&refined, [PLAN_LONG] = &&longer,
    };
    char *const start = at;
    const struct plan_json *field = type->json - 1;
    const char *text;
    uint64_t number;
    int64_t with_sign;
    if (depth > PLAN_MAX_DEPTH) {
        writer->error = -EINVAL;
        return NULL;
    }
    if (message == NULL)
        return json_put_raw(writer, at, "{}", 2);
    NEXT_FIELD;
longer:
    memcpy(at + PLAN_KEY_HEAD, field->key + PLAN_KEY_HEAD, PLAN_KEY_COPY - PLAN_KEY_HEAD);
refined:
    if (field->field->test.refine == PLAN_TEXT && *VALUE(char *) != '\0')
        goto string; /* of proto3: those are many */
    if (!field_present(message, field->field))
        NEXT_FIELD;
    goto *steps[field->field->step];
int32:
    with_sign = VALUE(int32_t);
    at = json_put_minus(BEHIND_KEY, with_sign, &number);
    goto plain;
uint32:
    number = VALUE(uint32_t);
    at = BEHIND_KEY;
plain:
    at = json_put_unsigned(at, number);
    NEXT_FIELD;
int64:
    with_sign = VALUE(int64_t);
    at = BEHIND_KEY;
    *at = '"';
    at = json_put_minus(at + 1, with_sign, &number);
    goto quoted;
uint64:
    number = VALUE(uint64_t);
    at = BEHIND_KEY;
    *at++ = '"';
quoted:
    at = json_put_unsigned(at, number);
    *at++ = '"';
    NEXT_FIELD;
real32:
    at = json_put_real(BEHIND_KEY, PLAN_FLOAT, &VALUE(float));
    NEXT_FIELD;
real64:
    at = json_put_real(BEHIND_KEY, PLAN_DOUBLE, &VALUE(double));
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
        goto near_end;
other:
    at = put_closely(writer, field->field, message, at, depth);
    if (at == NULL)
        return NULL;
    NEXT_FIELD;
end:
    if (at == start)
        return json_put_raw(writer, at, "{}", 2);
    *start = '{';
    return at + 1; /* the end's key is a brace */
near_end:
    if (at == start)
        return json_put_raw(writer, at, "{}", 2);
    *start = '{';
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
