/* SPDX-License-Identifier: MIT */
#include "sleepers.h"

#include "syscalls.h"

#include <unistd.h>

void sched_wake(struct sched_worker *worker)
{
    uint64_t one = 1;
    syscalls_count();
    (void)!write(worker->wake, &one, sizeof one);
}

void sched_wake_all(struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++)
        sched_wake(&scheduler->workers[i]);
}

static bool wake_one(struct scheduler *scheduler)
{
    struct sched_worker *self = sched_self(scheduler);
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        if (!atomic_load_explicit(&worker->sleeping, memory_order_relaxed) ||
            !atomic_exchange_explicit(&worker->sleeping, 0, memory_order_acq_rel))
            continue;
        atomic_fetch_sub_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
        sched_wake(worker);
        if (self)
            counter_add(&self->counters->wakeups, 1);
        else
            counter_add_shared(&scheduler->outside->wakeups, 1);
        return true;
    }
    return false;
}

bool sched_worth_stealing(const struct sched_worker *worker)
{
    return (uint64_t)runq_len(&worker->queue) *
               atomic_load_explicit(&worker->run_ns, memory_order_relaxed) >
           SCHED_PATIENCE_NS;
}

bool sched_work_around(const struct scheduler *scheduler)
{
    if (atomic_load_explicit(&scheduler->inject.len, memory_order_relaxed) > 0)
        return true;
    for (unsigned i = 0; i < scheduler->count; i++)
        if (sched_worth_stealing(&scheduler->workers[i]))
            return true;
    return false;
}

static bool anybody_sleeps(const struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++)
        if (atomic_load_explicit(&scheduler->workers[i].sleeping, memory_order_relaxed))
            return true;
    return false;
}

bool sched_help_begin(struct scheduler *scheduler)
{
    return !atomic_exchange_explicit(&scheduler->waking, 1, memory_order_acq_rel) &&
           !wake_one(scheduler);
}

bool sched_help_end(struct scheduler *scheduler)
{
    /* Who added work since has relied on us, and somebody may have fallen asleep before that: this
     * exchange sees what they did before theirs. */
    atomic_exchange_explicit(&scheduler->waking, 0, memory_order_acq_rel);
    return anybody_sleeps(scheduler) && sched_work_around(scheduler);
}

void sched_help(struct scheduler *scheduler)
{
    while (sched_help_begin(scheduler) && sched_help_end(scheduler))
        ;
}

bool sched_fall_asleep(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    atomic_store_explicit(&worker->sleeping, 1, memory_order_release);
    atomic_fetch_add_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
    return !sched_work_around(scheduler) &&
           !atomic_load_explicit(&scheduler->quit, memory_order_acquire);
}
