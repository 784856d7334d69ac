/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include "json_digits.h"

#include <errno.h>

static inline bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The Unicode Standard, table 3-7: no surrogates, nothing longer than need be. */
size_t json_utf8_sequence(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned first = len > 0 ? at[0] : 0xff;
    if (first < 0x80)
        return 1;
    if (first < 0xe0)
        return first >= 0xc2 && len >= 2 && continues(at[1]) ? 2 : 0;
    if (first < 0xf0) {
        if (len < 3 || !continues(at[1]) || !continues(at[2]))
            return 0;
        return (first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] >= 0xa0) ? 0 : 3;
    }
    if (first > 0xf4 || len < 4 || !continues(at[1]) || !continues(at[2]) || !continues(at[3]))
        return 0;
    return (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] >= 0x90) ? 0 : 4;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* Fewer than eight characters as a word that is filled up with spaces. */
static inline uint64_t load_few(const char *from, size_t len)
{
    uint32_t first, last;
    uint64_t word;
    if (len >= 4) {
        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        first = __builtin_bswap32(first);
        last = __builtin_bswap32(last);
#endif
        word = first | (uint64_t)last << (len - 4) * 8;
    } else if (len > 0) {
        word = (unsigned char)from[0] | (uint64_t)(unsigned char)from[len / 2] << len / 2 * 8 |
               (uint64_t)(unsigned char)from[len - 1] << (len - 1) * 8;
    } else {
        return JSON_EACH(' ');
    }
    return word | JSON_EACH(' ') << len * 8;
}

/* What cannot be written as it is: a short escape where there is one. At most 6 bytes. */
static char *put_escape(char *at, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                  ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    *at++ = '\\';
    if (shorts[c] != 0) {
        *at++ = shorts[c];
        return at;
    }
    memcpy(at, "u00", 3);
    at[3] = hex[c >> 4];
    at[4] = hex[c & 15];
    return at + 5;
}

/* One character other than plain ASCII, into a place of six bytes; 0 if it is not UTF-8. */
static inline size_t put_one(char *at, const char *text, size_t left, size_t *taken)
{
    if ((unsigned char)*text < 0x80) {
        *taken = 1;
        return (size_t)(put_escape(at, (unsigned char)*text) - at);
    }
    *taken = json_utf8_sequence(text, left);
    for (size_t i = 0; i < *taken; i++)
        at[i] = text[i];
    return *taken;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The same where the end is near: every character looks. */
static char *put_closely(char *at, const char *end, const char *text, size_t left, int *error)
{
    while (left > 0) {
        char one[8];
        size_t taken = 1, len = 1;
        one[0] = *text;
        if (!is_plain((unsigned char)*text))
            len = put_one(one, text, left, &taken);
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

char *json_put_text(char *at, const char *end, const char *text, size_t left, int *error)
{
    *error = -ENOSPC;
    if (at == end)
        return NULL;
    *at++ = '"';
    /* As long as this holds, what is left fits if it is plain, words that overlap the end too. */
    while ((size_t)(end - at) > left + 8) {
        uint64_t word, special = 0;
        for (; left >= 8; at += 8, text += 8, left -= 8) {
            word = json_load(text);
            json_store(at, word);
            special = json_special(word);
            if (special != 0)
                break;
        }
        if (special == 0) {
            word = load_few(text, left);
            json_store(at, word);
            special = json_special(word);
            if (special == 0) {
                at[left] = '"';
                return at + left + 1;
            }
        }
        size_t plain = (size_t)__builtin_ctzll(special) / 8, taken;
        at += plain;
        text += plain;
        left -= plain;
        do { /* the slack is 8, and what is written is at most 5 longer than what is taken */
            size_t len = put_one(at, text, left, &taken);
            if (len == 0) {
                *error = -EINVAL;
                return NULL;
            }
            at += len;
            text += taken;
            left -= taken;
        } while (left > 0 && (unsigned char)*text >= 0x80 && (size_t)(end - at) > left + 8);
    }
    return put_closely(at, end, text, left, error);
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

/* Goes over the escape at a backslash; NULL if there is no such one. */
static const char *get_escape(const char *at, const char *end, struct json_text *text)
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
    *text = (struct json_text){.start = at};
    for (;;) {
        while (end - at >= 8) {
            uint64_t special = json_special(json_load(at));
            if (special != 0) {
                at += __builtin_ctzll(special) / 8;
                break;
            }
            at += 8;
        }
        while (at < end && is_plain((unsigned char)*at))
            at++;
        if (at == end || (unsigned char)*at < 0x20)
            return NULL;
        if (*at == '"')
            break;
        if (*at == '\\') {
            at = get_escape(at, end, text);
            if (at == NULL)
                return NULL;
        }
        while (at < end && (unsigned char)*at >= 0x80) {
            size_t len = json_utf8_sequence(at, (size_t)(end - at));
            if (len == 0)
                return NULL;
            at += len;
        }
    }
    text->len = (size_t)(at - text->start);
    return at + 1;
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
