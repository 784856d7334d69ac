/* SPDX-License-Identifier: MIT */
#include "load_usage.h"

typedef int read_watch(struct watch *watch, pid_t pid);

/* After the first error nothing is read any more. */
static void look(struct load_result *result, read_watch *read, struct watch *watch, pid_t pid)
{
    if (pid && result->watch_error == 0)
        result->watch_error = read(watch, pid);
}

void load_usage_begin(struct load_usage *usage, struct load_result *result)
{
    look(result, watch_threads, &usage->watched, usage->watch_pid);
}

void load_usage_open(struct load_usage *usage, struct load_result *result)
{
    look(result, watch_clocks, &usage->watched, usage->watch_pid);
    look(result, watch_clocks, &usage->beside, usage->beside_pid);
    cpu_time_read(&usage->cpus, 0);
    usage->cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

void load_usage_close(struct load_usage *usage, struct load_result *result)
{
    result->cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID) - usage->cpu_ns;
    cpu_time_read(&result->cpus, 0);
    cpu_time_since(&result->cpus, &usage->cpus);
    look(result, watch_clocks, &result->watched, usage->watch_pid);
    look(result, watch_clocks, &result->beside, usage->beside_pid);
}

void load_usage_end(struct load_usage *usage, struct load_result *result)
{
    look(result, watch_threads, &result->watched, usage->watch_pid);
    watch_since(&result->watched, &usage->watched);
    watch_since(&result->beside, &usage->beside);
}
