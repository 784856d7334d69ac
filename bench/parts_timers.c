/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include "gbench.h"
#include "parts/timers.h"

#define TIMERS_LIVE 1000

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* A heap of 1000 that stays at 1000: one is added, one comes out. */
static void timers_add_pop(struct gbench_state *state, void *arg)
{
    struct timers timers = {0};
    uint64_t x = 88172645463325252;
    for (int i = 0; i < TIMERS_LIVE; i++)
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
    GBENCH_LOOP(state)
    {
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
        void *item = timers_pop(&timers, TIMERS_NEVER);
        GBENCH_KEEP(item);
    }
    if (timers.len != TIMERS_LIVE)
        gbench_fail(state, "the heap lost a timer");
    timers_finish(&timers);
}

/* A deadline that is not reached, among 1000 others: what a call costs that is answered in time. */
static void timers_add_cancel(struct gbench_state *state, void *arg)
{
    struct timers timers = {0};
    uint64_t x = 88172645463325252;
    size_t place = 0;
    for (int i = 0; i < TIMERS_LIVE; i++)
        timers_add(&timers, next_random(&x) >> 1, arg, NULL);
    GBENCH_LOOP(state)
    {
        timers_add(&timers, next_random(&x) >> 1, arg, &place);
        timers_cancel(&timers, &place);
    }
    if (timers.len != TIMERS_LIVE)
        gbench_fail(state, "the heap lost a timer");
    timers_finish(&timers);
}

void parts_timers_register(void)
{
    static int item;
    gbench_register("parts/timers/add_pop", timers_add_pop, &item, NULL);
    gbench_register("parts/timers/add_cancel", timers_add_cancel, &item, NULL);
}
