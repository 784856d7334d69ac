/* SPDX-License-Identifier: MIT */
/* libuv: uv_queue_work() from the loop's thread. What has run comes back to the loop, whose thread
 * lets it in when it has nothing to submit. */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static uv_loop_t loop;

static int start(const struct pool_setup *setup)
{
    char text[16];
    snprintf(text, sizeof text, "%u", setup->workers);
    setenv("UV_THREADPOOL_SIZE", text, 1); /* read when the first work is queued */
    return uv_loop_init(&loop);
}

static void work(uv_work_t *work)
{
    pool_run(pool_task_of(work));
}

static void after(uv_work_t *work, int status)
{
    (void)status;
    pool_done(pool_task_of(work));
}

static void submit(struct pool_task *task)
{
    if (uv_queue_work(&loop, pool_space(task), work, after) != 0)
        abort(); /* only without a callback */
}

static void let_in(int sleeps)
{
    uv_run(&loop, sleeps ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

static void stop(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

const struct peer_pool peer_pool = {
    .name = "pool_libuv",
    .version = LIBRARY_VERSION,
    .work = "uv_queue_work, from the thread of the loop",
    .task_space = sizeof(uv_work_t),
    .start = start,
    .submit = submit,
    .let_in = let_in,
    .stop = stop,
};
