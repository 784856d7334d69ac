/* SPDX-License-Identifier: MIT */
/*
 * Helper threads for TURN_OFFLOAD: what blocks (file I/O) or computes for long runs here, so that a
 * loop or a worker never does. At most `threads` pieces at once, the others in line, first in first
 * out. A thread is made when it is first needed, so a run that offloads nothing has none. The
 * helper that went idle last is woken first, and nobody is woken when nobody sleeps.
 */
#ifndef ASSAY_OFFLOAD_H
#define ASSAY_OFFLOAD_H

#include "../request.h"

#include <stdatomic.h>
#include <stdbool.h>

struct offload_config {
    unsigned threads; /* at least 1 */
    const char *cpus; /* as model_config's; outlives the offload */
    /* On a helper's thread: carries out the blocking piece of this request, unless stop() gave up,
     * then sends it back to where it goes on. The request may be gone when it returns. */
    void (*run)(void *arg, struct request *request);
    void *arg;
    _Atomic uint64_t *sleeps; /* counted up (relaxed, any thread) when a helper goes to sleep */
};

struct offload;
/* 0, -EINVAL or -ENOMEM. */
int offload_create(struct offload **offload, const struct offload_config *config);

/* Any thread. The request is the offload's (its `next`) until run() is called with it. Returns true
 * if a sleeping helper was woken. If the system gives no thread at all, run() is called at once. */
bool offload_submit(struct offload *offload, struct request *request);

unsigned offload_threads(struct offload *offload); /* made so far; NULL: 0 */

/* Carries out what was submitted to the end, joins, frees. Nobody submits any more, and run()'s arg
 * is still there. NULL is fine. */
void offload_destroy(struct offload *offload);

#endif
