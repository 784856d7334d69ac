/* SPDX-License-Identifier: MIT */
/* GLib: g_thread_pool_push() to an exclusive GThreadPool. */
#include "pool.h"

#include <errno.h>
#include <glib.h>

static GThreadPool *threads;

static void work(gpointer data, gpointer arg)
{
    (void)arg;
    pool_run(data);
    pool_done(data);
}

static int start(const struct pool_setup *setup)
{
    threads = g_thread_pool_new(work, NULL, (gint)setup->workers, TRUE, NULL);
    return threads ? 0 : -EAGAIN;
}

static void submit(struct pool_task *task)
{
    g_thread_pool_push(threads, task, NULL);
}

static void stop(void)
{
    g_thread_pool_free(threads, FALSE, TRUE);
}

const struct peer_pool peer_pool = {
    .name = "pool_glib",
    .version = LIBRARY_VERSION,
    .work = "g_thread_pool_push to an exclusive GThreadPool",
    .start = start,
    .submit = submit,
    .stop = stop,
};
