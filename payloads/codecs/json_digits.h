/* SPDX-License-Identifier: MIT */
/*
 * Eight characters at a time in a plain 64-bit word (Mycroft's zero-byte test; digits after Lemire
 * and Muła): what the JSON floor gains its speed by, on any machine. A word holds the first
 * character in its lowest byte, whichever the byte order.
 */
#ifndef ASSAY_JSON_DIGITS_H
#define ASSAY_JSON_DIGITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t json_in_order(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

static inline uint64_t json_load(const void *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return json_in_order(word);
}

static inline void json_store(void *to, uint64_t word)
{
    word = json_in_order(word);
    memcpy(to, &word, sizeof(word));
}

/* The top bit of each byte that is a quote, a backslash, a control character or beyond ASCII. The
 * lowest one set is right; those above it may be borrowed. */
static inline uint64_t json_special(uint64_t word)
{
    uint64_t quote = word ^ JSON_EACH('"'), backslash = word ^ JSON_EACH('\\');
    return ((word - JSON_EACH(0x20)) | (quote - JSON_EACH(1)) | (backslash - JSON_EACH(1)) | word) &
           JSON_EACH(0x80);
}

/* The digits of value, below 10^8, with leading zeros; as numbers 0 to 9. */
static inline uint64_t json_eight_digits(uint32_t value)
{
    uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = (fours * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t tens = (twos * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return tens | (twos - 10 * tens) << 8;
}

/* Below 10^8, without leading zeros; eight bytes may be written. */
static inline char *json_put_head(char *at, uint32_t value)
{
    uint64_t digits = json_eight_digits(value);
    unsigned zeros = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
    json_store(at, (digits | JSON_EACH('0')) >> zeros * 8);
    return at + 8 - zeros;
}

enum { JSON_PUT_INTEGER = 24 }; /* bytes that may be written */

static inline char *json_put_unsigned(char *at, uint64_t value)
{
    if (value < 100000000)
        return json_put_head(at, (uint32_t)value);
    uint64_t upper = value / 100000000;
    if (upper < 100000000) {
        at = json_put_head(at, (uint32_t)upper);
    } else {
        at = json_put_head(at, (uint32_t)(upper / 100000000));
        json_store(at, json_eight_digits((uint32_t)(upper % 100000000)) | JSON_EACH('0'));
        at += 8;
    }
    json_store(at, json_eight_digits((uint32_t)(value % 100000000)) | JSON_EACH('0'));
    return at + 8;
}

/* A minus if there is one; and what is to be written behind it. */
static inline char *json_put_minus(char *at, int64_t value, uint64_t *size)
{
    *at = '-';
    *size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return at + (value < 0);
}

static inline char *json_put_signed(char *at, int64_t value)
{
    uint64_t size;
    at = json_put_minus(at, value, &size);
    return json_put_unsigned(at, size);
}

/* Are these eight characters digits? */
static inline bool json_are_digits(uint64_t word)
{
    return (((word + JSON_EACH(0x46)) | (word - JSON_EACH('0'))) & JSON_EACH(0x80)) == 0;
}

static inline uint32_t json_eight_value(uint64_t word)
{
    word = (word & JSON_EACH(0x0f)) * 2561 >> 8;
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
    return (uint32_t)((word & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32);
}

/* Goes over digits; their value is right for up to 19 of them. */
static inline const char *json_get_digits(const char *at, const char *end, uint64_t *value)
{
    uint64_t sum = 0;
    while (end - at >= 8 && json_are_digits(json_load(at))) {
        sum = sum * 100000000 + json_eight_value(json_load(at));
        at += 8;
    }
    while (at < end && (unsigned char)(*at - '0') < 10)
        sum = sum * 10 + (unsigned char)(*at++ - '0');
    *value = sum;
    return at;
}

#endif
