/* SPDX-License-Identifier: MIT */
/*
 * The door: how many requests are inside, over both doors and all threads of a model, and what
 * happens when it is full. In one place, so that the limit means the same for every model.
 */
#ifndef ASSAY_DOOR_H
#define ASSAY_DOOR_H

#include "../model.h"

#include <stdatomic.h>

/* Those who enter and those who leave are mostly on different CPUs. So they count apart, each on a
 * cache line that the others leave alone: who enters looks at the other count only when, by what
 * was seen of it last, the door is full. */
struct door {
    uint32_t limit;
    enum model_on_full on_full;
    char apart[64];
    /* How many have entered, ever (low half), and how many of them had left when somebody looked
     * last (high half). Compare and swap, so that they never are more than limit apart; relaxed is
     * enough to count. */
    _Atomic uint64_t entered;
    char apart_too[64];
    /* How many have left, ever. Release, and acquire by stop(), which waits for the last. And how
     * many are held back for want of room (MODEL_WAIT). Who leaves adds to the first and then looks
     * at the second, who is held back adds to the second and then looks at the first; all four
     * sequentially consistent, so that one of the two sees the other. */
    _Atomic uint32_t left;
    char apart_as_well[64];
    _Atomic uint32_t held_back; /* read by all who enter and leave, mostly 0 */
    char apart_from_all[64];
};

static inline bool door_enter(struct door *door)
{
    uint64_t word = atomic_load_explicit(&door->entered, memory_order_relaxed);
    for (;;) {
        uint32_t entered = (uint32_t)word, left = (uint32_t)(word >> 32);
        if (entered - left >= door->limit) {
            left = atomic_load_explicit(&door->left, memory_order_seq_cst);
            /* Below 0: the word is an old one, the exchange will say so. */
            int32_t inside = (int32_t)(entered - left);
            if (inside >= 0 && (uint32_t)inside >= door->limit)
                return false;
        }
        if (atomic_compare_exchange_weak_explicit(&door->entered, &word,
                                                  (uint64_t)left << 32 | (uint32_t)(entered + 1),
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}

/* True: somebody is held back and wants to be told that there is room. */
static inline bool door_leave(struct door *door)
{
    atomic_fetch_add_explicit(&door->left, 1, memory_order_seq_cst);
    return atomic_load_explicit(&door->held_back, memory_order_seq_cst) > 0;
}

/* Requests accepted and not yet answered; at a glance, so perhaps some that are out meanwhile, but
 * never 0 while somebody is inside. For stop(), which waits for that: whatever happened inside has
 * happened. */
static inline uint32_t door_inside(const struct door *door)
{
    uint32_t left = atomic_load_explicit(&door->left, memory_order_acquire);
    uint64_t entered = atomic_load_explicit(&door->entered, memory_order_relaxed);
    uint32_t inside = (uint32_t)entered - left;
    return inside < door->limit ? inside : door->limit;
}

/* How many have entered so far (mod 2^32). */
static inline uint32_t door_entered(const struct door *door)
{
    return (uint32_t)atomic_load_explicit(&door->entered, memory_order_acquire);
}

/* For stats(). */
static inline void door_tell(const struct door *door, struct model_stats *stats)
{
    stats->in_flight = door_inside(door);
    stats->held_back = atomic_load_explicit(&door->held_back, memory_order_relaxed);
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
