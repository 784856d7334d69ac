/* SPDX-License-Identifier: MIT */
/*
 * Slow ones among fast ones: a body that begins with "heavy " asks for cpu_iterations rounds of the
 * serial hash of `cpu`, any other for none. With setup.offload the rounds are offloaded, so that
 * they do not hold up the thread that serves the others. The reply is the hash.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <stdio.h>
#include <string.h>

static const char mixed_heavy[] = "heavy ";

static bool mixed_is_heavy(const uint8_t *body, size_t len)
{
    const size_t mark = strlen(mixed_heavy);
    return len >= mark && memcmp(body, mixed_heavy, mark) == 0;
}

static int mixed_work(void *frame, const void *setup)
{
    const struct workload_setup *s = setup;
    uint64_t *sum = frame;
    *sum = hash_work(*sum, s->cpu_iterations);
    return 0;
}

static enum turn_end mixed_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    const struct workload_setup *s = setup;
    uint64_t *sum = turn->frame;
    if (turn->event == TURN_REQUEST) {
        *sum = hash_seed(turn->in, turn->in_len);
        const bool heavy = mixed_is_heavy(turn->in, turn->in_len);
        if (heavy && s->offload) {
            turn->offload = mixed_work;
            return TURN_OFFLOAD;
        }
        if (heavy)
            mixed_work(sum, setup);
    }
    char hex[HASH_HEX];
    hash_hex(*sum, hex);
    bytes_append(turn->out, hex, sizeof hex);
    return TURN_REPLY;
}

static bool mixed_reply_ok(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    const uint8_t *body = setup->bodies[document];
    const size_t len = setup->body_lens[document];
    const uint64_t sum =
        mixed_is_heavy(body, len) ? service_cpu_sum(setup, document) : hash_seed(body, len);
    char hex[HASH_HEX];
    hash_hex(sum, hex);
    return reply_len == sizeof hex && memcmp(reply, hex, sizeof hex) == 0;
}

static size_t mixed_mark(const struct workload_setup *setup, size_t document, char *mark)
{
    const bool heavy = service_share(document, setup->heavy_percent, 0);
    return (size_t)snprintf(mark, SERVICE_MARK_MAX, "%s", heavy ? mixed_heavy : "");
}

const struct service mixed_workload = {
    .turns =
        {
            .name = "mixed",
            .summary = "a CPU-heavy share among fast requests, offloaded or not",
            .frame_size = sizeof(uint64_t),
            .step = mixed_step,
        },
    .needs = WORKLOAD_NEEDS_CPU_ITERATIONS | WORKLOAD_NEEDS_HEAVY | WORKLOAD_OFFLOADS,
    .reply_ok = mixed_reply_ok,
    .mark = mixed_mark,
};
