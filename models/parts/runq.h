/* SPDX-License-Identifier: MIT */
/*
 * Run queues of a work-stealing scheduler: one per worker, which only its owner fills, and from
 * which others steal (a ring, as in Go's and Tokio's schedulers); and one that outsiders fill.
 */
#ifndef ASSAY_RUNQ_H
#define ASSAY_RUNQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RUNQ_SIZE 256 /* a power of two; what does not fit its owner keeps in a list, in order */

struct runnable {
    struct runnable *next; /* in a list or an inject queue */
};

/* First in first out, of one thread. Empty: zeroed. */
struct runlist {
    struct runnable *first, *last; /* last: only if there is a first */
};

static inline void runlist_add(struct runlist *list, struct runnable *item)
{
    item->next = NULL;
    if (list->first)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}
/* The first, which there has to be. */
static inline struct runnable *runlist_take(struct runlist *list)
{
    struct runnable *item = list->first;
    list->first = item->next;
    return item;
}

struct runq {
    /* Where to take: moved by the owner and by thieves, by compare and swap only. Release, so that
     * the owner that sees it moved (acquire) may overwrite the slots. Free-running. */
    _Alignas(64) _Atomic uint32_t head;
    /* Where to put: stored by the owner only; release, so that thieves (acquire) see the slot. */
    _Alignas(64) _Atomic uint32_t tail;
    /* Relaxed: ordered by head and tail. Atomic, since a thief may read a slot that the owner is
     * filling again; its compare and swap then fails. */
    struct runnable *_Atomic slots[RUNQ_SIZE];
};

static inline struct runnable *_Atomic *runq_slot(struct runq *queue, uint32_t index)
{
    return &queue->slots[index % RUNQ_SIZE];
}

/* Owner. False: full. */
static inline bool runq_push(struct runq *queue, struct runnable *item)
{
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
    uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed); /* our own */
    if (tail - head == RUNQ_SIZE)
        return false;
    atomic_store_explicit(runq_slot(queue, tail), item, memory_order_relaxed);
    atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
    return true;
}

/* Owner. As many as fit, from the front of its list. */
void runq_fill(struct runq *queue, struct runlist *list);

/* Owner. The oldest, or NULL. */
static inline struct runnable *runq_pop(struct runq *queue)
{
    uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed); /* our own */
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
    while (head != tail) {
        struct runnable *item = atomic_load_explicit(runq_slot(queue, head), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&queue->head, &head, head + 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return item;
    }
    return NULL;
}

/* The owner of `thief`, whose queue is empty: moves the older half of the victim's there, and
 * returns one of them, or NULL if there was none to be had. */
struct runnable *runq_steal(struct runq *thief, struct runq *victim);
/* Any thread; out of date at once. */
static inline uint32_t runq_len(const struct runq *queue)
{
    uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    return atomic_load_explicit(&queue->tail, memory_order_relaxed) - head;
}

struct inject {
    pthread_mutex_t lock; /* protects the list */
    struct runnable *first, **last;
    /* Written under the lock, read without: a hint that spares the lock. Whoever needs to be sure
     * orders it by other means (sleepers.h). */
    _Atomic uint32_t len;
};

void inject_init(struct inject *inject);
void inject_finish(struct inject *inject);
void inject_push(struct inject *inject, struct runnable *item); /* any thread */
struct runnable *inject_pop(struct inject *inject);             /* any thread; or NULL */
/* Any thread: the first of them, `most` at most, to the end of its list. */
void inject_take(struct inject *inject, struct runlist *list, uint32_t most);

#endif
