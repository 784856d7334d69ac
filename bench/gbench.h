/* SPDX-License-Identifier: MIT */
/*
 * Google Benchmark for C: a loop that costs what C++'s `for (auto _ : state)` costs, because the
 * library is entered once before and once after it and never in between.
 *
 *     static void encode(struct gbench_state *state, void *arg)
 *     {
 *         prepare(arg);                       // not measured
 *         GBENCH_LOOP(state) {
 *             ...
 *             GBENCH_CLOBBER();
 *         }
 *     }
 *
 * A body that never enters its loop, leaves it early, or fails in one of several threads is
 * reported as an error (libbenchmark 1.7 aborts and leaves broken JSON), and gbench_main then
 * returns 1.
 */
#ifndef ASSAY_GBENCH_H
#define ASSAY_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_state;
typedef void gbench_function(struct gbench_state *state, void *arg);

enum gbench_counter_kind { GBENCH_TOTAL, GBENCH_RATE, GBENCH_PER_ITERATION };

struct gbench_options {
    int threads;        /* 0: one */
    int64_t iterations; /* 0: the library decides from --benchmark_min_time */
};

/* name is also the stable case id: it is repeated in --json, since the library adds suffixes to its
 * own names. arg must outlive gbench_main. options may be NULL. */
void gbench_register(const char *name, gbench_function *function, void *arg,
                     const struct gbench_options *options);
void gbench_context(const char *key, const char *value); /* goes into the JSON; a key once */

/*
 * Parses argv (Google Benchmark's own flags, --help, --list and --json FILE; anything else is a
 * usage error), runs, writes. Returns the program's exit code: 0, 1 a benchmark failed, 2 usage
 * (also: the filter matches nothing).
 */
int gbench_main(int argc, char **argv, const char *program_summary);

/* Inside a benchmark. */
int64_t
gbench_begin(struct gbench_state *state); /* number of iterations to run; 0 after an error */
void gbench_end(struct gbench_state *state);
void gbench_fail(struct gbench_state *state, const char *why); /* then return */
void gbench_bytes(struct gbench_state *state, int64_t per_iteration);
void gbench_counter(
    struct gbench_state *state, const char *name, double value,
    enum gbench_counter_kind kind); /* names of the library's own keys are refused */
int gbench_thread(const struct gbench_state *state);

#define GBENCH_LOOP(state)                                                                         \
    for (int64_t gbench_left_ = gbench_begin(state); gbench_left_ > 0;                             \
         --gbench_left_ ? (void)0 : gbench_end(state))

/* Barriers. CLOBBER: memory written so far must be there. KEEP: this scalar or pointer is needed.
 * LAUNDER: the compiler may no longer know this scalar's value. */
#define GBENCH_CLOBBER() __asm__ volatile("" ::: "memory")
#define GBENCH_KEEP(value) __asm__ volatile("" : : "r,m"(value) : "memory")
#define GBENCH_LAUNDER(value) __asm__ volatile("" : "+r"(value))

#ifdef __cplusplus
}
#endif

#endif
