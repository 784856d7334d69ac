/* SPDX-License-Identifier: MIT */
/* oneTBB: task_arena::enqueue() to an arena in which no place is reserved for the submitter. */
#include "pool.h"

#include <memory>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

static std::unique_ptr<tbb::global_control> control;
static std::unique_ptr<tbb::task_arena> arena;

static int start(const pool_setup *setup)
{
    /* The submitter counts as one of the threads that TBB may use. */
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    setup->workers + 1);
    arena = std::make_unique<tbb::task_arena>(static_cast<int>(setup->workers), 0);
    arena->initialize();
    return 0;
}

static void submit(pool_task *task)
{
    arena->enqueue([task] {
        pool_run(task);
        pool_done(task);
    });
}

static void stop()
{
    arena.reset();
    control.reset();
}

extern "C" const struct peer_pool peer_pool = {
    "pool_tbb", LIBRARY_VERSION, "task_arena::enqueue", 0, 0, 0, start, submit, nullptr, nullptr,
    stop,
};
