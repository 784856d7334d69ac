/* SPDX-License-Identifier: MIT */
/*
 * The task queue of a thread pool: bounded, first in first out, many producers, many workers.
 *
 * The worker that fell asleep last is woken first (its caches are warm, and the others may stay
 * asleep), and nobody is woken when nobody sleeps. A woken worker competes for the task with those
 * that are awake: handing it over directly would leave it lying for the time a wake-up takes.
 * Workers take one task at a time: tasks may block, and a second one in the pocket of a blocked
 * worker would wait for nothing while others are idle.
 *
 * A worker that finds nothing, and whose last sleep was over at once, gives way before it sleeps:
 * where it shares a CPU with those who submit, a sleep and a wake-up per task would be most of what
 * a short task costs. Where tasks come seldom it does not: who has given way waits longer for a CPU
 * that is busy.
 *
 * With spin_ns a worker that finds nothing looks out for that long before it sleeps, one of all at
 * a time, instead of giving way: it takes the next task, so a second one would only burn a CPU.
 * While it looks out, the first task wakes nobody.
 */
#ifndef ASSAY_QUEUE_H
#define ASSAY_QUEUE_H

#include "counters.h"
#include "lock.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One per worker thread, in a place that lives as long as the queue. */
struct queue_worker {
    sem_t wake; /* posted once by whoever took this worker off the idle stack */
    struct queue_worker *below;
    uint64_t woken_ns; /* set by whoever posts wake, before */
    bool gives_way;    /* the worker's own: its last sleep was over at once */
};

/* What changes with the tasks: these cache lines wander between the CPUs with each of them. */
struct queue_state {
    /* Protects everything in here; held for some ten instructions. */
    _Alignas(64) struct lock lock;
    uint64_t first; /* of the ring; free-running: so many have been taken out */
    /* Atomic, relaxed, only because the worker that looks out reads it without the lock: what it
     * sees there is no more than a hint to take the lock. The same holds for closed. */
    _Atomic uint32_t len;
    struct queue_worker *idle; /* asleep, or about to be; the most recent on top */
    uint32_t idle_count;
    bool watched; /* a worker looks out */
    atomic_bool closed;
};

struct queue {
    struct queue_state *state;
    void **ring; /* under the lock, too */
    uint32_t mask;
    uint32_t limit;
    /* How long a worker looks out before it sleeps. 0 from queue_init(); set it before the first
     * queue_pop(). It takes up to one CPU while the queue is empty. */
    uint64_t spin_ns;
};

/* Room for limit tasks (at least 1). 0, -EINVAL or -ENOMEM. */
int queue_init(struct queue *queue, uint32_t limit);
void queue_finish(struct queue *queue); /* nobody uses it any more */

int queue_worker_init(struct queue_worker *worker); /* 0 or a negative errno */
void queue_worker_finish(struct queue_worker *worker);

/* The slow halves: posts the worker that was taken off the idle stack; sleeps, or looks out, until
 * there is a task, with the lock, which it gives back. */
int queue_wake_worker(struct queue_worker *sleeper);
void *queue_wait(struct queue *queue, struct queue_worker *worker);

static inline uint32_t queue_len(const struct queue_state *state)
{
    return atomic_load_explicit(&state->len, memory_order_relaxed);
}

static inline bool queue_closed(const struct queue_state *state)
{
    return atomic_load_explicit(&state->closed, memory_order_relaxed);
}

/* Any thread; never blocks. 0: queued; 1: queued, and a sleeping worker was woken; -EAGAIN: limit
 * tasks are inside, or more; -ESHUTDOWN: closed. task is not NULL. counter, if any: one more in it
 * once the task is in, before anybody can take it. Under the lock: no locked instruction for that,
 * but nobody else may write this counter. */
static inline int queue_push_below(struct queue *queue, void *task, uint32_t limit,
                                   _Atomic uint64_t *counter)
{
    struct queue_state *state = queue->state;
    lock_take(&state->lock);
    uint32_t len = queue_len(state);
    if (queue_closed(state) || len >= limit) {
        int error = queue_closed(state) ? -ESHUTDOWN : -EAGAIN;
        lock_give(&state->lock);
        return error;
    }
    queue->ring[(state->first + len) & queue->mask] = task;
    atomic_store_explicit(&state->len, len + 1, memory_order_relaxed);
    if (counter)
        counter_add(counter, 1);
    struct queue_worker *sleeper = state->watched && len == 0 ? NULL : state->idle;
    if (sleeper) {
        state->idle = sleeper->below;
        state->idle_count--;
    }
    lock_give(&state->lock);
    /* After that, or the woken thread would run into the lock at once. */
    return sleeper ? queue_wake_worker(sleeper) : 0;
}

static inline int queue_push(struct queue *queue, void *task)
{
    return queue_push_below(queue, task, queue->limit, NULL);
}

/* With the lock, which it gives back. NULL: there is none. */
static inline void *queue_take(struct queue *queue)
{
    struct queue_state *state = queue->state;
    void *task = NULL, *next = NULL;
    uint32_t len = queue_len(state);
    if (len > 0) {
        task = queue->ring[state->first++ & queue->mask];
        atomic_store_explicit(&state->len, len - 1, memory_order_relaxed);
    }
    if (len > 1)
        next = queue->ring[state->first & queue->mask];
    lock_give(&state->lock);
    /* It was written by another thread, and mostly on another CPU: it is on its way while this one
     * runs. A hint; of NULL, too. */
    __builtin_prefetch(next);
    return task;
}

/* The worker's own thread. Sleeps while there is none; NULL: closed and empty. */
static inline void *queue_pop(struct queue *queue, struct queue_worker *worker)
{
    lock_take(&queue->state->lock);
    return queue_len(queue->state) > 0 ? queue_take(queue) : queue_wait(queue, worker);
}

/* Nothing gets in any more; what is inside still comes out. Wakes everybody. */
void queue_close(struct queue *queue);

/* How many tasks have ever been inside. */
uint64_t queue_pushed(struct queue *queue);

/* How many workers sleep now, and whether one looks out; of interest to tests only. */
uint32_t queue_idle(struct queue *queue);
bool queue_watched(struct queue *queue);

#endif
