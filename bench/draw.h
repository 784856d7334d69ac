/* SPDX-License-Identifier: MIT */
/*
 * Random numbers by index: draw number i of a seed is always the same, whichever thread asks and in
 * whatever order. SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014), whose state after i steps is seed + i * gamma.
 */
#ifndef ASSAY_DRAW_H
#define ASSAY_DRAW_H

#include <math.h>
#include <stdint.h>

static inline uint64_t draw_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The seed is mixed too: or seeds that differ by gamma would be one stream, shifted. */
static inline uint64_t draw_bits(uint64_t seed, uint64_t index)
{
    return draw_mix(draw_mix(seed) + (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/*
 * What load draws. It has streams of its own: load and downstream are given the same seed by
 * default, and if they drew the same numbers, a request that came after a long gap would be the one
 * that is answered late, which spares whoever waits in a queue.
 */
enum draw_stream { DRAW_ARRIVALS = 1, DRAW_CLASSES };

static inline uint64_t draw_seed(uint64_t seed, enum draw_stream stream)
{
    return draw_bits(~draw_mix(seed), stream);
}

/* In (0, 1], so that its logarithm is finite. */
static inline double draw_uniform(uint64_t seed, uint64_t index)
{
    return (double)((draw_bits(seed, index) >> 11) + 1) * 0x1p-53;
}

/* Mean 1. */
static inline double draw_exponential(uint64_t seed, uint64_t index)
{
    return -log(draw_uniform(seed, index));
}

/* Mean 0, standard deviation 1 (Box and Muller); takes the draws 2 * index and 2 * index + 1. */
static inline double draw_normal(uint64_t seed, uint64_t index)
{
    double radius = sqrt(2 * draw_exponential(seed, 2 * index));
    return radius * cos(6.283185307179586 * draw_uniform(seed, 2 * index + 1));
}

#endif
