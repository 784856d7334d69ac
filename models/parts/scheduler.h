/* SPDX-License-Identifier: MIT */
/*
 * Runs actors on a few workers. An actor is a mailbox and what to do with a mail; it is in at most
 * one run queue and runs on at most one worker at a time, any of them. Each worker sleeps in its
 * own epoll, whose events are one more source of mail.
 *
 * What a worker schedules it runs next itself (a slot for the last one that a turn scheduled, then
 * its queue, where events and outsiders' work stand in the order in which they came). If
 * somebody would wait there for long, it wakes a sleeper, one at a time (sleepers.h); thieves take
 * half a queue. A batch of mails to one actor is bounded by number and, through POLL_NS, by time.
 */
#ifndef ASSAY_SCHEDULER_H
#define ASSAY_SCHEDULER_H

#include "counters.h"
#include "mailbox.h"
#include "runq.h"
#include "source.h"
#include "timers.h"

struct actor; /* actors.h */
struct scheduler;
struct sched_worker {
    struct runq queue;
    struct scheduler *scheduler;
    void *local; /* the model's, of this worker */
    unsigned index;
    /* The slot: scheduled last, runs first. Not stolen, and need not be: it waits for the end of
     * one batch at most, which POLL_NS bounds, and SLOT_RUNS bounds how long it goes before others.
     */
    struct runnable *next;
    unsigned next_runs;            /* how often in a row it came from there */
    struct runlist backlog;        /* goes behind the queue, which is full */
    uint32_t looked_tick;          /* tick when it looked at the clock last */
    uint32_t batch_left;           /* turns, of the actor that runs */
    uint32_t owes;                 /* … which pays so many of them, now or later */
    uint32_t turns_left, pace;     /* turns until it looks again, of how many */
    uint64_t looked_ns, polled_ns; /* when it looked at the clock last, and at epoll */
    bool poll_due;                 /* the batch ends */
    bool woken;                    /* by another thread, and has not found work since */
    bool looks, looked; /* out for others (sleepers.h): now; since it last ran an actor */
    struct counters *counters;
    struct timers timers; /* items go to scheduler->timer */
    int epoll, wake;
    struct event_source wake_source;
    pthread_t thread;
    bool running;
    /* How long an actor runs here, a moving mean. Relaxed: thieves only estimate by it. */
    _Atomic uint32_t run_ns;
    /* Actors run; … when somebody looked at it last. Relaxed, by the same reason. */
    _Atomic uint32_t tick, seen_tick;
    /* Sources registered with its epoll by others. Release before, acquire after epoll_wait: the
     * worker sees whole what an event names. */
    _Alignas(64) atomic_uint watched;
    /* Asleep, or about to be. Whoever sets it back to 0 (exchange) answers for the wake-up. */
    atomic_int sleeping;
};

/* Mails of one actor before others have a turn: enough to keep its caches warm, few enough for the
 * others (Pony: 100, Akka: 5). */
#define SCHED_TURNS_IN_A_ROW 100

struct scheduler {
    struct sched_worker *workers;
    unsigned count;
    /* Set by the model before sched_init. */
    unsigned batch;           /* 0: SCHED_TURNS_IN_A_ROW */
    uint64_t spin_ns;         /* an idle worker stays awake so long before it sleeps */
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
    /* Of them, those that look at the others now and then. Relaxed: an estimate. */
    atomic_int lookouts;
    /* 1 from a wake-up until the woken worker has found work or gives up: more work that comes
     * meanwhile is its business (it wakes the next). Read-modify-write only, as sleepers. */
    atomic_int waking;
    atomic_bool quit; /* release and acquire: workers see what was written before */
};

/* The counters are count + 1, the last for outsiders. 0 or a negative errno; finish in any case. */
int sched_init(struct scheduler *scheduler, unsigned count, struct counters *counters);
int sched_start(struct scheduler *scheduler, const char *cpus); /* also again, after sched_join() */
/* epoll_ctl() on the worker's epoll. Any thread. 0 or a negative errno. */
int sched_watch(struct sched_worker *worker, int op, int fd, uint32_t events,
                struct event_source *source);
void sched_join(struct scheduler *scheduler); /* ends the workers where they are; mail stays */
/* Then, by the one thread that is left: an actor that has mail (which it empties), or NULL; and in
 * what it sends it may pass for a worker, until NULL. */
struct actor *sched_leftover(struct scheduler *scheduler);
void sched_act_as(struct sched_worker *worker);
void sched_finish(struct scheduler *scheduler);

/* The worker that this thread is, NULL if none of this scheduler's (NULL: of any). */
extern _Thread_local struct sched_worker *sched_this __attribute__((tls_model("local-exec")));
static inline struct sched_worker *sched_self(const struct scheduler *scheduler)
{
    return sched_this && (!scheduler || sched_this->scheduler == scheduler) ? sched_this : NULL;
}

#endif
