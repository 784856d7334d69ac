/* SPDX-License-Identifier: MIT */
/*
 * Ours, the model: thread_pool through its in-process door. A task is a request of a workload whose
 * only turn runs it: post(), the door, the queue, a turn, done(), and all the counting of it.
 */
#include "pool.h"

#include "model.h"

#include <errno.h>
#include <stdlib.h>

static const struct model *model;
static struct model_run *run;

/* As many as may be under way; each is used again when its task is done. */
static struct request **requests;
static size_t count;

static enum turn_end step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    (void)setup;
    pool_run((struct pool_task *)(uintptr_t)turn->in);
    return TURN_REPLY;
}

static const struct workload workload = {.name = "task", .step = step};

static void done(struct request *request)
{
    pool_done((struct pool_task *)(uintptr_t)request->in);
}

static int start(const struct pool_setup *setup)
{
    count = setup->limit;
    requests = calloc(count, sizeof(struct request *));
    if (!requests)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        requests[i] = request_create(&workload);
        if (!requests[i])
            return -ENOMEM;
        requests[i]->done = done;
    }
    model = model_find("thread_pool");
    if (setup->spin_ns && !(model->uses & MODEL_SPIN))
        return -ENOTSUP;
    return model->start(&(struct model_config){.workload = &workload,
                                               .threads = setup->workers,
                                               .spin_ns = setup->spin_ns,
                                               .queue_limit = (uint32_t)setup->limit,
                                               .on_full = MODEL_WAIT,
                                               .content_type = "text/plain",
                                               .downstream_connections = 1,
                                               .call_timeout_ns = UINT64_C(1000000000),
                                               .io_timeout_ns = UINT64_C(1000000000),
                                               .drain_ns = UINT64_C(60000000000)},
                        &run, NULL);
}

static void submit(struct pool_task *task)
{
    static size_t next;
    struct request *request = requests[next];
    next = next + 1 < count ? next + 1 : 0;
    request->in = (const uint8_t *)task;
    request->in_len = 1;
    if (model->post(run, request) != 0)
        abort(); /* there is room for `limit` */
}

static void stop(void)
{
    model->stop(run, NULL);
    for (size_t i = 0; i < count; i++)
        request_destroy(requests[i], &workload);
    free(requests);
}

const struct peer_pool peer_pool = {
    .name = "pool_model",
    .version = "",
    .work = "thread_pool's post(): door, queue, one turn, done()",
    .spins = 1,
    .bounded = 1,
    .start = start,
    .submit = submit,
    .stop = stop,
};
