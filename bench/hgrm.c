/* SPDX-License-Identifier: MIT */
#include "hgrm.h"

#include <math.h>

#define TICKS_PER_HALF_DISTANCE 5

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double deviation(const struct statistics *statistics, double mean)
{
    double squares = 0;
    for (size_t i = 0; i < statistics->count; i++) {
        double off = (double)statistics->values[i] - mean;
        squares += off * off;
    }
    return sqrt(squares / (double)statistics->count);
}

static void write_row(FILE *file, uint64_t value_ns, size_t up_to, size_t count)
{
    /* What the samples up to here are of all; HdrHistogram writes the level that it asked for. */
    double share = (double)up_to / (double)count;
    fprintf(file, "%12.6f %2.12f %10zu", ms(value_ns), share, up_to);
    if (up_to < count)
        fprintf(file, " %14.2f", 1 / (1 - share));
    fputc('\n', file);
}

void hgrm_write(FILE *file, const struct statistics *statistics)
{
    const size_t count = statistics->count;
    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    double level = 0;
    size_t up_to = 0;
    while (up_to < count) {
        size_t rank = (size_t)ceil(level * (double)count);
        if (rank <= up_to) /* further into the tail than there are samples: the next one */
            rank = up_to + 1;
        uint64_t value_ns = statistics->values[rank - 1];
        while (rank < count && statistics->values[rank] == value_ns)
            rank++;
        up_to = rank;
        write_row(file, value_ns, up_to, count);
        double share = (double)up_to / (double)count;
        if (share < level)
            share = level;
        double halvings = share < 1 ? floor(log2(1 / (1 - share))) + 1 : 1;
        level = share + 1 / (TICKS_PER_HALF_DISTANCE * exp2(halvings));
        if (level > 1)
            level = 1;
    }
    double mean = statistics_mean(statistics);
    uint64_t max_ns = count > 0 ? statistics->values[count - 1] : 0;
    fprintf(file, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", mean / 1e6,
            count > 0 ? deviation(statistics, mean) / 1e6 : 0);
    fprintf(file, "#[Max     = %12.6f, Total count    = %12zu]\n", ms(max_ns), count);
    /* Nothing is put into buckets. */
    fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n", 0, 0);
}
