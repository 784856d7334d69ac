/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY 32 /* looks at the length between two at the clock */
#define AT_ONCE 20000 /* ns: not longer than it takes to wake somebody */

int queue_init(struct queue *queue, uint32_t limit)
{
    if (limit == 0 || limit > UINT32_C(1) << 31)
        return -EINVAL;
    uint32_t size = 1;
    while (size < limit)
        size *= 2;
    *queue = (struct queue){.mask = size - 1, .limit = limit};
    queue->ring = calloc(size, sizeof *queue->ring);
    queue->state = aligned_alloc(_Alignof(struct queue_state), sizeof *queue->state);
    if (!queue->ring || !queue->state) {
        free(queue->ring);
        free(queue->state);
        return -ENOMEM;
    }
    memset(queue->state, 0, sizeof *queue->state);
    return 0;
}

void queue_finish(struct queue *queue)
{
    free(queue->state);
    free(queue->ring);
}

int queue_worker_init(struct queue_worker *worker)
{
    worker->below = NULL;
    worker->woken_ns = 0;
    worker->gives_way = false;
    return sem_init(&worker->wake, 0, 0) ? -errno : 0;
}

void queue_worker_finish(struct queue_worker *worker)
{
    sem_destroy(&worker->wake);
}

int queue_wake_worker(struct queue_worker *sleeper)
{
    sleeper->woken_ns = clock_now_ns();
    syscalls_count();
    sem_post(&sleeper->wake);
    return 1;
}

/* Without the lock: until there seems to be something, or spin_ns are over. */
static void look_out(const struct queue_state *state, uint64_t spin_ns)
{
    uint64_t until = clock_now_ns() + spin_ns;
    while (!queue_len(state) && !queue_closed(state) && clock_now_ns() < until) {
        for (int i = 0; i < LOOK_EVERY && !queue_len(state); i++)
            lock_relax();
        syscalls_count();
        sched_yield(); /* to whoever would submit, where there are fewer CPUs than threads */
    }
}

/* Whoever submits may be waiting for this CPU: then there is more to do afterwards, and nobody has
 * to be woken for each task. */
static void give_way(void)
{
    syscalls_count();
    sched_yield();
}

/* With the lock: sleeps until it is woken. */
static void rest(struct queue_state *state, struct queue_worker *worker)
{
    worker->below = state->idle;
    state->idle = worker;
    state->idle_count++;
    lock_give(&state->lock);
    uint64_t slept_ns = clock_now_ns();
    syscalls_count();
    while (sem_wait(&worker->wake) && errno == EINTR)
        ;
    worker->gives_way = worker->woken_ns < slept_ns + AT_ONCE;
    lock_take(&state->lock);
}

void *queue_wait(struct queue *queue, struct queue_worker *worker)
{
    struct queue_state *state = queue->state;
    bool spins = queue->spin_ns > 0, awake = true;
    while (!queue_len(state) && !queue_closed(state)) {
        if (!awake || state->watched || !(spins || worker->gives_way)) {
            rest(state, worker);
            continue;
        }
        awake = false;
        state->watched = spins;
        lock_give(&state->lock);
        if (spins)
            look_out(state, queue->spin_ns);
        else
            give_way();
        lock_take(&state->lock);
        if (spins)
            state->watched = false;
    }
    return queue_take(queue);
}

void queue_close(struct queue *queue)
{
    struct queue_state *state = queue->state;
    lock_take(&state->lock);
    atomic_store_explicit(&state->closed, true, memory_order_relaxed);
    struct queue_worker *sleeper = state->idle;
    state->idle = NULL;
    state->idle_count = 0;
    lock_give(&state->lock);
    while (sleeper) {
        /* Once posted it may be gone. */
        struct queue_worker *below = sleeper->below;
        sem_post(&sleeper->wake);
        sleeper = below;
    }
}

uint64_t queue_pushed(struct queue *queue)
{
    struct queue_state *state = queue->state;
    lock_take(&state->lock);
    uint64_t count = state->first + queue_len(state);
    lock_give(&state->lock);
    return count;
}

uint32_t queue_idle(struct queue *queue)
{
    struct queue_state *state = queue->state;
    lock_take(&state->lock);
    uint32_t count = state->idle_count;
    lock_give(&state->lock);
    return count;
}

bool queue_watched(struct queue *queue)
{
    struct queue_state *state = queue->state;
    lock_take(&state->lock);
    bool watched = state->watched;
    lock_give(&state->lock);
    return watched;
}
