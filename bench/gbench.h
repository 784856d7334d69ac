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
 * returns 1. Works with libbenchmark 1.7.1 to 1.9.
 */
#ifndef ASSAY_GBENCH_H
#define ASSAY_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define GBENCH_NOEXCEPT noexcept
#else
#define GBENCH_NOEXCEPT
#endif

struct gbench_state;
typedef void gbench_function(struct gbench_state *state, void *arg);

/* How a process's blocks become one value: their mean; their sum per second; per iteration; or the
 * last of them, of what the body itself gathers from block to block. */
enum gbench_counter_kind { GBENCH_TOTAL, GBENCH_RATE, GBENCH_PER_ITERATION, GBENCH_LAST };

struct gbench_options {
    int threads;        /* 0: one */
    int64_t iterations; /* 0: the library decides from --benchmark_min_time */
    int slow_percent;   /* injected slow-down: the loop runs this much more often than it says */
    /* Counts from --iterations FILE are rounded up to a multiple of this (of the documents that the
     * body rotates over, so that every block does the same work). Called once, if the case is to
     * run. Optional. */
    int64_t (*multiple_of)(void *arg);
};

/* An option of the program itself, `--name VALUE` or `--name=VALUE`. *text becomes the value as
 * typed; without `value` (NULL) it takes none and *text becomes "". */
struct gbench_flag {
    const char *name; /* with its two dashes */
    const char *value;
    const char *help;
    const char **text;
};

struct gbench_program {
    const char *summary;             /* first lines of --help */
    const struct gbench_flag *flags; /* ends with a NULL name; may be NULL */
    int (*prepare)(void);            /* registers the cases once the flags are read; 0 or the exit
                                        code, having said why */
    /* Optional: after prepare(), when it is known which cases will run (or, if `list`, be named):
     * refuses flags that have no effect on them. 0 or the exit code, having said why. */
    int (*check)(bool list);
};

/* From prepare(). name is the stable case id: it is what --list, --benchmark_filter, --iterations
 * and --json know, while the library adds suffixes to its own names. arg must outlive gbench_main.
 * options may be NULL. */
void gbench_register(const char *name, gbench_function *function, void *arg,
                     const struct gbench_options *options) GBENCH_NOEXCEPT;
void gbench_context(const char *key,
                    const char *value) GBENCH_NOEXCEPT; /* goes into the JSON; a key once */

/* From check(): does the id of any case that was chosen contain this? */
bool gbench_chosen(const char *part) GBENCH_NOEXCEPT;

/*
 * Parses argv (the program's flags, Google Benchmark's own, --help, --list, --json FILE and
 * --iterations FILE; anything else is a usage error), runs, writes. Returns the program's exit
 * code: 0, 1 a benchmark failed, 2 usage (also: the filter matches nothing), 3 the environment
 * refused. BENCHMARK_* environment variables, which would set flags silently, are dropped first:
 * for that the program starts itself again.
 */
int gbench_main(int argc, char **argv, const struct gbench_program *program) GBENCH_NOEXCEPT;

/* Writes a file whole: a reader sees the old one or the complete new one. 0 or a negative errno. */
int gbench_write_file(const char *path, const char *data, size_t len) GBENCH_NOEXCEPT;

/* Inside a benchmark. */
int64_t gbench_begin(struct gbench_state *state)
    GBENCH_NOEXCEPT; /* number of iterations to run; 0 after an error */
void gbench_end(struct gbench_state *state) GBENCH_NOEXCEPT;
void gbench_fail(struct gbench_state *state, const char *why) GBENCH_NOEXCEPT; /* then return */
void gbench_bytes(struct gbench_state *state, int64_t per_iteration) GBENCH_NOEXCEPT;
/* At most 8 different names a case; names of the library's own keys are refused. */
void gbench_counter(struct gbench_state *state, const char *name, double value,
                    enum gbench_counter_kind kind) GBENCH_NOEXCEPT;
/* After the loop: the block took so long by the body's own clock, not from the loop's begin to its
 * end. That holds in --json FILE; Google Benchmark's own output keeps the loop's time. */
void gbench_own_time(struct gbench_state *state, double ns) GBENCH_NOEXCEPT;
int gbench_thread(const struct gbench_state *state) GBENCH_NOEXCEPT;
/* The library's own `benchmark::State *`, for a row in C++ that runs the loop itself, start to end:
 * our clock then runs from this call until the body returns. */
void *gbench_library_state(struct gbench_state *state) GBENCH_NOEXCEPT;

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
