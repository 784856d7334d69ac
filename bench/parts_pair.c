/* SPDX-License-Identifier: MIT */
#include "parts_pair.h"

#include "parts/cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static unsigned skipped;

/* As it was at the first question: threads bind themselves later. */
static const cpu_set_t *allowed(void)
{
    static cpu_set_t set;
    static bool known;
    if (!known && sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_SET(0, &set);
    known = true;
    return &set;
}

int parts_cpus(void)
{
    return CPU_COUNT(allowed());
}

int parts_cpu(int nth)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, allowed()) && nth-- == 0)
            return cpu;
    return 0;
}

static void add(const char *name, const char *where, gbench_function *function,
                struct parts_placed placed)
{
    static struct parts_placed args[64];
    static size_t count;
    if (count == sizeof args / sizeof *args)
        abort(); /* more cases than the table was made for */
    char id[96];
    snprintf(id, sizeof id, "%s/%s", name, where);
    args[count] = placed;
    gbench_register(id, function, &args[count++], NULL);
}

void parts_pair_register(const char *name, gbench_function *function, const void *what, bool same)
{
    if (same)
        add(name, "same_cpu", function, (struct parts_placed){PARTS_SAME_CPU, what});
    if (parts_cpus() >= 2)
        add(name, "other_cpu", function, (struct parts_placed){PARTS_OTHER_CPU, what});
    else
        parts_skip();
}

void parts_skip(void)
{
    skipped++;
}

void parts_skipped_say(void)
{
    char value[16];
    snprintf(value, sizeof value, "%u", skipped);
    gbench_context("cases_skipped_for_want_of_a_second_cpu", value);
    if (skipped > 0)
        fprintf(stderr,
                "parts_bench: %u cases were skipped: they take two CPUs (…/other_cpu, "
                "…/senders_N), and this process may use one\n",
                skipped);
}

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

bool parts_pair_begin(struct gbench_state *state, struct parts_pair *pair, enum parts_place place,
                      void *(*run)(void *), void *arg)
{
    char mine[16], theirs[16];
    pthread_getaffinity_np(pthread_self(), sizeof pair->before, &pair->before);
    snprintf(mine, sizeof mine, "%d", parts_cpu(0));
    snprintf(theirs, sizeof theirs, "%d", parts_cpu(place == PARTS_OTHER_CPU ? 1 : 0));
    int err = cpus_thread_create(&pair->partner, theirs, "partner", run, arg);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return false;
    }
    cpus_pin_self(mine); /* one of those that this thread may use already */
    pair->switches = switches();
    return true;
}

void parts_pair_end(struct gbench_state *state, struct parts_pair *pair, const int64_t *answered)
{
    const long switched = switches() - pair->switches;
    pthread_join(pair->partner, NULL);
    gbench_counter(state, "answered_per_iteration", (double)*answered, GBENCH_PER_ITERATION);
    gbench_counter(state, "switches_per_iteration", (double)switched, GBENCH_PER_ITERATION);
    pthread_setaffinity_np(pthread_self(), sizeof pair->before, &pair->before);
}
