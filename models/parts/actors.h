/* SPDX-License-Identifier: MIT */
/* Actors: a mailbox and what to do with a mail, run by the workers of scheduler.h. */
#ifndef ASSAY_ACTORS_H
#define ASSAY_ACTORS_H

#include "scheduler.h"

struct actor {
    struct runnable runnable; /* first */
    struct mailbox box;
    /* One mail, which is the receiver's now. False: the actor is gone, do not touch it. */
    bool (*receive)(struct sched_worker *worker, struct actor *actor, struct mail *mail);
    /* Full batches in a row without coming to the end of its mail. Relaxed: senders only judge by
     * it (sched_pay). */
    _Atomic uint32_t behind;
    uint32_t debt; /* turns that it has had already, by what it made others do */
};

void actor_init(struct actor *actor,
                bool (*receive)(struct sched_worker *, struct actor *, struct mail *));
/* The clock, between two turns: how long does a run take here, is it time to look at epoll, does
 * somebody wait for too long? */
void sched_look(struct sched_worker *worker);
/* A turn of the actor that runs is over. May it have another at once, without a mail? */
static inline bool sched_may_go_on(struct sched_worker *worker)
{
    if (--worker->turns_left == 0)
        sched_look(worker);
    if (worker->batch_left <= worker->owes || worker->poll_due)
        return false;
    worker->batch_left--;
    return true;
}

/* Others come first, whatever is left of the batch of the actor that runs. */
static inline void sched_end_batch(struct sched_worker *worker)
{
    worker->batch_left = 0;
}

/* The actor that runs sends one-way messages, and so makes work for another: it pays for that with
 * turns, the more the longer its receiver has not come to the end of its mail. So senders that
 * outrun a receiver give way to it, while what they sent is still in the cache. */
static inline void sched_pay(struct sched_worker *worker, const struct actor *receiver,
                             uint32_t messages)
{
    worker->owes += messages * (1 + atomic_load_explicit(&receiver->behind, memory_order_relaxed));
}

/* The actor has mail and nobody sees to it; by a worker, or by any other thread. */
void sched_schedule(struct sched_worker *worker, struct runnable *item);
void sched_schedule_outside(struct scheduler *scheduler, struct runnable *item);

/* The worker's own thread. The mail is the receiver's from here on. */
static inline void actor_tell(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    counter_add(&worker->counters->messages, 1);
    if (mailbox_push(&actor->box, mail))
        sched_schedule(worker, &actor->runnable);
}
/* So many at once, linked by mailbox_link(). */
static inline void actor_tell_all(struct sched_worker *worker, struct actor *actor,
                                  struct mail *first, struct mail *last, uint32_t mails)
{
    counter_add(&worker->counters->messages, mails);
    if (mailbox_push_chain(&actor->box, first, last))
        sched_schedule(worker, &actor->runnable);
}

/* Any thread. */
void actor_send(struct scheduler *scheduler, struct actor *actor, struct mail *mail);

#endif
