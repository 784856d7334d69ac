/* SPDX-License-Identifier: MIT */
#include "corpus_scalar.h"

#include "arena.h"
#include "field.h"
#include "json_scalar.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN = 40 }; /* digits, of which 64 bits never have so many */

/* The mapping takes 1.0 and 1e2 for integers, too. Such a number in plain digits, exactly, or at
 * least too many of them; false if it is no number, or not a whole one. */
static bool spell_out(const char *text, char plain[PLAIN + 2], size_t *len)
{
    const char *power = strpbrk(text, "eE"), *at = text + (*text == '-');
    const long most = 1L << 30, stated = power ? strtol(power + 1, NULL, 10) : 0;
    long whole = (long)strcspn(at, ".eE"), digits = 0;
    whole += stated > most ? most : stated < -most ? -most : stated;
    *len = *text == '-';
    plain[0] = '-';
    const size_t first = *len;
    for (; at != power && *at != '\0'; at++) {
        if (*at == '.')
            continue;
        if (digits++ >= whole && *at != '0')
            return false;
        if (digits <= whole && (*len > first || *at != '0') && *len < PLAIN)
            plain[(*len)++] = *at;
    }
    for (; digits<whole && * len> first && *len < PLAIN; digits++)
        plain[(*len)++] = '0';
    if (*len == first)
        plain[(*len)++] = '0';
    return true;
}

static bool read_integer(struct json_reader *reader, const struct plan_field *field, void *slot)
{
    static const char *const name[] = {[PLAN_INT32] = "a 32-bit integer",
                                       [PLAN_UINT32] = "an unsigned 32-bit integer",
                                       [PLAN_INT64] = "a 64-bit integer",
                                       [PLAN_UINT64] = "an unsigned 64-bit integer",
                                       [PLAN_ENUM] = "a 32-bit integer"};
    bool quoted = json_reader_peek(reader) == '"';
    if (quoted ? !json_reader_string(reader) : !json_reader_number(reader))
        return false;
    const char *text = reader->text;
    size_t len = reader->text_len, plain_len;
    char plain[PLAIN + 2];
    if (strpbrk(text, ".eE") != NULL && json_is_number(text, len) &&
        spell_out(text, plain, &plain_len)) {
        text = plain;
        len = plain_len;
    }
    int error = json_parse_integer(text, len, field->kind, slot);
    if (error == -ERANGE)
        return json_reader_fail(reader, -ERANGE, "%s is beyond %s", reader->text,
                                name[field->kind]);
    if (error != 0)
        return json_reader_fail(reader, -EBADMSG, "expected %s", name[field->kind]);
    return true;
}

/* In the C locale, whatever the program's is. */
static double parse_real(const char *text)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = plain ? strtod_l(text, NULL, plain) : strtod(text, NULL);
    if (plain)
        freelocale(plain);
    return value;
}

static bool read_real(struct json_reader *reader, const struct plan_field *field, void *slot)
{
    double value;
    bool quoted = json_reader_peek(reader) == '"';
    if (quoted ? !json_reader_string(reader) : !json_reader_number(reader))
        return false;
    if (!quoted || !json_parse_special(reader->text, reader->text_len, &value)) {
        if (!json_is_number(reader->text, reader->text_len))
            return json_reader_fail(reader, -EBADMSG, "expected a number");
        value = parse_real(reader->text);
        if (!isfinite(value))
            return json_reader_fail(reader, -ERANGE, "%s is beyond a double", reader->text);
    }
    if (field_put_real(slot, field->kind, value) != 0)
        return json_reader_fail(reader, -ERANGE, "%s is beyond a float", reader->text);
    return true;
}

static bool read_enum(struct json_reader *reader, const struct plan_field *field, void *slot)
{
    const ProtobufCEnumDescriptor *type = field->descriptor->descriptor;
    if (json_reader_peek(reader) != '"')
        return read_integer(reader, field, slot);
    if (!json_reader_string(reader))
        return false;
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(type, reader->text);
    if (value == NULL)
        return json_reader_fail(reader, -EBADMSG, "%s has no value %s", type->name, reader->text);
    *(int32_t *)slot = value->value;
    return true;
}

static bool read_bool(struct json_reader *reader, void *slot)
{
    bool yes = json_reader_word(reader, "true");
    if (!yes && !json_reader_word(reader, "false"))
        return json_reader_fail(reader, -EBADMSG, "expected true or false");
    *(protobuf_c_boolean *)slot = yes;
    return true;
}

static bool read_text(struct json_reader *reader, const struct plan_field *field, void *slot)
{
    if (json_reader_peek(reader) != '"')
        return json_reader_fail(reader, -EBADMSG, "expected a string%s",
                                field->kind == PLAN_BYTES ? " (base64)" : "");
    if (!json_reader_string(reader))
        return false;
    if (field->kind == PLAN_STRING) {
        if (memchr(reader->text, '\0', reader->text_len) != NULL)
            return json_reader_fail(reader, -EBADMSG, "\\u0000: C strings cannot hold it");
        if (field_put_string(slot, reader->text, reader->text_len, &heap_allocator) != 0)
            return json_reader_fail(reader, -ENOMEM, "out of memory");
        return true;
    }
    ProtobufCBinaryData *bytes = slot;
    bytes->data = malloc(reader->text_len / 4 * 3 + 2);
    if (bytes->data == NULL)
        return json_reader_fail(reader, -ENOMEM, "out of memory");
    if (json_parse_base64(reader->text, reader->text_len, bytes->data, &bytes->len) == 0)
        return true;
    free(bytes->data);
    *bytes = (ProtobufCBinaryData){0};
    return json_reader_fail(reader, -EBADMSG, "expected base64");
}

bool corpus_read_scalar(struct json_reader *reader, const struct plan_field *field, void *slot)
{
    switch (field->kind) {
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return read_real(reader, field, slot);
    case PLAN_BOOL:
        return read_bool(reader, slot);
    case PLAN_ENUM:
        return read_enum(reader, field, slot);
    case PLAN_STRING:
    case PLAN_BYTES:
        return read_text(reader, field, slot);
    default:
        return read_integer(reader, field, slot);
    }
}
