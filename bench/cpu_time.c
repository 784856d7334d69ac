/* SPDX-License-Identifier: MIT */
#include "cpu_time.h"

#include "clock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "cpu3 user nice system idle iowait irq softirq steal ...": proc(5). Waiting for a disk is idle.
 */
static void add(struct cpu_time *time, const char *line, uint64_t tick_ns)
{
    unsigned long long idle, waiting, steal;
    if (sscanf(line, "%*s %*u %*u %*u %llu %llu %*u %*u %llu", &idle, &waiting, &steal) != 3)
        return;
    time->count++;
    time->idle_ns += (idle + waiting) * tick_ns;
    time->steal_ns += steal * tick_ns;
}

void cpu_time_read(struct cpu_time *time, pid_t pid)
{
    *time = (struct cpu_time){0};
    cpu_set_t cpus;
    if (sched_getaffinity(pid, sizeof cpus, &cpus) != 0)
        return;
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return;
    const uint64_t tick_ns = CLOCK_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, file) > 0 && strncmp(line, "cpu", 3) == 0) {
        char *end;
        unsigned long cpu = strtoul(line + 3, &end, 10);
        if (end != line + 3 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &cpus))
            add(time, line, tick_ns);
    }
    free(line);
    fclose(file);
}

void cpu_time_since(struct cpu_time *later, const struct cpu_time *earlier)
{
    if (later->count != earlier->count || later->idle_ns < earlier->idle_ns) {
        *later = (struct cpu_time){0};
        return;
    }
    later->idle_ns -= earlier->idle_ns;
    later->steal_ns -= earlier->steal_ns;
}
