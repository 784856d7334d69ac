/* SPDX-License-Identifier: MIT */
/* What another process (the server, its downstream) has used, from /proc and its CPU clock. */
#ifndef ASSAY_WATCH_H
#define ASSAY_WATCH_H

#include "cpu_time.h"

#include <stdint.h>
#include <sys/types.h>

/* Totals since that process began; subtract two. */
struct watch {
    uint64_t cpu_ns;                                   /* exact */
    uint64_t cpu_user_ns, cpu_system_ns;               /* cpu_ns, split as the kernel's ticks are */
    uint64_t voluntary_switches, involuntary_switches; /* of the threads that live now; of a
                                                        * difference UINT64_MAX: not known */
    uint64_t rss_bytes;                                /* now, not a total */
    uint64_t user_ticks, system_ticks;
    struct cpu_time cpus; /* that it may use */
};

int watch_read(struct watch *watch, pid_t pid); /* 0 or a negative errno (-ESRCH …) */
/* later - earlier, in place. The split of CPU time is that of the ticks between the two. */
void watch_since(struct watch *later, const struct watch *earlier);

#endif
