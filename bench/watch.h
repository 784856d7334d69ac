/* SPDX-License-Identifier: MIT */
/* What another process (the server, its downstream) has used, from /proc and its CPU clock. */
#ifndef ASSAY_WATCH_H
#define ASSAY_WATCH_H

#include "cpu_time.h"

#include <stdint.h>
#include <sys/types.h>

/* Totals since that process began; subtract two. Its two parts are read apart. */
struct watch {
    /* watch_clocks() */
    uint64_t cpu_ns;      /* exact */
    struct cpu_time cpus; /* that it may use */

    /* watch_threads() */
    uint64_t voluntary_switches, involuntary_switches; /* of the threads that live now; of a
                                                        * difference UINT64_MAX: not known */
    uint64_t rss_bytes;                                /* now, not a total */
    uint64_t user_ticks, system_ticks;

    uint64_t cpu_user_ns, cpu_system_ns; /* of a difference: cpu_ns, split as the ticks are */
};

/* 0 or a negative errno (-ESRCH …). The first is quick; the second takes some 20 us for each thread
 * of that process, and whoever has something to send meanwhile is late with it. */
int watch_clocks(struct watch *watch, pid_t pid);
int watch_threads(struct watch *watch, pid_t pid);
/* later - earlier, in place. The ticks may be of a longer time than the clocks. */
void watch_since(struct watch *later, const struct watch *earlier);

#endif
