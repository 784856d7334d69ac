/* SPDX-License-Identifier: MIT */
#include "waiting.h"

#include <stddef.h>

void waiting_init(struct waiting *waiting, struct door *door, void (*admit)(struct waiter *))
{
    *waiting = (struct waiting){.door = door, .admit = admit};
    waiting->last = &waiting->first;
    pthread_mutex_init(&waiting->lock, NULL);
}

void waiting_finish(struct waiting *waiting)
{
    pthread_mutex_destroy(&waiting->lock);
}

static void admit(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    while (waiting->first && door_enter(waiting->door)) {
        struct waiter *waiter = waiting->first;
        waiting->first = waiter->next;
        if (!waiting->first)
            waiting->last = &waiting->first;
        atomic_fetch_sub_explicit(&waiting->door->held_back, 1, memory_order_relaxed);
        waiting->admit(waiter);
    }
    pthread_mutex_unlock(&waiting->lock);
}

void waiting_add(struct waiting *waiting, struct waiter *waiter)
{
    pthread_mutex_lock(&waiting->lock);
    waiter->next = NULL;
    *waiting->last = waiter;
    waiting->last = &waiter->next;
    atomic_fetch_add_explicit(&waiting->door->held_back, 1, memory_order_seq_cst);
    pthread_mutex_unlock(&waiting->lock);
    admit(waiting);
}

void waiting_leave(struct waiting *waiting)
{
    if (door_leave(waiting->door))
        admit(waiting);
}

struct waiter *waiting_take_all(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    struct waiter *first = waiting->first;
    waiting->first = NULL;
    waiting->last = &waiting->first;
    for (const struct waiter *waiter = first; waiter; waiter = waiter->next)
        atomic_fetch_sub_explicit(&waiting->door->held_back, 1, memory_order_relaxed);
    pthread_mutex_unlock(&waiting->lock);
    return first;
}
