/* SPDX-License-Identifier: MIT */
/*
 * A benchmark's own thread and a partner, each bound to a CPU: both to the same one, or to two. A
 * wake-up takes some 3 us on one CPU and may take 70 across two of a virtual machine, so a figure
 * that does not say where its threads were says nothing.
 */
#ifndef ASSAY_PARTS_PAIR_H
#define ASSAY_PARTS_PAIR_H

#include "gbench.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

enum parts_place { PARTS_SAME_CPU, PARTS_OTHER_CPU };

/* What a registered case gets as its arg. */
struct parts_placed {
    enum parts_place place;
    const void *what;
};

struct parts_pair {
    pthread_t partner;
    cpu_set_t before; /* of the benchmark's thread */
    long switches;    /* of the process, when the pair began */
};

/* How many CPUs this process could use at its start; the number of the nth of them. */
int parts_cpus(void);
int parts_cpu(int nth);

/* Registers NAME/same_cpu if `same`, and NAME/other_cpu where there are two CPUs; `what` outlives
 * the run. */
void parts_pair_register(const char *name, gbench_function *function, const void *what, bool same);
void parts_skip(void);        /* a case is not registered: it takes two CPUs */
void parts_skipped_say(void); /* at the end: how many, on stderr and in the context */

/* Binds this thread and starts the partner. Fails the case and returns false if it cannot. */
bool parts_pair_begin(struct gbench_state *state, struct parts_pair *pair, enum parts_place place,
                      void *(*run)(void *), void *arg);
/* The loop is over and the partner was told to end: joins it, puts things back, and reports
 * answered_per_iteration (what the partner has counted) and switches_per_iteration. */
void parts_pair_end(struct gbench_state *state, struct parts_pair *pair, const int64_t *answered);

#endif
