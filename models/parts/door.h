/* SPDX-License-Identifier: MIT */
/*
 * The door: how many requests are inside, over both doors and all threads of a model, and what
 * happens when it is full. In one place, so that the limit means the same for every model.
 */
#ifndef ASSAY_DOOR_H
#define ASSAY_DOOR_H

#include "../model.h"

#include <stdatomic.h>

struct door {
    /* Requests accepted and not yet answered. Relaxed is enough to count; door_enter never lets it
     * pass the limit (compare and swap), and stop() waits for 0 with acquire, which pairs with the
     * release in door_leave. */
    _Atomic uint32_t inside;
    uint32_t limit;
    enum model_on_full on_full;
};

static inline bool door_enter(struct door *door)
{
    uint32_t inside = atomic_load_explicit(&door->inside, memory_order_relaxed);
    do {
        if (inside >= door->limit)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&door->inside, &inside, inside + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Returns true if the door was full before: somebody may be held back (MODEL_WAIT) and wants to be
 * told. Sequentially consistent, so that a look at who is held back cannot come before it. */
static inline bool door_leave(struct door *door)
{
    return atomic_fetch_sub_explicit(&door->inside, 1, memory_order_seq_cst) == door->limit;
}

/* For stop(), which waits for 0: whatever happened inside has happened. */
static inline uint32_t door_inside(const struct door *door)
{
    return atomic_load_explicit(&door->inside, memory_order_acquire);
}

/* post() at a full door. -EAGAIN: the request stays its caller's; 0: it was refused, done() has
 * been called, and `rejected` (of any thread) counts it. */
int door_turn_away(const struct door *door, struct request *request, _Atomic uint64_t *rejected);

/* What is wrong with a config, whatever the model: -EINVAL, else 0. For start(). */
int door_check(const struct model_config *config);

/* Append the bodies of GET /health and GET /metrics, and their content types. */
#define DOOR_HEALTH_TYPE "text/plain; charset=utf-8"
#define DOOR_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
void door_write_health(struct bytes *out);
void door_write_metrics(struct bytes *out, const char *model, const char *workload,
                        const struct model_stats *stats);

#endif
