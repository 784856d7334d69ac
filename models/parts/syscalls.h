/* SPDX-License-Identifier: MIT */
/* System calls of this thread that wait, move bytes or wake: counted where they are made, handed
 * over to model_stats by the thread itself now and then. One instruction each. */
#ifndef ASSAY_SYSCALLS_H
#define ASSAY_SYSCALLS_H

#include <stdatomic.h>
#include <stdint.h>

/* Models are linked into programs, not into libraries that are loaded later: its place is known. */
extern _Thread_local uint64_t syscalls_made __attribute__((tls_model("local-exec")));

static inline void syscalls_count(void)
{
#ifndef MODELS_UNCOUNTED /* counters.h */
    syscalls_made++;
#endif
}

/* Into the thread's own counters. Relaxed: a figure. */
static inline void syscalls_tell(_Atomic uint64_t *syscalls)
{
#ifndef MODELS_UNCOUNTED
    atomic_store_explicit(syscalls, syscalls_made, memory_order_relaxed);
#else
    (void)syscalls;
#endif
}

#endif
