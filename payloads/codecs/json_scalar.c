/* SPDX-License-Identifier: MIT */
#include "json_scalar.h"

#include "field.h"

#include <errno.h>
#include <math.h>

size_t json_print_unsigned(char *text, uint64_t value)
{
    char reversed[JSON_INTEGER_MAX];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < len; i++)
        text[i] = reversed[len - 1 - i];
    text[len] = '\0';
    return len;
}

size_t json_print_signed(char *text, int64_t value)
{
    if (value >= 0)
        return json_print_unsigned(text, (uint64_t)value);
    text[0] = '-';
    return 1 + json_print_unsigned(text + 1, 0 - (uint64_t)value);
}

int json_parse_integer(const char *text, size_t len, enum plan_kind kind, void *slot)
{
    bool negative = len > 0 && text[0] == '-';
    uint64_t value = 0;
    if (len == (size_t)negative)
        return -EBADMSG;
    for (size_t i = negative; i < len; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return -EBADMSG;
        if (value > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        value = value * 10 + digit;
    }
    if (!negative)
        return field_put_unsigned(slot, kind, value) == 0 ? 0 : -ERANGE;
    if (value > (uint64_t)INT64_MAX + 1)
        return -ERANGE;
    int64_t below = value == 0 ? 0 : -(int64_t)(value - 1) - 1;
    return field_put_signed(slot, kind, below) == 0 ? 0 : -ERANGE;
}

const char *json_print_key(const struct plan_field *map, const ProtobufCMessage *entry, char *text)
{
    const struct plan_field *key = field_map_key(map);
    const void *value = field_get(entry, key->offset);
    switch (key->kind) {
    case PLAN_INT32:
        json_print_signed(text, *(const int32_t *)value);
        return text;
    case PLAN_INT64:
        json_print_signed(text, *(const int64_t *)value);
        return text;
    case PLAN_UINT32:
        json_print_unsigned(text, *(const uint32_t *)value);
        return text;
    case PLAN_UINT64:
        json_print_unsigned(text, *(const uint64_t *)value);
        return text;
    case PLAN_BOOL:
        return *(const protobuf_c_boolean *)value ? "true" : "false";
    default: /* a string; Protocol Buffers knows no other kinds of keys */
        return *(const char *const *)value ? *(const char *const *)value : "";
    }
}

/* A number has one spelling as a key: a library that keeps each key of an object once would take
 * "0" and "-0" for two, and lose one of them when it writes both as "0". */
static bool is_canonical(const char *text, size_t len)
{
    size_t sign = len > 0 && text[0] == '-';
    return len == 1 || len <= sign || text[sign] != '0';
}

int json_parse_key(const struct plan_field *map, const char *text, size_t len,
                   ProtobufCMessage *entry, ProtobufCAllocator *allocator)
{
    const struct plan_field *key = field_map_key(map);
    void *slot = field_open(entry, key, allocator);
    if (key->kind == PLAN_STRING)
        return field_put_string(slot, text, len, allocator);
    if (key->kind != PLAN_BOOL)
        return is_canonical(text, len) ? json_parse_integer(text, len, key->kind, slot) : -EBADMSG;
    bool yes = len == 4 && memcmp(text, "true", 4) == 0;
    *(protobuf_c_boolean *)slot = yes;
    return yes || (len == 5 && memcmp(text, "false", 5) == 0) ? 0 : -EBADMSG;
}

const char *json_print_special(double value)
{
    if (isfinite(value))
        return NULL;
    if (isnan(value))
        return "NaN";
    return value > 0 ? "Infinity" : "-Infinity";
}

bool json_parse_special(const char *text, size_t len, double *value)
{
    if (len == 3 && memcmp(text, "NaN", 3) == 0)
        *value = (double)NAN;
    else if (len == 8 && memcmp(text, "Infinity", 8) == 0)
        *value = (double)INFINITY;
    else if (len == 9 && memcmp(text, "-Infinity", 9) == 0)
        *value = -(double)INFINITY;
    else
        return false;
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void json_print_base64(char *text, const uint8_t *data, size_t len)
{
    for (; len > 0; data += 3) {
        uint32_t three = (uint32_t)data[0] << 16;
        if (len > 1)
            three |= (uint32_t)data[1] << 8;
        if (len > 2)
            three |= data[2];
        *text++ = alphabet[three >> 18];
        *text++ = alphabet[three >> 12 & 63];
        *text++ = len > 1 ? alphabet[three >> 6 & 63] : '=';
        *text++ = len > 2 ? alphabet[three & 63] : '=';
        len -= len > 3 ? 3 : len;
    }
    *text = '\0';
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int json_parse_base64(const char *text, size_t len, uint8_t *data, size_t *data_len)
{
    size_t given = len, digits;
    uint32_t bits = 0;
    *data_len = 0;
    while (len > 0 && text[len - 1] == '=' && given - len < 2)
        len--;
    if (len % 4 == 1 || (given != len && given % 4 != 0))
        return -EBADMSG;
    for (digits = 0; digits < len; digits++) {
        int digit = base64_digit(text[digits]);
        if (digit < 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)digit;
        if (digits % 4 > 0)
            data[(*data_len)++] = (uint8_t)(bits >> (6 - digits % 4 * 2));
    }
    return 0;
}
