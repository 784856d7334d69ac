/* SPDX-License-Identifier: MIT */
/*
 * Who of a scheduler's workers sleeps, and who is woken when. A sleeper costs nothing; to wake one
 * costs a system call here, and 3 us (bare metal) to 50 us (virtual machine) until it is there. So
 * nobody is woken for what those awake will come to sooner.
 */
#ifndef ASSAY_SLEEPERS_H
#define ASSAY_SLEEPERS_H

#include "scheduler.h"

/* An actor that will have its turn within this time where it waits is not worth another worker's:
 * besides the wake-up, every mail that crosses costs cache misses. (Linux: sched_migration_cost; Go
 * leaves its runnext alone for as long.) */
#define SCHED_PATIENCE_NS 10000

/* Every worker has a round soon. Any thread. */
void sched_wake_all(struct scheduler *scheduler);
void sched_wake(struct sched_worker *worker);

/* Will somebody in this worker's queue wait so long that another should come and take half? Any
 * thread; an estimate. */
bool sched_worth_stealing(const struct sched_worker *worker);
/* Is there anything for a worker that has nothing? */
bool sched_work_around(const struct scheduler *scheduler);

/*
 * There is more to do than those awake will do next: wakes somebody. In two halves, so that a test
 * can stop in between. begin: false: done, somebody was woken or another thread is about to; true:
 * nobody sleeps, end comes next, and if that is true, too, begin again.
 */
bool sched_help_begin(struct scheduler *scheduler);
bool sched_help_end(struct scheduler *scheduler);
void sched_help(struct scheduler *scheduler); /* both, as often as it takes */
/* The worker counts itself among the sleepers, then looks once more: false: do not sleep. */
bool sched_fall_asleep(struct sched_worker *worker);

#endif
