/* SPDX-License-Identifier: MIT */
/* Names on a command line: looked up, or refused with the list of those known. */
#ifndef ASSAY_NAMES_H
#define ASSAY_NAMES_H

#include "model.h"
#include "options.h"
#include "workloads.h"

/* NULL after an error was printed that names the option. */
const struct model *names_model(const struct options *options, const char *name);
const struct workload *names_workload(const struct options *options, const char *name);
const struct payload *names_payload(const struct options *options, const char *name);
const struct codec *names_codec(const struct options *options, const char *name);

/* EXIT_USAGE if an option was given that this workload does nothing with, of those that belong to
 * one workload or a few; a program need not have all of them. */
int names_refuse_unneeded(const struct options *options, const struct workload *workload);

void names_print_models(void);    /* for --list */
void names_print_workloads(void); /* … and payloads and codecs */

#endif
