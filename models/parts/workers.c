/* SPDX-License-Identifier: MIT */
#include "workers.h"

#include "cpus.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>

/* The worker that this thread is, if any. */
static _Thread_local struct worker *self;

static void *worker_main(void *arg)
{
    struct worker *worker = self = arg;
    struct workers *workers = worker->workers;
    void *task;
    while ((task = queue_pop(&workers->queue, &worker->queue))) {
        workers->config.serve(worker, task);
        syscalls_tell(&worker->counters->syscalls);
    }
    syscalls_tell(&worker->counters->syscalls);
    return NULL;
}

static int start(struct worker *worker)
{
    const struct model_config *model = worker->workers->config.model;
    int error = queue_worker_init(&worker->queue);
    if (error)
        return error;
    worker->request = request_create(model->workload);
    error = worker->request
                ? cpus_thread_create(&worker->thread, model->cpus, "worker", worker_main, worker)
                : -ENOMEM;
    worker->running = !error;
    if (error) {
        request_destroy(worker->request, model->workload);
        queue_worker_finish(&worker->queue);
    }
    return error;
}

int workers_start(struct workers *workers, const struct workers_config *config)
{
    *workers = (struct workers){.config = *config};
    uint64_t room = 3 * (uint64_t)config->model->queue_limit, most = UINT64_C(1) << 31;
    int error = queue_init(&workers->queue, (uint32_t)(room < most ? room : most));
    if (error)
        return error;
    workers->queue.spin_ns = config->model->spin_ns;
    workers->list = calloc(config->model->threads, sizeof *workers->list);
    if (!workers->list) {
        queue_finish(&workers->queue);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < config->model->threads && !error; i++) {
        workers->list[i].workers = workers;
        workers->list[i].counters = &config->counters[i];
        error = start(&workers->list[i]);
    }
    return error;
}

void workers_stop(struct workers *workers)
{
    if (!workers->list)
        return;
    queue_close(&workers->queue);
    for (unsigned i = 0; i < workers->config.model->threads; i++) {
        struct worker *worker = &workers->list[i];
        if (!worker->running)
            continue;
        pthread_join(worker->thread, NULL);
        request_destroy(worker->request, workers->config.model->workload);
        queue_worker_finish(&worker->queue);
    }
    workers_tell(workers);
    queue_finish(&workers->queue);
    free(workers->list);
    workers->list = NULL;
}

/* woken: of a push. */
static int pushed(const struct workers *workers, struct counters *mine, int woken)
{
    if (woken <= 0)
        return woken;
    mine = mine ? mine : workers_mine(workers);
    counter_add_mine(mine, &mine->wakeups, 1);
    return 0;
}

int workers_push(struct workers *workers, struct counters *mine, void *task)
{
    return pushed(workers, mine, queue_push(&workers->queue, task));
}

int workers_post(struct workers *workers, struct request *request)
{
    return pushed(workers, NULL,
                  queue_push_below(&workers->queue, request, workers->queue.limit,
                                   &workers->config.others->posted));
}

bool workers_later(struct workers *workers, struct request *request)
{
    /* Nothing bounds the children that are late: they take the third that is theirs at most, or
     * there would be no room for who has passed the door. */
    int woken = request->kind == ERRAND_MESSAGE
                    ? queue_push(&workers->queue, request)
                    : queue_push_below(&workers->queue, request, workers->queue.limit / 3, NULL);
    return pushed(workers, NULL, woken) == 0;
}

void workers_tell(struct workers *workers)
{
    if (workers->list)
        atomic_store_explicit(&workers->config.others->handed, queue_pushed(&workers->queue),
                              memory_order_relaxed);
}

struct counters *workers_mine(const struct workers *workers)
{
    return self && self->workers == workers ? self->counters : workers->config.others;
}
