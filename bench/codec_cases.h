/* SPDX-License-Identifier: MIT */
/* The cases of codec_bench: payloads × operations × members, registered before anything is loaded;
 * a corpus is read when its first case runs. */
#ifndef ASSAY_CODEC_CASES_H
#define ASSAY_CODEC_CASES_H

#include "codec_job.h"
#include "gbench.h"
#include "inject.h"

#define CODEC_BASELINE "cjson"

struct codec_operation {
    const char *name; /* the third part of a case's id */
    const char *help;
    gbench_function *run;
    bool (*has)(const struct codec *codec); /* which codecs have it */
    bool moves;                             /* a memcpy row stands beside each */
    bool injects;                           /* and a slow-down of known size, if asked for */
    bool hot;                               /* one document, again and again */
    bool threaded;                          /* a family for 1, 2, 4 ... threads */
    bool by_hand;                           /* beside adapters that have no plan, and no others */
    bool unformatted;                       /* beside cJSON's that of cJSON_PrintUnformatted */
    size_t fields;                          /* that it reads from the root; 0: no such thing */
};
extern const struct codec_operation codec_operations[]; /* ends with a NULL name */

struct codec_latency;

struct codec_case {
    const struct codec_operation *operation;
    struct codec_wire *wire;
    int threads;
    size_t next; /* document: goes on from block to block, so that short blocks see all of them */
    bool tried, ready;
    const char *why;
    struct codec_job job;
    struct arena arena;
    struct codec_latency *latency; /* of all blocks so far */
};

/*
 * The job, with everything there that the case needs; NULL, and the benchmark failed, if that
 * cannot be. Before the clock runs; threads of a case may call it at once.
 */
const struct codec_job *codec_case_ready(struct gbench_state *state, struct codec_case *c);

/* Where the loop begins, and after it where it ended. */
size_t codec_case_first(const struct gbench_state *state, const struct codec_case *c);
void codec_case_finish(struct gbench_state *state, struct codec_case *c, size_t next, int err);

/* Registers all, and these slow-downs of the baseline. 0 or a negative errno. */
int codec_cases_register(const struct inject *inject);

/* Bodies with a clock of their own, in codec_timed.c and codec_phases.c. */
gbench_function codec_time_encode, codec_time_decode, codec_time_encode_evicted,
    codec_time_decode_evicted;
gbench_function codec_time_build, codec_time_print, codec_time_free_built, codec_time_parse,
    codec_time_convert, codec_time_free_parsed, codec_time_release;
gbench_function codec_run_move;

/* What a sample of nothing reads, ns: the least of some, which every sample holds. */
double codec_clock_cost_ns(void);

#endif
