/* SPDX-License-Identifier: MIT */
/* What became of the CPUs that a process may use, whoever used them: from /proc/stat. */
#ifndef ASSAY_CPU_TIME_H
#define ASSAY_CPU_TIME_H

#include <stdint.h>
#include <sys/types.h>

/* Totals since boot over all of them; subtract two. In the kernel's ticks, mostly of 10 ms. */
struct cpu_time {
    uint64_t count; /* of CPUs; 0: not known */
    uint64_t idle_ns;
    uint64_t steal_ns; /* the host gave them to somebody else */
};

void cpu_time_read(struct cpu_time *time, pid_t pid); /* 0: this process */
/* later - earlier, in place. Another number of CPUs: nothing is known. */
void cpu_time_since(struct cpu_time *later, const struct cpu_time *earlier);

#endif
