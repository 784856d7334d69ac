/* SPDX-License-Identifier: MIT */
/* oneTBB: task_group::run(), then wait(), in which the submitter works too; --workers counts it. */
#include "pool.h"

#include <memory>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_group.h>

static std::unique_ptr<tbb::global_control> control;
static std::unique_ptr<tbb::task_group> group;

static int start(const pool_setup *setup)
{
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    setup->workers);
    group = std::make_unique<tbb::task_group>();
    return 0;
}

static void submit(pool_task *task)
{
    group->run([task] {
        pool_run(task);
        pool_done(task);
    });
}

static void finish()
{
    group->wait();
}

static void stop()
{
    group.reset();
    control.reset();
}

extern "C" const struct peer_pool peer_pool = {
    "pool_tbb_group",
    LIBRARY_VERSION,
    "task_group::run, then wait, in which the submitter works too",
    0,
    0,
    0,
    start,
    submit,
    nullptr,
    finish,
    stop,
};
