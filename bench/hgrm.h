/* SPDX-License-Identifier: MIT */
/*
 * The percentile distribution as text that HdrHistogram writes (outputPercentileDistribution of its
 * Java and C libraries) and its plotters read: value, percentile, count up to it, 1/(1-percentile),
 * at five percentiles per halving of the distance to 100 %. The values here are exact samples.
 */
#ifndef ASSAY_HGRM_H
#define ASSAY_HGRM_H

#include "statistics.h"

#include <stdio.h>

/* Sorted samples in nanoseconds; values are written in milliseconds. */
void hgrm_write(FILE *file, const struct statistics *statistics);

#endif
