/* SPDX-License-Identifier: MIT */
/* The arithmetic of `cpu` and `ring`, and how their replies carry it: 16 hex digits. */
#ifndef ASSAY_HASH_H
#define ASSAY_HASH_H

#include <stddef.h>
#include <stdint.h>

/* One round of a serial hash: each needs the result of the one before. The multiplier is 2^64
 * divided by the golden ratio, as in Knuth's multiplicative hashing. */
static inline uint64_t hash_round(uint64_t x, uint64_t with)
{
    x ^= x >> 32;
    return (x + with) * UINT64_C(0x9e3779b97f4a7c15);
}

/* A number that depends on the body's length and its first 64 bytes: cheap whatever its size. */
static inline uint64_t hash_seed(const uint8_t *body, size_t len)
{
    uint64_t x = len;
    for (size_t i = 0; i < len && i < 64; i++)
        x = hash_round(x, body[i]);
    return x;
}

#define HASH_HEX 16
static inline void hash_hex(uint64_t x, char hex[HASH_HEX])
{
    for (int i = HASH_HEX - 1; i >= 0; i--, x >>= 4)
        hex[i] = "0123456789abcdef"[x & 15];
}

#endif
