/* SPDX-License-Identifier: MIT */
/* The arithmetic of workloads whose replies are sums, and how they carry them: 16 hex digits. */
#ifndef ASSAY_HASH_H
#define ASSAY_HASH_H

#include "parts/bytes.h"

#include <stdbool.h>
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

static inline bool hash_unhex(const uint8_t hex[HASH_HEX], uint64_t *x)
{
    *x = 0;
    for (int i = 0; i < HASH_HEX; i++) {
        const bool digit = hex[i] >= '0' && hex[i] <= '9';
        if (!digit && (hex[i] < 'a' || hex[i] > 'f'))
            return false;
        *x = *x << 4 | (uint64_t)(hex[i] - (digit ? '0' : 'a' - 10));
    }
    return true;
}

/* So many rounds that each take as long as the one before. */
static inline uint64_t hash_work(uint64_t x, uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++)
        x = hash_round(x, i);
    return x;
}

/* The reply of several workloads: how much was done, and what came of it. */
static inline void hash_reply(struct bytes *out, uint64_t count, uint64_t sum)
{
    char reply[2 * HASH_HEX];
    hash_hex(count, reply);
    hash_hex(sum, reply + HASH_HEX);
    bytes_append(out, reply, sizeof reply);
}

static inline bool hash_reply_is(const uint8_t *reply, size_t len, uint64_t count, uint64_t sum)
{
    uint64_t counted, summed;
    return len == 2 * HASH_HEX && hash_unhex(reply, &counted) && counted == count &&
           hash_unhex(reply + HASH_HEX, &summed) && summed == sum;
}

#endif
