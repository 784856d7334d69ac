/* SPDX-License-Identifier: MIT */
/* Every way in which a benchmark can go wrong, on purpose: test_gbench.py runs them and looks. */
#include "gbench.h"

#include <string.h>
#include <time.h>

static int64_t turns; /* of the loop, over all blocks of this process */

static void good(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        turns++;
        GBENCH_CLOBBER();
    }
    gbench_bytes(state, 64);
    gbench_counter(state, "wire_bytes", 64, GBENCH_TOTAL);
    gbench_counter(state, "all_turns", (double)turns, GBENCH_TOTAL);
    gbench_counter(state, "messages", 5000, GBENCH_PER_ITERATION);
}

static void slow(struct gbench_state *state, void *arg)
{
    (void)arg;
    int64_t mine = 0;
    GBENCH_LOOP(state)
    {
        mine++;
        GBENCH_CLOBBER();
    }
    gbench_counter(state, "turns_run", (double)mine, GBENCH_TOTAL);
}

static void never_loops(struct gbench_state *state, void *arg)
{
    (void)state;
    (void)arg;
}

static void breaks(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        GBENCH_CLOBBER();
        break;
    }
}

static void returns(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        GBENCH_CLOBBER();
        return;
    }
}

static void loops_twice(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
}

static void fails_before(struct gbench_state *state, void *arg)
{
    (void)arg;
    gbench_fail(state, "cannot \"prepare\"\tthis");
}

static void fails_inside(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        gbench_fail(state, "the answer was wrong");
        return;
    }
}

static void fails_and_goes_on(struct gbench_state *state, void *arg)
{
    (void)arg;
    gbench_fail(state, "failed before the loop");
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
}

static void second_thread_fails(struct gbench_state *state, void *arg)
{
    (void)arg;
    if (gbench_thread(state) == 1) {
        gbench_fail(state, "thread 1 has no luck");
        return;
    }
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
}

static void second_thread_leaves(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    {
        GBENCH_CLOBBER();
        if (gbench_thread(state) == 1)
            break;
    }
}

static void sleeps(struct gbench_state *state, void *arg)
{
    (void)arg;
    const struct timespec pause = {.tv_nsec = 2000000};
    GBENCH_LOOP(state)
    nanosleep(&pause, NULL);
}

static void reserved_counter(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
    gbench_counter(state, "real_time", 1, GBENCH_TOTAL);
}

static void endless_counter(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
    gbench_counter(state, "ratio", 1.0 / (double)((uintptr_t)arg), GBENCH_TOTAL);
}

static void nine_counters(struct gbench_state *state, void *arg)
{
    (void)arg;
    GBENCH_LOOP(state)
    GBENCH_CLOBBER();
    for (int i = 0; i < 9; i++)
        gbench_counter(state, (char[]){'c', (char)('0' + i), '\0'}, i, GBENCH_TOTAL);
}

static const char *greeting, *again;

static int prepare(void)
{
    static const struct {
        const char *name;
        gbench_function *function;
        struct gbench_options options;
    } cases[] = {
        {"good/a", good, {0}},
        {"good/b", good, {0}},
        {"good/slow.5", slow, {.slow_percent = 5}},
        {"good/threads", sleeps, {.threads = 2, .iterations = 3}},
        {"bad/never_loops", never_loops, {0}},
        {"bad/breaks", breaks, {0}},
        {"bad/returns", returns, {0}},
        {"bad/loops_twice", loops_twice, {0}},
        {"bad/fails_before", fails_before, {0}},
        {"bad/fails_inside", fails_inside, {0}},
        {"bad/fails_and_goes_on", fails_and_goes_on, {0}},
        {"bad/second_thread_fails", second_thread_fails, {.threads = 2, .iterations = 3}},
        {"bad/second_thread_leaves", second_thread_leaves, {.threads = 2, .iterations = 3}},
        {"bad/reserved_counter", reserved_counter, {0}},
        {"bad/endless_counter", endless_counter, {0}},
        {"bad/nine_counters", nine_counters, {0}},
        {"bad/slow_too_short", slow, {.slow_percent = 5, .iterations = 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        gbench_register(cases[i].name, cases[i].function, NULL, &cases[i].options);
    gbench_context("greeting", greeting ? greeting : "");
    if (again) { /* the author's own mistakes */
        gbench_register("good/a", good, NULL, NULL);
        gbench_context("greeting", "twice");
        gbench_context("library_version", "mine");
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct gbench_flag flags[] = {
        {"--greeting", "TEXT", "goes into the context", &greeting},
        {"--again", NULL, "register twice", &again},
        {0},
    };
    static const struct gbench_program program = {
        .summary = "test_gbench_cases: benchmarks that go wrong on purpose.",
        .flags = flags,
        .prepare = prepare,
    };
    return gbench_main(argc, argv, &program);
}
