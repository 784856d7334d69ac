/* SPDX-License-Identifier: MIT */
/*
 * Who waits for room at a full door (MODEL_WAIT), first come first served. Whoever leaves lets the
 * next one in, on the spot: nothing polls, and nobody is forgotten (door.h: held_back).
 */
#ifndef ASSAY_WAITING_H
#define ASSAY_WAITING_H

#include "door.h"

#include <pthread.h>

struct waiter {
    struct waiter *next;
};

struct waiting {
    struct door *door;
    /* The waiter has a place in the door now. Any thread; under the lock: do not come back here. */
    void (*admit)(struct waiter *waiter);
    pthread_mutex_t lock; /* protects the list */
    struct waiter *first, **last;
};

void waiting_init(struct waiting *waiting, struct door *door, void (*admit)(struct waiter *));
void waiting_finish(struct waiting *waiting); /* whoever still waits is forgotten */

/* A place in the door for who comes now: not before those who wait. False: full, or they do. */
static inline bool waiting_enter(struct waiting *waiting)
{
    /* Relaxed: whoever has seen somebody wait sees him or a later state. */
    return atomic_load_explicit(&waiting->door->held_back, memory_order_relaxed) == 0 &&
           door_enter(waiting->door);
}

/* May be admitted before this returns. */
void waiting_add(struct waiting *waiting, struct waiter *waiter);

/* door_leave(), and lets in who waits. */
void waiting_leave(struct waiting *waiting);

/* Forgets everybody; returns the list, linked by next. */
struct waiter *waiting_take_all(struct waiting *waiting);

#endif
