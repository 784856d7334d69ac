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
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
#ifdef __GLIBC__
    /* Spins for a moment before it sleeps: the lock is held for less time than a sleep costs. */
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    int error = pthread_mutex_init(&queue->state->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    if (error) {
        free(queue->ring);
        free(queue->state);
    }
    return -error;
}

void queue_finish(struct queue *queue)
{
    pthread_mutex_destroy(&queue->state->lock);
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

static uint32_t length(const struct queue_state *state)
{
    return atomic_load_explicit(&state->len, memory_order_relaxed);
}

static void set_length(struct queue_state *state, uint32_t len)
{
    atomic_store_explicit(&state->len, len, memory_order_relaxed);
}

static bool closed(const struct queue_state *state)
{
    return atomic_load_explicit(&state->closed, memory_order_relaxed);
}

int queue_push_below(struct queue *queue, void *task, uint32_t limit)
{
    struct queue_state *state = queue->state;
    pthread_mutex_lock(&state->lock);
    uint32_t len = length(state);
    if (closed(state) || len >= limit) {
        int error = closed(state) ? -ESHUTDOWN : -EAGAIN;
        pthread_mutex_unlock(&state->lock);
        return error;
    }
    queue->ring[(state->first + len) & queue->mask] = task;
    set_length(state, len + 1);
    struct queue_worker *sleeper = state->watched && len == 0 ? NULL : state->idle;
    if (sleeper) {
        state->idle = sleeper->below;
        state->idle_count--;
    }
    pthread_mutex_unlock(&state->lock);
    if (!sleeper)
        return 0;
    /* After the unlock, or the woken thread would run into the lock at once. */
    sleeper->woken_ns = clock_now_ns();
    syscalls_count();
    sem_post(&sleeper->wake);
    return 1;
}

int queue_push(struct queue *queue, void *task)
{
    return queue_push_below(queue, task, queue->limit);
}

/* Tells the processor that this is a loop which waits. */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* yield does nothing on most cores */
#endif
}

/* Without the lock: until there seems to be something, or spin_ns are over. */
static void look_out(const struct queue_state *state, uint64_t spin_ns)
{
    uint64_t until = clock_now_ns() + spin_ns;
    while (!length(state) && !closed(state) && clock_now_ns() < until) {
        for (int i = 0; i < LOOK_EVERY && !length(state); i++)
            relax();
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
    pthread_mutex_unlock(&state->lock);
    uint64_t slept_ns = clock_now_ns();
    syscalls_count();
    while (sem_wait(&worker->wake) && errno == EINTR)
        ;
    worker->gives_way = worker->woken_ns < slept_ns + AT_ONCE;
    pthread_mutex_lock(&state->lock);
}

void *queue_pop(struct queue *queue, struct queue_worker *worker)
{
    struct queue_state *state = queue->state;
    bool spins = queue->spin_ns > 0, awake = true;
    pthread_mutex_lock(&state->lock);
    while (!length(state) && !closed(state)) {
        if (!awake || state->watched || !(spins || worker->gives_way)) {
            rest(state, worker);
            continue;
        }
        awake = false;
        state->watched = spins;
        pthread_mutex_unlock(&state->lock);
        if (spins)
            look_out(state, queue->spin_ns);
        else
            give_way();
        pthread_mutex_lock(&state->lock);
        if (spins)
            state->watched = false;
    }
    void *task = NULL;
    uint32_t len = length(state);
    if (len) {
        task = queue->ring[state->first++ & queue->mask];
        set_length(state, len - 1);
    }
    pthread_mutex_unlock(&state->lock);
    return task;
}

void queue_close(struct queue *queue)
{
    struct queue_state *state = queue->state;
    pthread_mutex_lock(&state->lock);
    atomic_store_explicit(&state->closed, true, memory_order_relaxed);
    struct queue_worker *sleeper = state->idle;
    state->idle = NULL;
    state->idle_count = 0;
    pthread_mutex_unlock(&state->lock);
    while (sleeper) {
        /* Once posted it may be gone. */
        struct queue_worker *below = sleeper->below;
        sem_post(&sleeper->wake);
        sleeper = below;
    }
}

uint32_t queue_idle(struct queue *queue)
{
    struct queue_state *state = queue->state;
    pthread_mutex_lock(&state->lock);
    uint32_t count = state->idle_count;
    pthread_mutex_unlock(&state->lock);
    return count;
}

bool queue_watched(struct queue *queue)
{
    struct queue_state *state = queue->state;
    pthread_mutex_lock(&state->lock);
    bool watched = state->watched;
    pthread_mutex_unlock(&state->lock);
    return watched;
}
