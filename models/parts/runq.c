/* SPDX-License-Identifier: MIT */
#include "runq.h"

#include <stddef.h>

void runq_fill(struct runq *queue, struct runlist *list)
{
    /* Out of the list first: once pushed it may be stolen, run, and be in another list. There is
     * room for it: others only take. */
    while (list->first && runq_len(queue) < RUNQ_SIZE)
        runq_push(queue, runlist_take(list));
}

struct runnable *runq_steal(struct runq *thief, struct runq *victim)
{
    uint32_t own = atomic_load_explicit(&thief->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&victim->head, memory_order_acquire);
    for (;;) {
        uint32_t tail = atomic_load_explicit(&victim->tail, memory_order_acquire);
        uint32_t count = tail - head;
        if (count == 0)
            return NULL;
        if (count > RUNQ_SIZE) { /* the two were read at different times */
            head = atomic_load_explicit(&victim->head, memory_order_acquire);
            continue;
        }
        count -= count / 2;
        /* Behind our tail nobody looks: if the swap fails nothing has happened. */
        for (uint32_t i = 0; i < count; i++) {
            struct runnable *item =
                atomic_load_explicit(runq_slot(victim, head + i), memory_order_relaxed);
            atomic_store_explicit(runq_slot(thief, own + i), item, memory_order_relaxed);
        }
        if (atomic_compare_exchange_weak_explicit(&victim->head, &head, head + count,
                                                  memory_order_acq_rel, memory_order_acquire)) {
            /* The last of them is run at once; the others can be seen from here on. */
            atomic_store_explicit(&thief->tail, own + count - 1, memory_order_release);
            return atomic_load_explicit(runq_slot(thief, own + count - 1), memory_order_relaxed);
        }
    }
}

void inject_init(struct inject *inject)
{
    *inject = (struct inject){.last = &inject->first};
    pthread_mutex_init(&inject->lock, NULL);
}

void inject_finish(struct inject *inject)
{
    pthread_mutex_destroy(&inject->lock);
}

void inject_push(struct inject *inject, struct runnable *item)
{
    item->next = NULL;
    pthread_mutex_lock(&inject->lock);
    *inject->last = item;
    inject->last = &item->next;
    atomic_fetch_add_explicit(&inject->len, 1, memory_order_relaxed);
    pthread_mutex_unlock(&inject->lock);
}

/* Under the lock. */
static struct runnable *take_first(struct inject *inject)
{
    struct runnable *item = inject->first;
    if (item) {
        inject->first = item->next;
        if (!inject->first)
            inject->last = &inject->first;
        atomic_fetch_sub_explicit(&inject->len, 1, memory_order_relaxed);
    }
    return item;
}

struct runnable *inject_pop(struct inject *inject)
{
    if (atomic_load_explicit(&inject->len, memory_order_relaxed) == 0)
        return NULL;
    pthread_mutex_lock(&inject->lock);
    struct runnable *item = take_first(inject);
    pthread_mutex_unlock(&inject->lock);
    return item;
}

void inject_take(struct inject *inject, struct runlist *list, uint32_t most)
{
    struct runnable *item;
    pthread_mutex_lock(&inject->lock);
    while (most-- > 0 && (item = take_first(inject)))
        runlist_add(list, item);
    pthread_mutex_unlock(&inject->lock);
}
