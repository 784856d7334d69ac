/* SPDX-License-Identifier: MIT */
/* A run's figures: a summary for people, JSON for the harness. */
#ifndef ASSAY_LOAD_REPORT_H
#define ASSAY_LOAD_REPORT_H

#include "load_options.h"
#include "output.h"

void load_report_print(const struct load_options *load, const struct load_result *result);
/* On stderr: what makes the figures say less than they seem to. */
void load_report_warn(const struct load_result *result);
void load_report_write(struct output *output, const struct load_options *load,
                       const struct load_result *result);

/* Was all that was planned sent before its window ended, but for one in a hundred, and did all that
 * was sent get its right answer, on as many connections as were asked for? */
bool load_report_good(const struct load_options *load, const struct load_result *result);

/* What both forms show. */
struct load_percentile {
    const char *name;
    uint32_t ppm;
};
extern const struct load_percentile load_percentiles[]; /* ends with a NULL name */
double load_achieved_hz(const struct load_options *load, const struct load_result *result);
double load_offered_hz(const struct load_options *load, const struct load_result *result);
/* Little's law, L = X W: in a closed loop the mean number in flight is that which was asked for,
 * whatever this program believes; in an open loop it is what was counted. About 1 if all is well.
 */
double load_little_ratio(const struct load_options *load, const struct load_result *result);

#endif
