/* SPDX-License-Identifier: MIT */
/* A run of the actor model: what its turns (actor_turns.c) and its doors (actor.c) share. */
#ifndef ASSAY_ACTOR_RUN_H
#define ASSAY_ACTOR_RUN_H

#include "actor_conn.h"
#include "cells.h"
#include "errands.h"
#include "notes.h"
#include "offload.h"
#include "pool.h"

/* What a worker of this model has besides. */
struct local {
    struct model_run *run;
    struct pool_share *share;
    struct request *spare;  /* for connections */
    struct request *reader; /* that a note becomes when its turn comes; NULL: none yet */
    struct actor *nobody;   /* for cells made for one message; linked by runnable.next */
    unsigned nobody_len;
    /* Gathers whose deadline this worker watches, and whose request went on on another one: the
     * timer is for this worker to cancel. Pushed (release) by any, taken as a whole (acquire). */
    _Alignas(64) _Atomic(struct gather *) settled;
};

struct model_run {
    struct model_config config;
    struct scheduler scheduler;
    struct counters *counters; /* of the workers, and one for others */
    struct door door;
    struct actor_conns conns;
    struct cells cells;
    struct errands errands;
    struct notes notes;
    struct actor *actors; /* of the cells, or nameless */
    uint32_t actors_len;
    struct pool *downstream;
    struct offload *offload;
    struct local *locals;
    /* stop() gave up and clears away: nothing new is taken. Release, and acquire. */
    atomic_bool closed;
};

static inline struct model_run *actor_run_of(struct sched_worker *worker)
{
    return ((const struct local *)worker->local)->run;
}

/* What a timer's item is, by its low bits: a request that waits (none), a connection
 * (actor_conn.h), or the deadline of a call. Or the item is the connections: accept again. */
enum { ACTOR_TIMER_CONN = 1, ACTOR_TIMER_GATHER = 2 };

static inline struct actor *actor_at(struct model_run *run, uint32_t cell)
{
    return &run->actors[cell < run->actors_len ? cell : cell % run->actors_len];
}

/* Whose turn is the next one of this request? */
static inline struct actor *actor_of(struct model_run *run, struct request *request)
{
    if (!run->cells.state || request->has_cell)
        return request->owner;
    return actor_at(run, request->cell);
}

/* One of the nameless actors, where the workload has no cells: another one each time. */
struct actor *actor_nameless(struct model_run *run);

/* What the actors of cells do with a mail, which is a request: its turn. */
bool actor_receive(struct sched_worker *worker, struct actor *actor, struct mail *mail);
/* A turn of a request, and its reply if that was the last. False: the actor that runs is gone. */
bool actor_turn(struct sched_worker *worker, struct request *request);
/* In the connection's actor: its request is done. False: the connection is gone. */
bool actor_reply(struct sched_worker *worker, struct request *request);

/* An errand to its cell, or to whoever takes it where there are none. */
void actor_send_errand(struct sched_worker *worker, struct request *errand);
/* After TURN_SEND: all that it sends. TURN_SENT comes next. */
void actor_send_all(struct sched_worker *worker, struct request *request);

/* Cancels the deadlines that this worker need not watch any more. */
void actor_settle(struct sched_worker *worker);

/* For the scheduler: a timer has run out; each look at epoll; when the next one is needed. */
void actor_timer(struct sched_worker *worker, void *item);
void actor_round(struct sched_worker *worker, uint64_t now_ns);
uint64_t actor_due_ns(struct sched_worker *worker);

/* For the helper threads: a request's blocking piece. */
void actor_offloaded(void *run, struct request *request);

/* The workers have ended: whatever still is somewhere is found and answered or forgotten. */
void actor_drop_all(struct model_run *run);

#endif
