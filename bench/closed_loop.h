/* SPDX-License-Identifier: MIT */
/*
 * A closed loop on a model's in-process door: so many requests are always in flight, and done() of
 * one hands over the next. The client's thread only begins a block and sleeps until its end.
 */
#ifndef ASSAY_CLOSED_LOOP_H
#define ASSAY_CLOSED_LOOP_H

#include "model.h"
#include "workloads.h"

#include <semaphore.h>
#include <stdatomic.h>

#define CLOSED_LOOP_REQUESTS 16

/* The documents that requests carry; workloads whose requests are of several kinds have their own.
 */
struct closed_loop_setup {
    const struct workload *own; /* NULL: any other workload's */
    bool offload;
    struct workload_setup setup;
    bool tried;
    char why[512]; /* empty: setup is ready */
};

/* What all loops of a process share. The first half is the program's to set. */
struct closed_loop_world {
    const struct payload *payload;
    const struct codec *codec;
    unsigned threads, offload_threads, batch; /* batch: 0: each model's own */
    uint64_t spin_ns;
    char cpus[24];                 /* of the models' threads; empty: wherever */
    struct workload_setup options; /* what the program set of the workloads' options */
    const char *journal;           /* folder, or NULL */

    struct closed_loop_setup setups[8];
};

struct closed_loop;
struct closed_loop_flight {
    struct request *request;
    struct closed_loop *loop;
    size_t document;
    bool used; /* in this block: a model that answers at once needs only the first */
};

/* One model under one workload. It is started when first needed and kept: while other loops run,
 * its threads sleep. */
struct closed_loop {
    struct closed_loop_world *world;
    const struct model *model;
    const struct workload *workload;
    bool offload; /* its heavy requests, if it has any */

    struct closed_loop_setup *documents;
    struct model_run *run;
    bool tried, stuck;
    bool checking; /* the first replies: how long they should be is not known yet */
    char why[512]; /* empty: good */
    struct closed_loop_flight flights[CLOSED_LOOP_REQUESTS];
    size_t *reply_lens; /* per document; the full check was made with the first reply */
    uint32_t *cells;    /* per document: where it begins */
    size_t document;    /* that the next block begins with */

    int64_t n; /* of this block; written before its first post(), which publishes it */
    /* Requests begun in this block. Relaxed: it only hands out numbers. */
    _Atomic int64_t begun;
    /* Answered. Acquire and release: whoever counts the last one has seen all others' results, and
     * passes them on to the client through the semaphore. */
    _Atomic int64_t ended;
    /* Replies of the wrong status or length, and requests not taken. Relaxed: read after ended. */
    _Atomic int64_t wrong;
    sem_t finished; /* posted once a block, by whoever counts the last answer */
};

/* What a block took besides time. */
struct closed_loop_cost {
    double turns, messages, wakeups, syscalls;
    double turns_of[MODEL_STATS_THREADS]; /* as model_stats's */
    double cpu_ns, switches;              /* of the whole process: models that are not used sleep */
};

/* The documents of a workload, loaded once; NULL or why says that they could not be. */
struct closed_loop_setup *closed_loop_documents(struct closed_loop_world *world,
                                                const struct workload *workload, bool offload);
void closed_loop_world_finish(struct closed_loop_world *world);

/* Starts the model and checks its reply to every document, once. True if loop->why is empty. */
bool closed_loop_ready(struct closed_loop *loop);

/* A block of n requests: returns when all are answered. */
void closed_loop_run(struct closed_loop *loop, int64_t n);

/* After a block: were all replies as they should be? The last ones are checked byte by byte. */
bool closed_loop_good(struct closed_loop *loop);

void closed_loop_cost_begin(struct closed_loop *loop, struct closed_loop_cost *cost);
void closed_loop_cost_end(struct closed_loop *loop, struct closed_loop_cost *cost);

/* Returns the number of requests lost. A loop that was never started is fine. */
uint64_t closed_loop_stop(struct closed_loop *loop);

#endif
