/* SPDX-License-Identifier: MIT */
/* What the pieces cost: the loop itself, the clock, memcpy, and the parts of the models. */
#include "gbench.h"
#include "parts.h"
#include "parts_loop.h"
#include "parts_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void loop_c(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
}

static void loop_c_call(struct gbench_state *state, void *arg)
{
    (void)arg;
    void *library = gbench_library_state(state);
    while (parts_loop_keep_running(library))
        GBENCH_CLOBBER();
}

static void read_clock(struct gbench_state *state, void *arg)
{
    const clockid_t clock = *(const clockid_t *)arg;
    struct timespec ts;
    GBENCH_LOOP(state)
    {
        clock_gettime(clock, &ts);
        GBENCH_KEEP(ts.tv_nsec);
    }
}

static void copy(struct gbench_state *state, void *arg)
{
    size_t size = *(const size_t *)arg;
    char *from = malloc(size), *to = malloc(size);
    if (!from || !to) {
        gbench_fail(state, "out of memory");
        goto out;
    }
    memset(from, 'x', size);
    memset(to, 0, size);
    GBENCH_LOOP(state)
    {
        size_t len = size;
        GBENCH_LAUNDER(len); /* a call to memcpy, not code for a size known beforehand */
        memcpy(to, from, len);
        GBENCH_CLOBBER();
    }
    gbench_bytes(state, (int64_t)size);
out:
    free(from);
    free(to);
}

static void register_loops(void)
{
    gbench_register("parts/loop/c", loop_c, NULL, NULL);
    gbench_register("parts/loop/cpp_range_for", parts_loop_cpp_range_for, NULL, NULL);
    gbench_register("parts/loop/c_call_per_iteration", loop_c_call, NULL, NULL);
    gbench_register("parts/loop/cpp_keep_running", parts_loop_cpp_keep_running, NULL, NULL);
}

static void register_clocks(void)
{
    static clockid_t monotonic = CLOCK_MONOTONIC, thread_cpu = CLOCK_THREAD_CPUTIME_ID;
    gbench_register("parts/clock/monotonic", read_clock, &monotonic, NULL);
    gbench_register("parts/clock/thread_cpu", read_clock, &thread_cpu, NULL);
}

static void register_copies(void)
{
    static size_t sizes[] = {64, 1024, 10240, 102400, 1048576};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[40];
        snprintf(name, sizeof name, "parts/memcpy/%zu", sizes[i]);
        gbench_register(name, copy, &sizes[i], NULL);
    }
}

static int prepare(void)
{
    register_loops();
    register_clocks();
    register_copies();
    parts_floors_register();
    parts_queues_register();
    parts_senders_register();
    parts_wake_register();
    parts_timers_register();
    parts_http_register();
    parts_pool_register();
    parts_skipped_say();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct gbench_program program = {
        .summary =
            "parts_bench: what the pieces of the other benchmarks cost by themselves, and\n"
            "what the machine takes for the same without them (parts/floor/...).\n"
            "\n"
            "same_cpu and other_cpu say where the two threads of a case are bound; where\n"
            "this process may use one CPU only, other_cpu and senders_N are skipped.\n"
            "wakeups_per_iteration: a side that is awake is not woken. On one CPU both sides\n"
            "of parts/wake/queue mostly give way instead: two yields, not two wake-ups.",
        .prepare = prepare,
    };
    return gbench_main(argc, argv, &program);
}
