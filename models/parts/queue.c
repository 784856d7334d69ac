/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

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

int queue_push(struct queue *queue, void *task)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->closed || queue->len == queue->limit) {
        int error = queue->closed ? -ESHUTDOWN : -EAGAIN;
        pthread_mutex_unlock(&queue->lock);
        return error;
    }
    queue->ring[(queue->first + queue->len++) & queue->mask] = task;
    struct queue_worker *sleeper = queue->idle;
    if (sleeper) {
        queue->idle = sleeper->below;
        queue->idle_count--;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!sleeper)
        return 0;
    /* After the unlock, or the woken thread would run into the lock at once. */
    sem_post(&sleeper->wake);
    return 1;
}

void *queue_pop(struct queue *queue, struct queue_worker *worker)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->len && !queue->closed) {
        worker->below = queue->idle;
        queue->idle = worker;
        queue->idle_count++;
        pthread_mutex_unlock(&queue->lock);
        while (sem_wait(&worker->wake) && errno == EINTR)
            ;
        pthread_mutex_lock(&queue->lock);
    }
    void *task = NULL;
    if (queue->len) {
        task = queue->ring[queue->first++ & queue->mask];
        queue->len--;
    }
    pthread_mutex_unlock(&queue->lock);
    return task;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
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
