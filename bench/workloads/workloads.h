/* SPDX-License-Identifier: MIT */
/*
 * The workloads, and what a program has to prepare for them. Only here do payloads and models meet.
 *
 * To add one: copy echo.c (the floor), and put its name into bench/workloads/meson.build.
 */
#ifndef ASSAY_WORKLOADS_H
#define ASSAY_WORKLOADS_H

#include "codec.h"
#include "payload.h"
#include "workload.h"

#include <stdatomic.h>

/* model_config.setup: read-only once made, shared by all threads. */
struct workload_setup {
    const struct payload *payload;
    const struct codec *codec;
    struct plan *plan;
    struct corpus corpus;
    uint8_t *
        *bodies; /* corpus.count encoded documents: request bodies, and what replies must equal */
    size_t *body_lens;
    /* Set to defaults by init; change them before the first request and before the first check. */
    uint64_t
        cpu_iterations; /* `cpu`: rounds of work per request; recorded, the same for every server */
    uint32_t hops;      /* `ring`: cells that a request passes */
    uint32_t cells;     /* `ring`: length of the ring; model_config.cells must be the same */
    /* Right answers of `cpu`, computed at the first check of a document; 0: not yet. Relaxed: every
     * thread that computes one stores the same value, and nothing else hangs on it. */
    _Atomic uint64_t *cpu_sums;
};

#define WORKLOAD_CPU_ITERATIONS 10000
#define WORKLOAD_HOPS 16
#define WORKLOAD_CELLS 64

/*
 * 0 or a negative errno with a sentence in why. payload and codec may both be NULL where no bodies
 * are needed (a server of `echo`, `cpu` or `ring`). finish takes a zeroed setup too.
 */
int workload_setup_init(struct workload_setup *setup, const struct payload *payload,
                        const struct codec *codec, char *why, size_t why_cap);
void workload_setup_finish(struct workload_setup *setup);

/* Is this the right reply to body number `document`? Used by load, model_bench and the tests. */
bool workload_reply_ok(const struct workload *workload, const struct workload_setup *setup,
                       size_t document, int status, const uint8_t *reply, size_t reply_len);

/* Iterations of `cpu` that take about `us` microseconds here: measured once per run. */
uint64_t workload_calibrate_cpu(double us);

extern const struct workload *const workloads[]; /* NULL-terminated; bench/workloads/meson.build */
const struct workload *workload_find(const char *name);

/* What a program has to offer an option for, and to prepare. */
enum workload_need {
    WORKLOAD_NEEDS_PAYLOAD = 1, /* the server decodes and encodes: payload and codec */
    WORKLOAD_NEEDS_DOWNSTREAM = 2,
    WORKLOAD_NEEDS_CPU_ITERATIONS = 4,
    WORKLOAD_NEEDS_RING = 8, /* hops, cells */
};
unsigned workload_needs(const struct workload *workload);

#endif
