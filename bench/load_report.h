/* SPDX-License-Identifier: MIT */
/* A run's figures: a summary for people, JSON for the harness. */
#ifndef ASSAY_LOAD_REPORT_H
#define ASSAY_LOAD_REPORT_H

#include "load_options.h"
#include "output.h"

void load_report_print(const struct load_options *load, const struct load_result *result);
void load_report_write(struct output *output, const struct load_options *load,
                       const struct load_result *result);

/* Did all that was sent get its right answer, on as many connections as were asked for? */
bool load_report_good(const struct load_options *load, const struct load_result *result);

#endif
