/* SPDX-License-Identifier: MIT */
/*
 * Operations whose every single run is timed: the distribution of latencies, and what an operation
 * costs whose code and data are no longer in the core's caches. A sample holds one operation and
 * one reading of the clock, whose cost is stated beside it (clock_ns); the block's time is the sum
 * of the samples.
 */
#include "clock.h"
#include "codec_cases.h"

#include <unistd.h>

enum {
    CLOCK_SAMPLES = 1001,
    PENDING = 2048,
    EXACT = 256,    /* buckets of one nanosecond */
    PER_DOUBLE = 7, /* above: 2^7 buckets from one power of two to the next, 0.8 % wide */
    BUCKETS = EXACT + (64 - 8) * (1 << PER_DOUBLE),
    EVICT_MIN = 1 << 20,
    EVICT_MAX = 16 << 20,
    CACHE_LINE = 64,
};

struct codec_latency {
    uint64_t counts[BUCKETS];
    uint64_t total;
    size_t pending_len;
    uint32_t pending[PENDING]; /* saturates at 4 s */
};

static int64_t now_ns(void)
{
    return (int64_t)clock_ns();
}

static size_t bucket_of(uint32_t ns)
{
    if (ns < EXACT)
        return ns;
    const unsigned log = 31 - (unsigned)__builtin_clz(ns);
    const uint32_t part = (ns >> (log - PER_DOUBLE)) & ((1u << PER_DOUBLE) - 1);
    return EXACT + (size_t)(log - 8) * (1 << PER_DOUBLE) + part;
}

/* The middle of the bucket. */
static double bucket_ns(size_t bucket)
{
    if (bucket < EXACT)
        return (double)bucket;
    const size_t log = 8 + (bucket - EXACT) / (1 << PER_DOUBLE);
    const size_t part = (bucket - EXACT) % (1 << PER_DOUBLE);
    const double width = (double)(UINT64_C(1) << (log - PER_DOUBLE));
    return (double)(UINT64_C(1) << log) + ((double)part + 0.5) * width;
}

static void flush(struct codec_latency *latency)
{
    for (size_t i = 0; i < latency->pending_len; i++)
        latency->counts[bucket_of(latency->pending[i])]++;
    latency->total += latency->pending_len;
    latency->pending_len = 0;
}

/* Nearest rank. */
static double percentile(const struct codec_latency *latency, double percent)
{
    uint64_t left = (uint64_t)(percent / 100 * (double)latency->total + 0.999999);
    size_t bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++) {
        if (latency->counts[bucket] >= left)
            break;
        left -= latency->counts[bucket];
    }
    return bucket_ns(bucket);
}

double codec_clock_cost_ns(void)
{
    static int64_t cost = -1;
    if (cost >= 0)
        return (double)cost;
    cost = INT64_MAX;
    for (size_t i = 0; i < CLOCK_SAMPLES; i++) {
        const int64_t began = now_ns();
        const int64_t took = now_ns() - began;
        cost = took < cost ? took : cost;
    }
    return (double)cost;
}

static void report(struct gbench_state *state, const struct codec_latency *latency)
{
    gbench_counter(state, "p50_ns", percentile(latency, 50), GBENCH_LAST);
    gbench_counter(state, "p99_ns", percentile(latency, 99), GBENCH_LAST);
    gbench_counter(state, "samples", (double)latency->total, GBENCH_LAST);
    gbench_counter(state, "clock_ns", codec_clock_cost_ns(), GBENCH_LAST);
}

static struct codec_latency *latency_of(struct gbench_state *state, struct codec_case *c)
{
    if (!c->latency)
        c->latency = calloc(1, sizeof *c->latency);
    if (!c->latency)
        gbench_fail(state, "out of memory");
    return c->latency;
}

static inline void add(struct codec_latency *latency, int64_t ns)
{
    latency->pending[latency->pending_len++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
    if (latency->pending_len == PENDING)
        flush(latency);
}

#define TIMED(name, step, before) /* name: with its type */                                        \
    name(struct gbench_state *state, void *arg)                                                    \
    {                                                                                              \
        struct codec_case *c = arg;                                                                \
        const struct codec_job *ready = codec_case_ready(state, c);                                \
        struct codec_latency *latency = ready ? latency_of(state, c) : NULL;                       \
        if (!latency)                                                                              \
            return;                                                                                \
        const struct codec_job job = *ready;                                                       \
        size_t next = codec_case_first(state, c);                                                  \
        int64_t sum = 0, loop = 0, turns = 0;                                                      \
        int err = 0;                                                                               \
        const int64_t first = now_ns();                                                            \
        GBENCH_LOOP(state)                                                                         \
        {                                                                                          \
            before;                                                                                \
            const int64_t began = now_ns();                                                        \
            err |= step(&job, next);                                                               \
            GBENCH_CLOBBER();                                                                      \
            const int64_t took = now_ns() - began;                                                 \
            sum += took;                                                                           \
            turns++;                                                                               \
            add(latency, took);                                                                    \
            if (++next == job.count)                                                               \
                next = 0;                                                                          \
        }                                                                                          \
        loop = now_ns() - first;                                                                   \
        flush(latency);                                                                            \
        gbench_own_time(state, (double)sum);                                                       \
        codec_case_finish(state, c, next, err);                                                    \
        report(state, latency);                                                                    \
        if (turns > 0) /* of an iteration, with what is off the clock: for whoever plans blocks */ \
            gbench_counter(state, "loop_ns", (double)loop / (double)turns, GBENCH_TOTAL);          \
    }

/* Twice a core's second-level cache: what was in there, code too, then comes from further away. */
static struct {
    volatile uint8_t *bytes;
    size_t len;
} eviction;

static bool eviction_ready(void)
{
    if (eviction.bytes)
        return true;
    long second = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    second = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    eviction.len = second > 0 ? 2 * (size_t)second : 2 * EVICT_MIN; /* unknown: as many have it */
    if (eviction.len < EVICT_MIN)
        eviction.len = EVICT_MIN;
    if (eviction.len > EVICT_MAX)
        eviction.len = EVICT_MAX;
    eviction.bytes = calloc(1, eviction.len);
    return eviction.bytes != NULL;
}

static inline void evict(void)
{
    for (size_t at = 0; at < eviction.len; at += CACHE_LINE)
        eviction.bytes[at]++;
}

TIMED(void codec_time_encode, codec_encode, (void)0)
TIMED(void codec_time_decode, codec_decode, (void)0)
TIMED(static void encode_evicted, codec_encode, evict())
TIMED(static void decode_evicted, codec_decode, evict())

static void time_evicted(struct gbench_state *state, void *arg, gbench_function *run)
{
    if (!eviction_ready()) {
        gbench_fail(state, "out of memory");
        return;
    }
    run(state, arg);
    gbench_counter(state, "evicted_bytes", (double)eviction.len, GBENCH_LAST);
}

void codec_time_encode_evicted(struct gbench_state *state, void *arg)
{
    time_evicted(state, arg, encode_evicted);
}

void codec_time_decode_evicted(struct gbench_state *state, void *arg)
{
    time_evicted(state, arg, decode_evicted);
}
