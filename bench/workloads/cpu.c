/* SPDX-License-Identifier: MIT */
/*
 * CPU-bound: cpu_iterations rounds of a serial integer hash over a seed from the body. The reply is
 * the result, so the work can be neither skipped nor shared between requests.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <string.h>
#include <time.h>

static enum turn_end cpu_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    const struct workload_setup *s = setup;
    char hex[HASH_HEX];
    hash_hex(hash_work(hash_seed(turn->in, turn->in_len), s->cpu_iterations), hex);
    bytes_append(turn->out, hex, sizeof hex);
    return TURN_REPLY;
}

/* Of a document that begins alike, as most do after workload_setup_mark(); 0: of none so far. */
static uint64_t known_sum(const struct workload_setup *setup, uint64_t seed)
{
    for (size_t i = 0; i < setup->documents; i++) {
        uint64_t sum = atomic_load_explicit(&setup->cpu_sums[i], memory_order_relaxed);
        if (sum != 0 && hash_seed(setup->bodies[i], setup->body_lens[i]) == seed)
            return sum;
    }
    return 0;
}

uint64_t service_cpu_sum(const struct workload_setup *setup, size_t document)
{
    _Atomic uint64_t *known = &setup->cpu_sums[document];
    uint64_t sum = atomic_load_explicit(known, memory_order_relaxed);
    if (sum == 0) {
        const uint64_t seed = hash_seed(setup->bodies[document], setup->body_lens[document]);
        sum = known_sum(setup, seed);
        if (sum == 0)
            sum = hash_work(seed, setup->cpu_iterations);
        atomic_store_explicit(known, sum, memory_order_relaxed);
    }
    return sum;
}

bool service_reply_is_cpu_sum(const struct workload_setup *setup, size_t document,
                              const uint8_t *reply, size_t reply_len)
{
    char hex[HASH_HEX];
    hash_hex(service_cpu_sum(setup, document), hex);
    return reply_len == sizeof hex && memcmp(reply, hex, sizeof hex) == 0;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

uint64_t workload_calibrate_cpu(double us)
{
    enum { blocks = 50, rounds = 20000 };
    /* The fastest block: whatever else ran on this core only ever adds. */
    double best_ns = 1e18;
    static volatile uint64_t sink;
    for (int i = 0; i < blocks; i++) {
        double before = now_ns();
        sink = hash_work(sink, rounds);
        double ns = now_ns() - before;
        if (ns < best_ns)
            best_ns = ns;
    }
    double iterations = us * 1e3 * rounds / best_ns;
    return iterations < 1 ? 1 : (uint64_t)iterations;
}

const struct service cpu_workload = {
    .turns =
        {
            .name = "cpu",
            .summary = "CPU-bound: a stated number of rounds of a serial hash",
            .step = cpu_step,
        },
    .needs = WORKLOAD_NEEDS_CPU_ITERATIONS,
    .reply_ok = service_reply_is_cpu_sum,
};
