/* SPDX-License-Identifier: MIT */
#include "json_text_inline.h"

size_t json_utf8_sequence(const char *text, size_t len)
{
    return json_utf8_length(text, len);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

char *json_put_text_closely(char *at, const char *end, const char *text, size_t left, int *error)
{
    while (left > 0) {
        char one[8];
        size_t taken = 1, len = 1;
        one[0] = *text;
        if (!json_is_plain((unsigned char)*text))
            len = json_put_one(one, text, left, &taken);
        *error = len == 0 ? -EINVAL : -ENOSPC;
        if (len == 0 || (size_t)(end - at) < len)
            return NULL;
        memcpy(at, one, len);
        at += len;
        text += taken;
        left -= taken;
    }
    *error = -ENOSPC;
    if (at == end)
        return NULL;
    *at = '"';
    return at + 1;
}

char *json_put_text(char *at, const char *end, const char *text, size_t len, int *error)
{
    return json_put_text_inline(at, end, text, len, error);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; -1 if they are none. */
static int code_unit(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

const char *json_get_escape(const char *at, const char *end, struct json_text *text)
{
    text->escaped = true;
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return memchr("\"\\/bfnrt", at[1], 8) != NULL ? at + 2 : NULL;
    int unit = code_unit(at + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return NULL;
    text->has_nul |= unit == 0;
    if (unit < 0xd800 || unit >= 0xe000)
        return at + 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return NULL;
    int low = code_unit(at + 8, end);
    return low >= 0xdc00 && low < 0xe000 ? at + 12 : NULL;
}

const char *json_get_text(const char *at, const char *end, struct json_text *text)
{
    return json_get_text_inline(at, end, text);
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 63));
        }
        *to++ = (char)(0x80 | (code >> 6 & 63));
    }
    *to++ = (char)(0x80 | (code & 63));
    return to;
}

size_t json_unescape(const struct json_text *text, char *to)
{
    static const char letters[] = "bfnrt";
    const char *at = text->start, *end = at + text->len;
    char *start = to;
    while (at < end) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((backslash ? backslash : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (backslash == NULL)
            break;
        if (at[1] == 'u') {
            unsigned code = (unsigned)code_unit(at + 2, end);
            at += 6;
            if (code >= 0xd800 && code < 0xe000) {
                code =
                    0x10000 + ((code - 0xd800) << 10) + ((unsigned)code_unit(at + 2, end) - 0xdc00);
                at += 6;
            }
            to = put_utf8(to, code);
        } else {
            const char *letter = memchr(letters, at[1], 5);
            *to++ = letter ? "\b\f\n\r\t"[letter - letters] : at[1];
            at += 2;
        }
    }
    return (size_t)(to - start);
}
