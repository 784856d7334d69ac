/* SPDX-License-Identifier: MIT */
/* Exact samples, and order statistics of them: nothing is put into buckets. */
#ifndef ASSAY_STATISTICS_H
#define ASSAY_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

struct statistics {
    uint64_t *values;
    size_t count, cap;
    size_t dropped; /* beyond cap: reported, never silent */
};

/* Reserves address space for cap samples; memory is touched as they come. 0 or -ENOMEM. */
int statistics_init(struct statistics *statistics, size_t cap);
void statistics_finish(struct statistics *statistics);

static inline void statistics_add(struct statistics *statistics, uint64_t value)
{
    if (statistics->count < statistics->cap)
        statistics->values[statistics->count++] = value;
    else
        statistics->dropped++;
}

void statistics_sort(struct statistics *statistics);
/*
 * Nearest rank, of sorted samples: the smallest sample that at least `ppm` millionths of all
 * samples do not exceed (990000: p99; 1000000: the largest). 0 if there are none.
 */
uint64_t statistics_percentile(const struct statistics *statistics, uint32_t ppm);
double statistics_mean(const struct statistics *statistics); /* 0 if there are none */

#endif
