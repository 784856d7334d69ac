/* SPDX-License-Identifier: MIT */
/*
 * Calls of the kernel, counted where they are made (ld --wrap, see meson.build), whatever a model
 * says of them itself: those that wait, move bytes or wake, and what goes with them (epoll_ctl(),
 * connect(), sched_yield()). A semaphore or a condition variable may do without the kernel; it
 * counts in any case, as it does in parts/syscalls.h.
 */
#ifndef ASSAY_TESTS_KERNEL_H
#define ASSAY_TESTS_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_calls {
    uint64_t all;    /* by the model's own threads */
    uint64_t yields; /* … sched_yield() */
    uint64_t sure;   /* … that enter the kernel whatever is the case, and wait or move bytes */
    /* By any thread: sem_post(), pthread_cond_signal(), and write(): eventfds are all that models
     * write to. Not the futexes of parts/lock.h: no wake-ups in model_stats either. */
    uint64_t wakes;
    uint64_t wakes_of_own; /* … by the model's own threads */
};

/* Main thread only. Nothing is counted yet, and threads that are made from here on are the model's;
 * after kernel_started() only those that these make. */
void kernel_begin(void);
void kernel_started(void);
/* Before the model's stop(): who signals that its last thread has ended wakes nobody of it. */
void kernel_stopping(void);

struct kernel_calls kernel_calls(void);

/* All threads of the model are in calls that may wait. True with the same `*made` twice: nothing
 * happened in between, so what was read there, told or made, is of one moment. */
bool kernel_at_rest(uint64_t *made);

#endif
