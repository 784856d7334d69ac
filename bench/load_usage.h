/* SPDX-License-Identifier: MIT */
/*
 * What a run costs: CPU time of the window, of load itself, of the server and of what that asks in
 * turn; context switches of the whole run, warm-up and all. For to count those is to walk over the
 * server's threads: that must be done where nothing is due, or the first requests of the window
 * were late, the later the more threads there are.
 */
#ifndef ASSAY_LOAD_USAGE_H
#define ASSAY_LOAD_USAGE_H

#include "load_result.h"

struct load_usage {
    pid_t watch_pid, beside_pid; /* 0: none */

    /* As they were before. */
    struct watch watched, beside;
    struct cpu_time cpus;
    uint64_t cpu_ns;
};

/* In this order. What cannot be read is told by result->watch_error. */
void load_usage_begin(struct load_usage *usage, struct load_result *result); /* nothing is sent */
void load_usage_open(struct load_usage *usage, struct load_result *result);  /* the window */
void load_usage_close(struct load_usage *usage, struct load_result *result);
void load_usage_end(struct load_usage *usage, struct load_result *result); /* all is answered */

#endif
