/* SPDX-License-Identifier: MIT */
/*
 * Runs actors on a few workers. An actor is a mailbox and what to do with a mail; it is in at most
 * one run queue and runs on at most one worker at a time, any of them. Each worker sleeps in its
 * own epoll, whose events are one more source of mail.
 *
 * What a worker schedules it runs next itself (a slot for the last one, then its queue), and wakes
 * at most one sleeper at a time, if there is more than it will do next. Thieves take half a queue.
 */
#ifndef ASSAY_SCHEDULER_H
#define ASSAY_SCHEDULER_H

#include "counters.h"
#include "mailbox.h"
#include "runq.h"
#include "source.h"
#include "timers.h"

struct sched_worker;

struct actor {
    struct runnable runnable; /* first */
    struct mailbox box;
    /* One mail, which is the receiver's now. False: the actor is gone, do not touch it. */
    bool (*receive)(struct sched_worker *worker, struct actor *actor, struct mail *mail);
};

struct scheduler;
struct sched_worker {
    struct runq queue;
    struct scheduler *scheduler;
    unsigned index;
    struct runnable *next; /* the slot: scheduled last, runs first; not stolen */
    unsigned next_runs;    /* how often in a row it came from there */
    unsigned tick;
    bool woken; /* by another thread, and has not found work since */
    struct counters *counters;
    struct timers timers; /* items go to scheduler->timer */
    int epoll, wake;
    struct event_source wake_source;
    pthread_t thread;
    bool running;
    /* Sources registered with its epoll by others. Release before, acquire after epoll_wait: the
     * worker sees whole what an event names. */
    _Alignas(64) atomic_uint watched;
    /* Asleep, or about to be. Whoever sets it back to 0 (exchange) answers for the wake-up. */
    atomic_int sleeping;
};

struct scheduler {
    struct sched_worker *workers;
    unsigned count;
    struct counters *outside; /* of threads that are not workers */
    void *arg;                /* the model's */
    void (*timer)(struct sched_worker *worker, void *item);
    /* After each look at epoll. */
    void (*round)(struct sched_worker *worker, uint64_t now_ns);
    uint64_t (*due_ns)(struct sched_worker *worker); /* of the next round at the latest */

    struct inject inject;
    /* Workers that sleep. Only read-modify-write, acquire + release: a worker counts itself and
     * then looks for work once more, an outsider adds work and then looks here; the later of the
     * two sees what the earlier did. */
    _Alignas(64) atomic_int sleepers;
    /* 1 from a wake-up until the woken worker has found work or gives up: more work that comes
     * meanwhile is its business (it wakes the next). Read-modify-write only, as sleepers. */
    atomic_int waking;
    atomic_bool quit; /* release and acquire: workers see what was written before */
};

/* The counters are count + 1, the last for outsiders. 0 or a negative errno; finish in any case. */
int sched_init(struct scheduler *scheduler, unsigned count, struct counters *counters);
int sched_start(struct scheduler *scheduler, const char *cpus);
/* epoll_ctl() on the worker's epoll. Any thread. 0 or a negative errno. */
int sched_watch(struct sched_worker *worker, int op, int fd, uint32_t events,
                struct event_source *source);
/* Every worker has a round soon. Any thread. */
void sched_wake_all(struct scheduler *scheduler);
void sched_wake(struct sched_worker *worker);
void sched_join(struct scheduler *scheduler); /* ends the workers where they are; mail stays */
void sched_finish(struct scheduler *scheduler);

/* The worker that this thread is, NULL if none of this scheduler's (NULL: of any). */
struct sched_worker *sched_self(const struct scheduler *scheduler);

/*
 * There is more to do than those awake will do next: wakes somebody. In two halves, so that a test
 * can stop in between. begin: false: done, somebody was woken or another thread is about to; true:
 * nobody sleeps, end comes next, and if that is true, too, begin again.
 */
bool sched_help_begin(struct scheduler *scheduler);
bool sched_help_end(struct scheduler *scheduler);
/* The worker counts itself among the sleepers, then looks once more: false: do not sleep. */
bool sched_fall_asleep(struct sched_worker *worker);

void actor_init(struct actor *actor,
                bool (*receive)(struct sched_worker *, struct actor *, struct mail *));
/* Any thread. The mail is the receiver's from here on. */
void actor_send(struct scheduler *scheduler, struct actor *actor, struct mail *mail);

#endif
