/* SPDX-License-Identifier: MIT */
#include "statistics.h"

#include <errno.h>
#include <stdlib.h>

int statistics_init(struct statistics *statistics, size_t cap)
{
    *statistics = (struct statistics){.cap = cap ? cap : 1};
    statistics->values = malloc(statistics->cap * sizeof *statistics->values);
    return statistics->values ? 0 : -ENOMEM;
}

void statistics_finish(struct statistics *statistics)
{
    free(statistics->values);
    *statistics = (struct statistics){0};
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void statistics_sort(struct statistics *statistics)
{
    qsort(statistics->values, statistics->count, sizeof *statistics->values, compare);
}

uint64_t statistics_percentile(const struct statistics *statistics, uint32_t ppm)
{
    if (statistics->count == 0)
        return 0;
    /* ceil(count * ppm / 10^6), in integers: 0.99 * 100 is not 99 in binary floating point. */
    uint64_t rank = ((uint64_t)statistics->count * ppm + 999999) / 1000000;
    return statistics->values[rank ? rank - 1 : 0];
}

double statistics_mean(const struct statistics *statistics)
{
    double sum = 0;
    for (size_t i = 0; i < statistics->count; i++)
        sum += (double)statistics->values[i];
    return statistics->count ? sum / (double)statistics->count : 0;
}
