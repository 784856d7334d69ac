/* SPDX-License-Identifier: MIT */
/*
 * Connections that are actors. The epoll of the worker that a connection was dealt to (its home)
 * knows its socket, edge-triggered, registered once; readiness becomes a mail, and any worker may
 * receive it. Nothing blocks: what the socket does not take waits for the next edge.
 */
#ifndef ASSAY_ACTOR_CONN_H
#define ASSAY_ACTOR_CONN_H

#include "../request.h"
#include "actors.h"
#include "http.h"
#include "listener.h"
#include "waiting.h"

struct actor_conns;

struct actor_conn {
    struct actor actor; /* first */
    struct event_source source;
    struct mail ready_mail;
    struct waiter waiter;
    struct actor_conns *conns;
    unsigned home;
    struct actor_conn *next, *prev; /* of its home's, under that lock */
    /* What has happened since the last ready_mail was received. Whoever makes it nonzero sends the
     * mail; CLOSED stays for ever, so nobody sends any more. Acquire and release: the receiver sees
     * what the sender did. */
    atomic_uint ready;
    atomic_uint holders; /* itself while open, and a running timer; the last one retires it */

    /* Below only the turn of the actor. */
    struct http_conn http;
    bool readable, hung_up;
    bool busy;          /* a request of it is inside */
    bool held;          /* a complete request waits for room at the door */
    bool closed;        /* … but its last mail is still under way */
    bool timer;         /* runs */
    unsigned timer_at;  /* at this worker */
    size_t timer_place; /* that worker's */
    uint64_t since;     /* it keeps us waiting, or 0 */
};

struct actor_home {
    /* Protects both lists: connections are added by whoever accepts, retired by whoever receives
     * their last mail, and freed by the home, when no event of epoll can name them any more. */
    _Alignas(64) pthread_mutex_t lock;
    struct actor_conn *all;
    /* Atomic, relaxed, for a look without the lock: whom it misses the next round finds. */
    _Atomic(struct actor_conn *) retired;
};

struct actor_conns {
    /* Set by the model. */
    const struct model *model;
    struct model_run *run;
    const struct model_config *config;
    struct scheduler *scheduler;
    struct door *door;
    /* Requests of a connection, and reads, in a row, before other actors have a turn. */
    unsigned steps;
    /* A complete request has a place in the door and begins. It ends with actor_conn_reply(), here
     * or after it came back as a mail. False: the connection is gone. */
    bool (*begin)(struct sched_worker *worker, struct actor_conn *conn);
    /* Any other mail than readiness. False: the connection is gone. */
    bool (*other)(struct sched_worker *worker, struct actor_conn *conn, struct mail *mail);

    /* Its own. */
    struct waiting waiting;
    struct actor_home *homes;
    struct event_source listen_source;
    pthread_mutex_t accept_lock; /* protects the listener and serial: any worker may accept */
    struct listener listener;
    uint64_t serial;
    atomic_uint open;     /* connections; release when one is closed, acquire to see it all */
    atomic_bool stopping; /* release and acquire */
};

int actor_conns_init(struct actor_conns *conns);   /* finish only if 0 */
int actor_conns_listen(struct actor_conns *conns); /* after sched_init */
/* For timer items with the low bit set, and for the item that is conns itself. */
void actor_conn_timer(void *item);
void actor_conns_accept_again(struct sched_worker *worker, struct actor_conns *conns);
/* Each round of a worker, who is the home. */
void actor_conns_round(struct actor_conns *conns, unsigned home);
void actor_conns_drain(struct actor_conns *conns); /* any thread, once */
bool actor_conns_deaf(struct actor_conns *conns);  /* nothing will be accepted any more */
/* Of one home, linked by next; NULL if there are none. Workers have ended. */
static inline struct actor_conn *actor_conns_of(struct actor_conns *conns, unsigned home)
{
    return conns->homes ? conns->homes[home].all : NULL;
}
/* The request is answered and has left the door. False: the connection is gone. */
bool actor_conn_reply(struct sched_worker *worker, struct actor_conn *conn,
                      struct request *request);
/* Workers have ended. Closes all; returns how many requests were read and not begun. */
uint64_t actor_conns_finish(struct actor_conns *conns);

#endif
