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

/* What those awake will come to soon may wait for long all the same, behind one turn that takes
 * long. So while somebody is awake one sleeper or more look out: after so long times the sleepers,
 * in the mean about so often, they look if a worker is at the same actor still, and take what it
 * has. */
#define SCHED_LOOK_OUT_NS 1000000

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
/* By the worker itself: if it has more than it will come to soon, or anything at all and nobody
 * looks out. Relaxed: at worst nobody helps until its next look at the clock, or it comes to it
 * itself. */
void sched_share(struct sched_worker *worker);
/* The worker counts itself among the sleepers, then looks once more: false: do not sleep. */
bool sched_fall_asleep(struct sched_worker *worker);

/* The worker is about to sleep until then, or sooner, if it is to look out. Then it has slept. */
uint64_t sched_look_out(struct sched_worker *worker, uint64_t until_ns);
void sched_look_no_more(struct sched_worker *worker);
/* A lookout has found something to do: somebody else takes over, if there is anything to see. */
void sched_hand_over(struct sched_worker *worker);
/* A lookout asks: has it a queue, and is at the same actor as when it was asked last? */
bool sched_is_stuck(struct sched_worker *worker);

#endif
