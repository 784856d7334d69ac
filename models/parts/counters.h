/* SPDX-License-Identifier: MIT */
/*
 * Counts for model_stats without a shared cache line in a hot path: one struct counters per thread
 * of the model (allocate them as an array with counters_create), written by that thread only with
 * counter_add, and one more for threads that are not the model's (post() from outside), written
 * with counter_add_shared, but for `posted`. stats() sums them with counters_sum and adds what it
 * knows besides (door_tell(), pool_in_use, threads).
 */
#ifndef ASSAY_COUNTERS_H
#define ASSAY_COUNTERS_H

#include "../model.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Relaxed, but for the two of errands: these are figures, nothing is ordered by them. Atomic only
 * so that a reader in another thread sees whole values. Aligned so that no two threads share a
 * cache line. */
struct counters {
    _Alignas(128) bool shared; /* of several threads; set by errands_init(), for .._add_mine() */
    _Atomic uint64_t requests, answered, turns, messages;
    /* Each is a request besides those. Under the lock of a queue, which is all that makes it one
     * writer's: queue_push_below(). */
    _Atomic uint64_t posted;
    _Atomic uint64_t handed;  /* messages besides those: told by workers_tell() */
    _Atomic uint64_t at_once; /* each is a turn and an answer besides those */
    _Atomic uint64_t wakeups, syscalls, rejected, calls, call_errors, sends, offloads;
    _Atomic uint64_t connections, closed, bad_requests;

    /* parts/errands.c: what begins and ends with nobody waiting for it. Release, and acquire: see
     * errands_idle(). */
    _Alignas(128) _Atomic uint64_t begun;
    _Atomic uint64_t ended;    /* … but for one-way messages: */
    _Atomic uint64_t returned; /* … which this thread has ended; and how many of */
    uint64_t collected;        /* these others may have sent again since (lock of errands) */
    /* How many one-way messages this thread may send. Read-modify-write only, relaxed: a number
     * that wanders between threads and must not be lost on the way. */
    _Atomic int64_t credit;
};

/* Zeroed; NULL when out of memory; free() it. */
static inline struct counters *counters_create(unsigned count)
{
    struct counters *counters = aligned_alloc(_Alignof(struct counters), count * sizeof *counters);
    if (counters)
        memset(counters, 0, count * sizeof *counters);
    return counters;
}

/* What the work itself needs is a tally. The others are for model_stats alone: without them
 * (MODELS_UNCOUNTED) the same work shows what counting costs, scripts/assay peers. */
#ifdef MODELS_UNCOUNTED
#define COUNTERS_COUNT 0
#else
#define COUNTERS_COUNT 1
#endif

/* By the one thread that owns the struct: a load and a store, no locked instruction. */
static inline void tally_add(_Atomic uint64_t *tally, uint64_t n)
{
    uint64_t value = atomic_load_explicit(tally, memory_order_relaxed);
    atomic_store_explicit(tally, value + n, memory_order_relaxed);
}

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    if (COUNTERS_COUNT)
        tally_add(counter, n);
}

/* By any thread. */
static inline void counter_add_shared(_Atomic uint64_t *counter, uint64_t n)
{
    if (COUNTERS_COUNT)
        atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* By the code that all models share, which does not know whose counters they are. */
static inline void tally_add_mine(struct counters *mine, _Atomic uint64_t *tally, uint64_t n)
{
    if (mine->shared)
        atomic_fetch_add_explicit(tally, n, memory_order_relaxed);
    else
        tally_add(tally, n);
}

static inline void counter_add_mine(struct counters *mine, _Atomic uint64_t *counter, uint64_t n)
{
    if (COUNTERS_COUNT)
        tally_add_mine(mine, counter, n);
}

/* Sets every field of stats that is a sum; in_flight, pool_in_use and threads are left
 * at 0. */
void counters_sum(const struct counters *counters, unsigned count, struct model_stats *stats);

#endif
