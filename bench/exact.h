/* SPDX-License-Identifier: MIT */
/* What codec_exact and codec_heap share: the choice of payloads, and rows of JSON. */
#ifndef ASSAY_EXACT_H
#define ASSAY_EXACT_H

#include "codec_job.h"

#include <stdio.h>

struct exact_options {
    const char *json; /* NULL: standard output */
    const struct payload *chosen[256];
    size_t chosen_len; /* never 0 */
    bool instructions; /* codec_exact only */
};

/* 0, or the exit code after having said why; 1 in *done: --help or --list was all. */
int exact_options(int argc, char **argv, const char *program, const char *summary,
                  struct exact_options *options, bool *done);

/* For every payload chosen and every codec, checked, with a job that can run any step: calls
 * each(). Returns the exit code: 1 if a codec failed, having said why, or each() did. */
int exact_run(const char *program, const struct exact_options *options,
              int (*each)(FILE *out, const struct codec_job *job, const struct codec_wire *wire));

/* Begins a row of the list: what it is about, then figures. */
void exact_row(FILE *out, const struct codec_wire *wire, const char *operation);
void exact_figure(FILE *out, const char *name, double value);
void exact_end(FILE *out);

bool exact_encodes(const struct codec *codec);
bool exact_decodes(const struct codec *codec);

#endif
