/* SPDX-License-Identifier: MIT */
/*
 * One loop of the event loop model: what a round of it does. The inside of event_loop.c, for nobody
 * else.
 */
#ifndef ASSAY_LOOP_H
#define ASSAY_LOOP_H

#include "../model.h"
#include "acceptor.h"
#include "cells.h"
#include "counters.h"
#include "door.h"
#include "errands.h"
#include "inbox.h"
#include "loop_conn.h"
#include "offload.h"
#include "pool.h"
#include "timers.h"
#include "waiting.h"

#include <pthread.h>

struct run_list { /* requests ready for a turn; turn.event says which */
    struct request *first, **last;
};

struct loop {
    struct loop_conns conns; /* first: parts/loop_conn.c knows its loop by it */
    struct model_run *run;
    struct counters *counters; /* of this loop's thread */
    unsigned index;
    int epoll_fd;
    pthread_t thread;
    uint64_t now_ns; /* when this round began */
    struct run_list ready;
    struct timers waits;     /* of requests in a TURN_WAIT */
    struct timers deadlines; /* of gathers whose calls of cells are under way */
    struct pool_share *share;
    bool draining;
    struct inbox inbox;
    struct event_source woken;
    struct request *nudge; /* an empty one: something happened that is not a request */
    /* While draining: 1 + how many had entered the door when this loop last saw nobody inside, and
     * nothing under way; 0: it has not. Acquire and release: see is_over(). */
    _Atomic uint64_t calm;
    /* True from when the nudge is pushed until it is taken (exchange, acquire and release: what the
     * nudging thread did before is seen by the loop), so that it is in the inbox once at most. */
    _Atomic bool nudged;
};

struct model_run {
    struct model_config config;
    struct cells cells;
    struct door door;
    struct waiting waiting; /* held back, of all loops; requests leave the door through it */
    struct pool *pool;
    struct errands errands;
    struct offload *offload;
    struct counters *counters; /* one per loop, the last for other threads */
    struct loop *loop;
    unsigned running; /* loops; set before `phase` */
    struct acceptor acceptor;
    uint64_t serial;            /* loop 0's: connections accepted */
    _Atomic uint32_t open;      /* connections; release when one goes, acquire at the end */
    _Atomic uint32_t next_loop; /* for posted requests without a cell: relaxed, any will do */
    /* Where stop() has got to. Release and acquire: give_up_ns, and the backlog, go with it. */
    _Atomic int phase;
    uint64_t give_up_ns;
};
/* phases: stop() was called; the backlog has been accepted; the loops have ended, nothing is taken
 * any more */
enum { SERVING, CLOSING, DRAINING, CLOSED };

/* The loop, zeroed, is at its place in run->loop. 0 or a negative errno; close in any case. */
int loop_open(struct model_run *run, struct loop *loop);
uint64_t loop_close(struct loop *loop); /* returns how many requests its connections still had */
void *loop_main(void *loop);            /* of its thread */
void loop_nudge_all(struct model_run *run); /* each has a round soon. Any thread. */

/* parts/loop_turns.c: what a turn asks for, carried out. */

extern _Thread_local struct loop *loop_self; /* the loop whose thread this is, or NULL */
/* A request is inside now: its first turn will be in its cell's loop. Any thread. */
void loop_begin(struct loop *loop, struct request *request);
/* Puts a request, or the nudge, on the list of this loop, or into the inbox of another one. */
void loop_ready(struct loop *loop, struct request *request);
/* Runs the first turn of the list, which is not empty. */
void loop_turn(struct loop *loop);
/* A helper's part of a TURN_OFFLOAD (offload_config.run). */
void loop_offloaded(void *run, struct request *request);
/* After the threads: ends what stop() has given up, so that nothing waits for it any more. */
void loop_lose_all(struct model_run *run);
/* Has a round soon. Any thread. */
void loop_nudge(struct loop *loop);

#endif
