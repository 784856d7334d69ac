/* SPDX-License-Identifier: MIT */
/*
 * The connections of one event loop. Nothing here blocks: a connection is registered once,
 * edge-triggered, and remembers what it may still do (read on, or not before the next event). One
 * request of it is inside at a time; it is not read meanwhile, nor while a reply waits for the peer
 * to read. All of it on the loop's thread, but for loop_conn_create.
 */
#ifndef ASSAY_LOOP_CONN_H
#define ASSAY_LOOP_CONN_H

#include "cells.h"
#include "door.h"
#include "reply.h"
#include "source.h"
#include "timers.h"
#include "waiting.h"

struct loop_conn;

struct loop_conns {
    /* Set by the loop before the first connection. */
    struct reply reply; /* its stopping is set by loop_conns_drain(), its flags are MSG_DONTWAIT */
    const struct cells *cells;
    struct waiting *waiting; /* of all loops: who waits longest is next, wherever he is */
    int epoll_fd;
    void (*begin)(struct loop_conns *conns, struct request *request); /* the door let it in */
    void (*closed)(struct loop_conns *conns);                         /* a connection is gone */
    /* Any thread, under the lock of `waiting`: have loop_conns_run() called soon. */
    void (*nudge)(struct loop_conns *conns);

    /* Its own. */
    uint32_t round;          /* counts the loop's rounds */
    struct loop_conn *open;  /* doubly linked */
    struct loop_conn *again; /* had their share of a round and could go on */
    /* Those that were held back and have a place in the door now, the newest first. Release on a
     * push, by whoever made room; acquire by the loop, which takes all. */
    _Atomic(struct waiter *) admitted;
    /* Connections dealt to this loop. Release after one is made, acquire after epoll_wait: the
     * loop sees whole what an event names. */
    _Atomic uint64_t dealt;
    struct timers slow; /* deadlines of half-read requests and half-written replies */
    struct request *spare;
    struct request **all;
    size_t all_len, all_cap;
};

struct loop_conn {
    struct event_source source;
    struct loop_conns *conns;
    struct http_conn http;
    struct loop_conn *prev, *next; /* of conns->open */
    struct waiter waiter;          /* held back */
    struct loop_conn *next_again;
    size_t slow_place;
    uint32_t round, taken; /* requests, in the round that it was last served in */
    bool linked, readable, hung_up, busy, held, writing, in_again;
};

/* Makes a connection of fd, which it owns from now on, and registers it. Any thread: the loop hears
 * of it with the first event. 0 or a negative errno; fd is closed then. */
int loop_conn_create(struct loop_conns *conns, int fd, uint64_t serial);
/* For waiting_init(). */
void loop_conn_admit(struct waiter *waiter);
/* The request of this connection (owner) is answered and has left the door. Takes it back. */
void loop_conn_reply(struct loop_conn *conn, struct request *request);
/* Once per round, after the turns: time-outs, what could go on, what was held back. */
void loop_conns_run(struct loop_conns *conns, uint64_t now_ns);
uint64_t loop_conns_due_ns(const struct loop_conns *conns); /* of the next run; 0: now */
/* From now on: idle connections are closed, the others after their reply. */
void loop_conns_drain(struct loop_conns *conns);
/* Closes all. Returns how many requests were read in part, held back or not sent to their end. */
uint64_t loop_conns_finish(struct loop_conns *conns);

#endif
