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
 * a time: it takes the next task, so a second one would only burn a CPU. While it looks out, the
 * first task wakes nobody.
 */
#ifndef ASSAY_QUEUE_H
#define ASSAY_QUEUE_H

#include <pthread.h>
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

/* What changes with the tasks: these cache lines wander between the CPUs, and no other does. */
struct queue_state {
    /* Protects everything in here; held for some ten instructions. */
    _Alignas(64) pthread_mutex_t lock;
    uint32_t first; /* of the ring; free-running */
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

/* Any thread; never blocks. 0: queued; 1: queued, and a sleeping worker was woken; -EAGAIN: full;
 * -ESHUTDOWN: closed. task is not NULL. */
int queue_push(struct queue *queue, void *task);
/* The same, and -EAGAIN also where limit tasks or more are inside: room is left for others. */
int queue_push_below(struct queue *queue, void *task, uint32_t limit);

/* The worker's own thread. Sleeps while there is none; NULL: closed and empty. */
void *queue_pop(struct queue *queue, struct queue_worker *worker);

/* Nothing gets in any more; what is inside still comes out. Wakes everybody. */
void queue_close(struct queue *queue);

/* How many workers sleep now, and whether one looks out; of interest to tests only. */
uint32_t queue_idle(struct queue *queue);
bool queue_watched(struct queue *queue);

#endif
