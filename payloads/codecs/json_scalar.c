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

/* What a sign of either alphabet stands for, with a bit that nothing else has. By a table, since
 * which sign comes next no branch predictor learns: that took ten times as long. */
enum { DIGIT = 64 };
static const uint8_t digit_of[256] = {
    ['A'] = DIGIT + 0,  ['B'] = DIGIT + 1,  ['C'] = DIGIT + 2,  ['D'] = DIGIT + 3,
    ['E'] = DIGIT + 4,  ['F'] = DIGIT + 5,  ['G'] = DIGIT + 6,  ['H'] = DIGIT + 7,
    ['I'] = DIGIT + 8,  ['J'] = DIGIT + 9,  ['K'] = DIGIT + 10, ['L'] = DIGIT + 11,
    ['M'] = DIGIT + 12, ['N'] = DIGIT + 13, ['O'] = DIGIT + 14, ['P'] = DIGIT + 15,
    ['Q'] = DIGIT + 16, ['R'] = DIGIT + 17, ['S'] = DIGIT + 18, ['T'] = DIGIT + 19,
    ['U'] = DIGIT + 20, ['V'] = DIGIT + 21, ['W'] = DIGIT + 22, ['X'] = DIGIT + 23,
    ['Y'] = DIGIT + 24, ['Z'] = DIGIT + 25, ['a'] = DIGIT + 26, ['b'] = DIGIT + 27,
    ['c'] = DIGIT + 28, ['d'] = DIGIT + 29, ['e'] = DIGIT + 30, ['f'] = DIGIT + 31,
    ['g'] = DIGIT + 32, ['h'] = DIGIT + 33, ['i'] = DIGIT + 34, ['j'] = DIGIT + 35,
    ['k'] = DIGIT + 36, ['l'] = DIGIT + 37, ['m'] = DIGIT + 38, ['n'] = DIGIT + 39,
    ['o'] = DIGIT + 40, ['p'] = DIGIT + 41, ['q'] = DIGIT + 42, ['r'] = DIGIT + 43,
    ['s'] = DIGIT + 44, ['t'] = DIGIT + 45, ['u'] = DIGIT + 46, ['v'] = DIGIT + 47,
    ['w'] = DIGIT + 48, ['x'] = DIGIT + 49, ['y'] = DIGIT + 50, ['z'] = DIGIT + 51,
    ['0'] = DIGIT + 52, ['1'] = DIGIT + 53, ['2'] = DIGIT + 54, ['3'] = DIGIT + 55,
    ['4'] = DIGIT + 56, ['5'] = DIGIT + 57, ['6'] = DIGIT + 58, ['7'] = DIGIT + 59,
    ['8'] = DIGIT + 60, ['9'] = DIGIT + 61, ['+'] = DIGIT + 62, ['/'] = DIGIT + 63,
    ['-'] = DIGIT + 62, ['_'] = DIGIT + 63};

/* The first count of four signs as a number of four; false if one of them is no digit. */
static inline bool base64_four(const char *text, size_t count, uint32_t *four)
{
    const uint32_t flags = DIGIT << 18 | DIGIT << 12 | DIGIT << 6 | DIGIT;
    uint32_t all = DIGIT;
    *four = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t digit = i < count ? digit_of[(unsigned char)text[i]] : DIGIT;
        all &= digit;
        *four = (*four << 6) + digit;
    }
    *four -= flags;
    return all != 0;
}

int json_parse_base64(const char *text, size_t len, uint8_t *data, size_t *data_len)
{
    size_t given = len;
    uint8_t *at = data;
    uint32_t four;
    *data_len = 0;
    while (len > 0 && text[len - 1] == '=' && given - len < 2)
        len--;
    if (len % 4 == 1 || (given != len && given % 4 != 0))
        return -EBADMSG;
    for (; len >= 4; len -= 4, text += 4, at += 3) {
        if (!base64_four(text, 4, &four))
            return -EBADMSG;
        at[0] = (uint8_t)(four >> 16);
        at[1] = (uint8_t)(four >> 8);
        at[2] = (uint8_t)four;
    }
    if (len > 0 && !base64_four(text, len, &four))
        return -EBADMSG;
    for (size_t i = 0; i + 1 < len; i++)
        *at++ = (uint8_t)(four >> (16 - 8 * i));
    *data_len = (size_t)(at - data);
    return 0;
}
