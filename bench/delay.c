/* SPDX-License-Identifier: MIT */
#include "delay.h"

#include "clock.h"
#include "draw.h"
#include "parts/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MAX_US 3.6e9 /* an hour */

/* A number of microseconds at text, up to the character `end`. */
static bool number(const char *text, double max, char end, double *value, const char **after)
{
    char *stop;
    *value = strtod(text, &stop);
    *after = stop + 1;
    return stop != text && *stop == end && *value >= 0 && *value <= max;
}

int delay_parse(struct delay_plan *plan, const char *text)
{
    static const char *const names[] = {"fixed:", "exp:", "lognormal:", "bimodal:"};
    if (strlen(text) >= sizeof plan->text)
        return -EINVAL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(text, names[i], len) != 0)
            continue;
        strcpy(plan->text, text);
        plan->kind = (enum delay_kind)i;
        const char *rest = text + len;
        bool good = false;
        switch (plan->kind) {
        case DELAY_FIXED:
        case DELAY_EXPONENTIAL:
            good = number(rest, DELAY_MAX_US, '\0', &plan->us, &rest);
            break;
        case DELAY_LOGNORMAL:
            good = number(rest, DELAY_MAX_US, ',', &plan->us, &rest) &&
                   number(rest, 10, '\0', &plan->sigma, &rest);
            break;
        case DELAY_BIMODAL:
            good = number(rest, DELAY_MAX_US, ',', &plan->us, &rest) &&
                   number(rest, DELAY_MAX_US, ',', &plan->slow_us, &rest) &&
                   number(rest, 1, '\0', &plan->slow_share, &rest);
            break;
        }
        return good ? 0 : -EINVAL;
    }
    return -EINVAL;
}

uint64_t delay_ns(const struct delay_plan *plan, uint64_t serial)
{
    double us = plan->us;
    if (plan->kind == DELAY_EXPONENTIAL)
        us *= draw_exponential(plan->seed, serial);
    else if (plan->kind == DELAY_LOGNORMAL)
        us *= exp(plan->sigma * draw_normal(plan->seed, serial));
    else if (plan->kind == DELAY_BIMODAL && draw_uniform(plan->seed, serial) <= plan->slow_share)
        us = plan->slow_us;
    return (uint64_t)(fmin(us, DELAY_MAX_US) * 1e3);
}

bool delay_is_error(const struct delay_plan *plan, uint64_t serial)
{
    /* Another stream than that of the delays. */
    return draw_uniform(~plan->seed, serial) <= plan->error_rate;
}

uint64_t delay_past_stall(const struct delay_plan *plan, uint64_t since_ns, uint64_t delay_ns)
{
    uint64_t every_ns = plan->stall_every_ns, ends_ns = since_ns + delay_ns;
    if (every_ns == 0 || ends_ns < every_ns || ends_ns % every_ns >= plan->stall_for_ns)
        return delay_ns;
    return delay_ns + plan->stall_for_ns - ends_ns % every_ns;
}

struct delay_frame {
    bool error;
};

static uint64_t since_first(struct delay_plan *plan)
{
    uint64_t now_ns = clock_ns(), began_ns = 0;
    if (atomic_compare_exchange_strong_explicit(&plan->began_ns, &began_ns, now_ns,
                                                memory_order_relaxed, memory_order_relaxed))
        return 0;
    return now_ns > began_ns ? now_ns - began_ns : 0;
}

int delay_change(struct delay_book *book, const struct delay_plan *settings)
{
    uint32_t next = atomic_load_explicit(&book->current, memory_order_relaxed) + 1;
    if (next == DELAY_PLANS_MAX)
        return -ENOSPC;
    struct delay_plan *plan = &book->plans[next];
    *plan = *settings;
    plan->requests = plan->began_ns = 0;
    atomic_store_explicit(&book->current, next, memory_order_release);
    return 0;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static enum turn_end delay_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    /* The counters are its only members that change here. */
    struct delay_book *book = (struct delay_book *)(uintptr_t)setup;
    struct delay_frame *frame = turn->frame;
    if (turn->event == TURN_REQUEST) {
        struct delay_plan *plan =
            &book->plans[atomic_load_explicit(&book->current, memory_order_acquire)];
        count(&book->requests);
        uint64_t serial = atomic_fetch_add_explicit(&plan->requests, 1, memory_order_relaxed);
        frame->error = delay_is_error(plan, serial);
        turn->wait_ns = delay_past_stall(plan, since_first(plan), delay_ns(plan, serial));
        if (turn->wait_ns > 0)
            return TURN_WAIT;
    }
    if (frame->error) {
        turn->status = 500;
        count(&book->errors);
    } else {
        bytes_append(turn->out, turn->in, turn->in_len);
    }
    count(&book->answered);
    return TURN_REPLY;
}

const struct workload delay_workload = {
    .name = "delay",
    .summary = "echoes the body after a delay",
    .frame_size = sizeof(struct delay_frame),
    .step = delay_step,
};
