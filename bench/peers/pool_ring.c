/* SPDX-License-Identifier: MIT */
/* The pool that everybody writes: a bounded ring, one mutex, one condition variable for those who
 * wait for work and one for those who wait for room; a signal only if somebody waits. With
 * -DADAPTIVE its mutex spins for a moment before it sleeps, as the lock of parts/queue.h does.
 * Neither is always the faster: a tenth more with it where submitter or workers wait often, a tenth
 * less where they do not. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
    pthread_mutex_t lock; /* protects all of it */
    pthread_cond_t work, room;
    struct pool_task **ring;
    size_t size, first, len;
    unsigned workers_waiting;
    bool submitter_waits, closed;
    pthread_t *threads;
    unsigned workers;
} ring = {
#if defined(ADAPTIVE) && defined(__GLIBC__)
    .lock = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP,
#else
    .lock = PTHREAD_MUTEX_INITIALIZER,
#endif
    .work = PTHREAD_COND_INITIALIZER,
    .room = PTHREAD_COND_INITIALIZER};

static void *run(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&ring.lock);
        while (ring.len == 0 && !ring.closed) {
            ring.workers_waiting++;
            pthread_cond_wait(&ring.work, &ring.lock);
            ring.workers_waiting--;
        }
        if (ring.len == 0) {
            pthread_mutex_unlock(&ring.lock);
            return NULL;
        }
        struct pool_task *task = ring.ring[ring.first];
        ring.first = ring.first + 1 == ring.size ? 0 : ring.first + 1;
        ring.len--;
        bool wake = ring.submitter_waits;
        pthread_mutex_unlock(&ring.lock);
        if (wake)
            pthread_cond_signal(&ring.room);
        pool_run(task);
        pool_done(task);
    }
}

static int start(const struct pool_setup *setup)
{
    ring.size = setup->limit;
    ring.ring = calloc(ring.size, sizeof *ring.ring);
    ring.threads = calloc(setup->workers, sizeof *ring.threads);
    if (!ring.ring || !ring.threads)
        return -ENOMEM;
    for (; ring.workers < setup->workers; ring.workers++) {
        int err = pthread_create(&ring.threads[ring.workers], NULL, run, NULL);
        if (err != 0)
            return -err;
    }
    return 0;
}

static void submit(struct pool_task *task)
{
    pthread_mutex_lock(&ring.lock);
    while (ring.len == ring.size) {
        ring.submitter_waits = true;
        pthread_cond_wait(&ring.room, &ring.lock);
        ring.submitter_waits = false;
    }
    size_t at = ring.first + ring.len++;
    ring.ring[at < ring.size ? at : at - ring.size] = task;
    bool wake = ring.workers_waiting > 0;
    pthread_mutex_unlock(&ring.lock);
    if (wake)
        pthread_cond_signal(&ring.work);
}

static void stop(void)
{
    pthread_mutex_lock(&ring.lock);
    ring.closed = true;
    pthread_mutex_unlock(&ring.lock);
    pthread_cond_broadcast(&ring.work);
    for (unsigned i = 0; i < ring.workers; i++)
        pthread_join(ring.threads[i], NULL);
    free(ring.threads);
    free(ring.ring);
}

const struct peer_pool peer_pool = {
#ifdef ADAPTIVE
    .name = "pool_ring_adaptive",
    .work = "a bounded ring under an adaptive mutex and two condition variables",
#else
    .name = "pool_ring",
    .work = "a bounded ring under a mutex and two condition variables",
#endif
    .version = "",
    .start = start,
    .submit = submit,
    .stop = stop,
};
