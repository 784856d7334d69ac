/* SPDX-License-Identifier: MIT */
/*
 * Ours, the part: parts/queue.h and threads that take tasks from it, without what the model puts
 * around it (door, counters, turns). With -DHELPS the submitter works too, once all is submitted:
 * it closes the queue, which then only empties, and takes tasks as a worker does.
 */
#include "pool.h"

#include "parts/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static struct queue queue;
static struct place {
    struct queue_worker worker;
    pthread_t thread;
} * places;
static unsigned workers;

static void *run(void *arg)
{
    struct place *place = arg;
    struct pool_task *task;
    while ((task = queue_pop(&queue, &place->worker))) {
        pool_run(task);
        pool_done(task);
    }
    return NULL;
}

static int start(const struct pool_setup *setup)
{
    places = calloc(setup->workers + 1, sizeof *places);
    int err = places ? queue_init(&queue, (uint32_t)setup->limit) : -ENOMEM;
    if (err == 0)
        err = queue_worker_init(&places[setup->workers].worker);
#ifdef HELPS
    unsigned threads = setup->workers - 1;
#else
    unsigned threads = setup->workers;
#endif
    for (; workers < threads && err == 0; workers += err == 0) {
        err = queue_worker_init(&places[workers].worker);
        if (err == 0)
            err = -pthread_create(&places[workers].thread, NULL, run, &places[workers]);
    }
    return err;
}

static void submit(struct pool_task *task)
{
    if (queue_push(&queue, task) < 0)
        abort(); /* there is room for `limit` */
}

#ifdef HELPS
static void finish(void)
{
    queue_close(&queue);
    run(&places[workers]);
}
#endif

static void stop(void)
{
    queue_close(&queue);
    for (unsigned i = 0; i < workers; i++) {
        pthread_join(places[i].thread, NULL);
        queue_worker_finish(&places[i].worker);
    }
    queue_finish(&queue);
    free(places);
}

const struct peer_pool peer_pool = {
#ifdef HELPS
    .name = "pool_queue_helped",
    .finish = finish,
    .work = "parts/queue.h; the submitter works too, once it has submitted all",
#else
    .name = "pool_queue",
    .work = "parts/queue.h: push by the submitter, pop by the workers",
#endif
    .version = "",
    .bounded = 1,
    .start = start,
    .submit = submit,
    .stop = stop,
};
