/* SPDX-License-Identifier: MIT */
#include "sleepers.h"

#include "clock.h"
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

static bool is_looked_after(const struct scheduler *scheduler)
{
    return atomic_load_explicit(&scheduler->lookouts, memory_order_relaxed) > 0;
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

void sched_share(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    if (atomic_load_explicit(&scheduler->sleepers, memory_order_relaxed) > 0 &&
        (sched_worth_stealing(worker) ||
         (runq_len(&worker->queue) > 0 && !is_looked_after(scheduler))))
        sched_help(scheduler);
}

bool sched_fall_asleep(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    atomic_store_explicit(&worker->sleeping, 1, memory_order_release);
    atomic_fetch_add_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
    return !sched_work_around(scheduler) &&
           !atomic_load_explicit(&scheduler->quit, memory_order_acquire);
}

uint64_t sched_look_out(struct sched_worker *worker, uint64_t until_ns)
{
    struct scheduler *scheduler = worker->scheduler;
    unsigned sleepers = (unsigned)atomic_load_explicit(&scheduler->sleepers, memory_order_relaxed);
    if (sleepers >= scheduler->count)
        return until_ns;
    atomic_fetch_add_explicit(&scheduler->lookouts, 1, memory_order_relaxed);
    worker->looks = true;
    uint64_t look_ns = clock_in_ns((uint64_t)SCHED_LOOK_OUT_NS * (sleepers ? sleepers : 1));
    return look_ns < until_ns ? look_ns : until_ns;
}

void sched_look_no_more(struct sched_worker *worker)
{
    if (!worker->looks)
        return;
    atomic_fetch_sub_explicit(&worker->scheduler->lookouts, 1, memory_order_relaxed);
    worker->looked = true;
}

static bool anybody_queues(const struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++)
        if (runq_len(&scheduler->workers[i].queue) > 0)
            return true;
    return false;
}

void sched_hand_over(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    worker->looked = false;
    if (!is_looked_after(scheduler) && anybody_sleeps(scheduler) && anybody_queues(scheduler))
        sched_help(scheduler);
}

bool sched_is_stuck(struct sched_worker *worker)
{
    uint32_t tick = atomic_load_explicit(&worker->tick, memory_order_relaxed);
    uint32_t seen = atomic_load_explicit(&worker->seen_tick, memory_order_relaxed);
    atomic_store_explicit(&worker->seen_tick, tick, memory_order_relaxed);
    return seen == tick && runq_len(&worker->queue) > 0;
}
