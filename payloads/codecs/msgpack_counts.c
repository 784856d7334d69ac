/* SPDX-License-Identifier: MIT */
#include "msgpack_counts.h"

/* By the first byte of a value: its own bytes, those of the values in it left out; 0: a length or
 * count follows. */
#define SAME_8(n) n, n, n, n, n, n, n, n
#define SAME_32(n) SAME_8(n), SAME_8(n), SAME_8(n), SAME_8(n)
#define FROM_8(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7
static const uint8_t own[256] = {
    SAME_32(1), SAME_32(1), SAME_32(1), SAME_32(1),              /* 0x00 small integers */
    SAME_32(1),                                                  /* 0x80 maps, arrays */
    FROM_8(1),  FROM_8(9),  FROM_8(17), FROM_8(25),              /* 0xa0 strings */
    1,          1,          1,          1,          0, 0, 0, 0,  /* 0xc0 nil, booleans, binary */
    0,          0,          5,          9,          2, 3, 5, 9,  /* 0xc8 extensions, numbers */
    2,          3,          5,          9,          3, 4, 6, 10, /* 0xd0 numbers, extensions */
    18,         0,          0,          0,          0, 0, 0, 0,  /* 0xd8 strings, arrays, maps */
    SAME_32(1),                                                  /* 0xe0 small integers */
};

static uint64_t read_big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

/* A value with a length or count behind its type byte: its own bytes, and how many values are in
 * it. */
static uint64_t long_value(const uint8_t *at, uint64_t left, uint64_t *inner)
{
    /* Of the number, from 0xc4 on and from 0xd9 on. */
    static const uint8_t widths[2][7] = {{1, 2, 4, 1, 2, 4, 0}, {1, 2, 4, 2, 4, 2, 4}};
    uint8_t type = *at;
    size_t width = widths[type >= 0xd9][type - (type >= 0xd9 ? 0xd9 : 0xc4)];
    if (width + 1 > left)
        return left + 1;
    uint64_t number = read_big_endian(at + 1, width);
    if (type >= 0xdc) {
        *inner = type >= 0xde ? number * 2 : number;
        return width + 1;
    }
    return width + 1 + number + (type >= 0xc7 && type <= 0xc9);
}

bool msgpack_counts_hold(const uint8_t *src, size_t len, size_t *values)
{
    uint64_t at = 0, promised = 1;
    for (uint64_t seen = 0; seen < promised; seen++) {
        if (at >= len)
            return false;
        uint8_t type = src[at];
        if (own[type] == 0) {
            uint64_t inner = 0;
            at += long_value(src + at, len - at, &inner);
            promised += inner;
            if (promised > len)
                return false;
            continue;
        }
        at += own[type];
        if ((type & 0xe0) == 0x80)
            promised += type < 0x90 ? (type & 15u) * 2 : type & 15u;
    }
    *values = (size_t)promised;
    return at == len;
}
