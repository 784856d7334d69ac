/* SPDX-License-Identifier: MIT */
#include "msgpack_counts.h"

static uint64_t read_big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

bool msgpack_counts_hold(const uint8_t *src, size_t len)
{
    /* By the low 5 bits of 0xc0 … 0xdf: bytes of a number, or of a length or count in front. */
    static const uint8_t width[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2,  4, 4, 8, 1, 2, 4, 8,
                                      1, 2, 4, 8, 2, 3, 5, 9, 17, 1, 2, 4, 2, 4, 2, 4};
    const uint8_t *at = src;
    uint64_t left = len, promised = 1;
    while (promised > 0) {
        if (promised > left)
            return false;
        uint8_t type = *at++;
        uint64_t skip = 0, inner = 0;
        left--;
        promised--;
        if (type < 0x80 || type >= 0xe0)
            continue; /* a small integer */
        if (type < 0xa0) {
            inner = type >= 0x90 ? type & 15u : (type & 15u) * 2;
        } else if (type < 0xc0) {
            skip = type & 31;
        } else {
            skip = width[type & 31];
            if (skip > left)
                return false;
            uint64_t number = skip <= 4 ? read_big_endian(at, skip) : 0;
            if ((type >= 0xc4 && type <= 0xc6) || (type >= 0xd9 && type <= 0xdb))
                skip += number;
            else if (type >= 0xc7 && type <= 0xc9)
                skip += number + 1;
            else if (type >= 0xdc)
                inner = type >= 0xde ? number * 2 : number;
        }
        if (skip > left)
            return false;
        at += skip;
        left -= skip;
        promised += inner;
    }
    return left == 0;
}
