/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define LOOK_EVERY 32 /* looks at the length between two at the clock */

int queue_init(struct queue *queue, uint32_t limit)
{
    if (limit == 0 || limit > UINT32_C(1) << 31)
        return -EINVAL;
    uint32_t size = 1;
    while (size < limit)
        size *= 2;
    *queue = (struct queue){.mask = size - 1, .limit = limit};
    queue->ring = calloc(size, sizeof *queue->ring);
    if (!queue->ring)
        return -ENOMEM;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
#ifdef __GLIBC__
    /* Spins for a moment before it sleeps: the lock is held for less time than a sleep costs. */
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    int error = pthread_mutex_init(&queue->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    if (error)
        free(queue->ring);
    return -error;
}

void queue_finish(struct queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
}

int queue_worker_init(struct queue_worker *worker)
{
    worker->below = NULL;
    return sem_init(&worker->wake, 0, 0) ? -errno : 0;
}

void queue_worker_finish(struct queue_worker *worker)
{
    sem_destroy(&worker->wake);
}

static uint32_t length(const struct queue *queue)
{
    return atomic_load_explicit(&queue->len, memory_order_relaxed);
}

static void set_length(struct queue *queue, uint32_t len)
{
    atomic_store_explicit(&queue->len, len, memory_order_relaxed);
}

static bool closed(const struct queue *queue)
{
    return atomic_load_explicit(&queue->closed, memory_order_relaxed);
}

int queue_push_below(struct queue *queue, void *task, uint32_t limit)
{
    pthread_mutex_lock(&queue->lock);
    uint32_t len = length(queue);
    if (closed(queue) || len >= limit) {
        int error = closed(queue) ? -ESHUTDOWN : -EAGAIN;
        pthread_mutex_unlock(&queue->lock);
        return error;
    }
    queue->ring[(queue->first + len) & queue->mask] = task;
    set_length(queue, len + 1);
    struct queue_worker *sleeper = queue->watched && len == 0 ? NULL : queue->idle;
    if (sleeper) {
        queue->idle = sleeper->below;
        queue->idle_count--;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!sleeper)
        return 0;
    /* After the unlock, or the woken thread would run into the lock at once. */
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
static void look_out(const struct queue *queue)
{
    uint64_t until = clock_now_ns() + queue->spin_ns;
    while (!length(queue) && !closed(queue) && clock_now_ns() < until) {
        for (int i = 0; i < LOOK_EVERY && !length(queue); i++)
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
static void rest(struct queue *queue, struct queue_worker *worker)
{
    worker->below = queue->idle;
    queue->idle = worker;
    queue->idle_count++;
    pthread_mutex_unlock(&queue->lock);
    syscalls_count();
    while (sem_wait(&worker->wake) && errno == EINTR)
        ;
    pthread_mutex_lock(&queue->lock);
}

void *queue_pop(struct queue *queue, struct queue_worker *worker)
{
    bool spins = queue->spin_ns > 0, awake = true;
    pthread_mutex_lock(&queue->lock);
    while (!length(queue) && !closed(queue)) {
        if (!awake || queue->watched) {
            rest(queue, worker);
            continue;
        }
        awake = false;
        queue->watched = spins;
        pthread_mutex_unlock(&queue->lock);
        if (spins)
            look_out(queue);
        else
            give_way();
        pthread_mutex_lock(&queue->lock);
        if (spins)
            queue->watched = false;
    }
    void *task = NULL;
    uint32_t len = length(queue);
    if (len) {
        task = queue->ring[queue->first++ & queue->mask];
        set_length(queue, len - 1);
    }
    pthread_mutex_unlock(&queue->lock);
    return task;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    atomic_store_explicit(&queue->closed, true, memory_order_relaxed);
    struct queue_worker *sleeper = queue->idle;
    queue->idle = NULL;
    queue->idle_count = 0;
    pthread_mutex_unlock(&queue->lock);
    while (sleeper) {
        /* Once posted it may be gone. */
        struct queue_worker *below = sleeper->below;
        sem_post(&sleeper->wake);
        sleeper = below;
    }
}

uint32_t queue_idle(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint32_t count = queue->idle_count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

bool queue_watched(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool watched = queue->watched;
    pthread_mutex_unlock(&queue->lock);
    return watched;
}
