/* SPDX-License-Identifier: MIT */
/* json_put_text and json_get_text in line: for a walk that has one place for all strings. */
#ifndef ASSAY_JSON_TEXT_INLINE_H
#define ASSAY_JSON_TEXT_INLINE_H

#include "json_digits.h"
#include "json_text.h"

#include <errno.h>

static inline bool json_continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The Unicode Standard, table 3-7: no surrogates, nothing longer than need be: json_utf8_sequence.
 */
static inline size_t json_utf8_length(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned first = len > 0 ? at[0] : 0xff;
    if (first < 0x80)
        return 1;
    if (first < 0xe0)
        return first >= 0xc2 && len >= 2 && json_continues(at[1]) ? 2 : 0;
    if (first < 0xf0) {
        if (len < 3 || !json_continues(at[1]) || !json_continues(at[2]))
            return 0;
        return (first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] >= 0xa0) ? 0 : 3;
    }
    if (first > 0xf4 || len < 4 || !json_continues(at[1]) || !json_continues(at[2]) ||
        !json_continues(at[3]))
        return 0;
    return (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] >= 0x90) ? 0 : 4;
}

/* Fewer than eight characters as a word that is filled up with spaces. */
static inline uint64_t json_load_few(const char *from, size_t len)
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
static inline char *json_put_escape(char *at, unsigned char c)
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
static inline size_t json_put_one(char *at, const char *text, size_t left, size_t *taken)
{
    if ((unsigned char)*text < 0x80) {
        *taken = 1;
        return (size_t)(json_put_escape(at, (unsigned char)*text) - at);
    }
    *taken = json_utf8_length(text, left);
    for (size_t i = 0; i < *taken; i++)
        at[i] = text[i];
    return *taken;
}

/* The same where the end is near: every character looks. */
char *json_put_text_closely(char *at, const char *end, const char *text, size_t left, int *error);

static inline __attribute__((always_inline)) char *
json_put_text_inline(char *at, const char *end, const char *text, size_t left, int *error)
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
            word = json_load_few(text, left);
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
            size_t len = json_put_one(at, text, left, &taken);
            if (len == 0) {
                *error = -EINVAL;
                return NULL;
            }
            at += len;
            text += taken;
            left -= taken;
        } while (left > 0 && (unsigned char)*text >= 0x80 && (size_t)(end - at) > left + 8);
    }
    return json_put_text_closely(at, end, text, left, error);
}

static inline bool json_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Goes over the escape at a backslash; NULL if there is no such one. */
const char *json_get_escape(const char *at, const char *end, struct json_text *text);

static inline __attribute__((always_inline)) const char *
json_get_text_inline(const char *at, const char *end, struct json_text *text)
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
        while (at < end && json_is_plain((unsigned char)*at))
            at++;
        if (at == end || (unsigned char)*at < 0x20)
            return NULL;
        if (*at == '"')
            break;
        if (*at == '\\') {
            at = json_get_escape(at, end, text);
            if (at == NULL)
                return NULL;
        }
        while (at < end && (unsigned char)*at >= 0x80) {
            size_t len = json_utf8_length(at, (size_t)(end - at));
            if (len == 0)
                return NULL;
            at += len;
        }
    }
    text->len = (size_t)(at - text->start);
    return at + 1;
}

#endif
