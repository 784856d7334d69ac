/* SPDX-License-Identifier: MIT */
/*
 * A JSON object written to a file that is either whole or not there: kept in memory, and at the end
 * written to a temporary file beside it that is renamed (but a pipe, a device or a link is written
 * to as it is). So a program that is killed leaves nothing behind. Zero-initialised and never
 * opened: every call does nothing, so a program without --json needs no special case.
 */
#ifndef ASSAY_OUTPUT_H
#define ASSAY_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct output {
    FILE *file;
    char *path, *temporary;
    char *text; /* what file holds, if it is renamed at the end */
    size_t text_len;
    bool comma; /* the object open now has a member already */
    bool plain;
};

/* Opens for path; NULL: no output. 0 or a negative errno: found out before the run, not after. */
int output_open(struct output *output, const char *path);
/* The same for what is no JSON: only output_close and output_discard are for it, and its file. */
int output_open_plain(struct output *output, const char *path);
/* 0 or a negative errno; then there is no file at path that was not there before. */
int output_close(struct output *output);
void output_discard(struct output *output); /* instead of output_close */

/* Members of the object; text may be NULL (null), a number that is not finite is null. */
void output_count(struct output *output, const char *key, uint64_t value);
void output_number(struct output *output, const char *key, double value);
void output_bool(struct output *output, const char *key, bool value);
void output_text(struct output *output, const char *key, const char *value);
/* A nested object; key NULL: an element of the list that is open. */
void output_begin(struct output *output, const char *key);
void output_end(struct output *output);
void output_begin_list(struct output *output, const char *key); /* of objects */
void output_end_list(struct output *output);

#endif
