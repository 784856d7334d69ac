/* SPDX-License-Identifier: MIT */
#include "json_get.h"

#include "json_real.h"
#include "json_scalar.h"

#include <float.h>
#include <math.h>

/* A number that has JSON's form. */
struct number {
    const char *end;
    uint64_t digits;  /* all of them as an integer, if there are at most 19 */
    size_t count;     /* of digits, leading zeros among them */
    int64_t exponent; /* value = digits * 10^exponent, if exact */
    bool negative, exact;
};

static bool get_number(const char *at, const char *end, struct number *number)
{
    const char *start;
    *number = (struct number){.negative = at < end && *at == '-'};
    at += number->negative;
    start = at;
    at = json_get_digits(at, end, &number->digits);
    number->count = (size_t)(at - start);
    if (at == start || (*start == '0' && number->count > 1))
        return false;
    if (at < end && *at == '.') {
        start = ++at;
        while (at < end && (unsigned char)(*at - '0') < 10)
            number->digits = number->digits * 10 + (unsigned char)(*at++ - '0');
        if (at == start)
            return false;
        number->count += (size_t)(at - start);
        number->exponent = start - at;
    }
    number->exact = number->count <= 19;
    if (at < end && (*at | 0x20) == 'e') {
        uint64_t value;
        bool minus = ++at < end && *at == '-';
        at += at < end && (*at == '-' || *at == '+');
        start = at;
        at = json_get_digits(at, end, &value);
        if (at == start)
            return false;
        if (at - start > 8)
            number->exact = false;
        else
            number->exponent += minus ? -(int64_t)value : (int64_t)value;
    }
    number->end = at;
    return true;
}

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Two doubles that are exact and one rounding (Clinger's fast path): mostly that does. */
static bool is_simple(const struct number *number)
{
    return FLT_EVAL_METHOD == 0 && number->exact && number->digits <= UINT64_C(1) << 53 &&
           number->exponent >= -22 && number->exponent <= 22;
}

static int to_double(const char *at, const struct number *number, double *value)
{
    if (!is_simple(number))
        return json_get_double(at, (size_t)(number->end - at), value);
    double digits = (double)number->digits;
    if (number->exponent < 0)
        digits /= powers[-number->exponent];
    else
        digits *= powers[number->exponent];
    *value = number->negative ? -digits : digits;
    return 0;
}

const char *json_get_short_string(const char *at, const char *end, char *short_text, size_t cap,
                                  size_t *len)
{
    struct json_text text;
    at = json_get_string(at, end, &text);
    if (at == NULL || text.len >= cap)
        return NULL;
    *len = json_unescape(&text, short_text);
    return at;
}

const char *json_get_real(const char *at, const char *end, unsigned kind, void *slot)
{
    struct number number;
    if (at < end && *at == '"') {
        char word[6 * 9 + 1]; /* "-Infinity" in escapes */
        size_t len;
        double special;
        at = json_get_short_string(at, end, word, sizeof(word), &len);
        if (at == NULL || !json_parse_special(word, len, &special))
            return NULL;
        return field_put_real(slot, kind, special) == 0 ? at : NULL;
    }
    if (!get_number(at, end, &number))
        return NULL;
    int error = kind == PLAN_DOUBLE ? to_double(at, &number, slot)
                                    : json_get_float(at, (size_t)(number.end - at), slot);
    return error == 0 ? number.end : NULL;
}

const char *json_get_odd_integer(const char *at, const char *end, unsigned kind, void *slot)
{
    struct number number;
    double value;
    if (at < end && *at == '"') {
        char digits[6 * JSON_INTEGER_MAX];
        size_t len;
        at = json_get_short_string(at, end, digits, sizeof(digits), &len);
        return at && json_parse_integer(digits, len, kind, slot) == 0 ? at : NULL;
    }
    if (!get_number(at, end, &number))
        return NULL;
    size_t len = (size_t)(number.end - at);
    if (len == number.count + number.negative) /* no point, no exponent */
        return json_parse_integer(at, len, kind, slot) == 0 ? number.end : NULL;
    /* From 2^53 on a double may not be the number that was written. */
    if (to_double(at, &number, &value) != 0 || !(fabs(value) < 0x1p53) || value != trunc(value))
        return NULL;
    return field_put_signed(slot, kind, (int64_t)value) == 0 ? number.end : NULL;
}

static const char *skip_word(const char *at, const char *end, const char *word, size_t len)
{
    return (size_t)(end - at) >= len && memcmp(at, word, len) == 0 ? at + len : NULL;
}

static const char *skip_scalar(const char *at, const char *end)
{
    struct json_text text;
    struct number number;
    if (at == end)
        return NULL;
    switch (*at) {
    case '"':
        return json_get_text(at + 1, end, &text);
    case 't':
        return skip_word(at, end, "true", 4);
    case 'f':
        return skip_word(at, end, "false", 5);
    case 'n':
        return skip_word(at, end, "null", 4);
    default:
        return get_number(at, end, &number) ? number.end : NULL;
    }
}

const char *json_skip_value(const char *at, const char *end, unsigned depth)
{
    if (at == end || (*at != '{' && *at != '['))
        return skip_scalar(at, end);
    bool object = *at == '{';
    char close = object ? '}' : ']';
    struct json_text key;
    if (++depth > PLAN_MAX_DEPTH)
        return NULL;
    at = json_skip_space(at + 1, end);
    if (at < end && *at == close)
        return at + 1;
    for (;;) {
        if (object && (at = json_get_key(at, end, &key)) == NULL)
            return NULL;
        at = json_skip_value(json_skip_space(at, end), end, depth);
        if (at == NULL || (at = json_skip_space(at, end)) == end)
            return NULL;
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = json_skip_space(at + 1, end);
    }
}
