/* SPDX-License-Identifier: MIT */
/*
 * The socket side of a thread pool: one thread that accepts, waits for all idle connections
 * (EPOLLONESHOT), and submits those that have become readable, each with a place in the door.
 *
 * Who has a connection: the poller, while it is armed, held back (with a whole request, MODEL_WAIT)
 * or being turned away (door full, MODEL_REJECT); else the one worker it was submitted to, until
 * that one arms or closes it.
 */
#ifndef ASSAY_POLLER_H
#define ASSAY_POLLER_H

#include "counters.h"
#include "door.h"
#include "errands.h"
#include "http.h"
#include "listener.h"
#include "lock.h"
#include "timers.h"
#include "waiting.h"

#include <pthread.h>

struct poller_conn {
    struct http_conn http;
    struct poller_conn *next, *prev; /* of all, under poller->lock */
    struct poller *poller;
    struct waiter waiter;      /* held back */
    bool whole;                /* its request is parsed already */
    struct poller_conn *taken; /* when draining begins */
    size_t timer;              /* the poller's: armed in the middle of a request */
    /* Set under poller->lock before the connection is armed (release: the poller sees what the
     * worker did to it), cleared by the poller's thread only (acquire). */
    atomic_bool armed;
};

struct poller_config {
    const struct model_config *model;
    struct door *door;
    const struct errands *errands; /* under way where nobody waits for them: stop does */
    struct counters *counters;     /* of the poller's thread */
    /* The connection has a place in the door: it goes to a worker. By the poller's thread, and mine
     * are its counters; or any other, and mine is NULL. May hold a lock. */
    void (*submit)(void *arg, struct poller_conn *conn, struct counters *mine);
    /* Answers what was just parsed, HTTP_WORK with 503, and never blocks: http_conn_reply(). */
    int (*turn_away)(void *arg, struct poller_conn *conn, enum http_step step);
    void *arg;
};

struct poller {
    struct poller_config config;
    pthread_t thread;
    bool running; /* the thread was started */
    struct listener listener;
    int epoll, wake;
    struct timers timers;
    uint64_t serial, lost, give_up_ns;

    /* Protects the list of connections, and that no idle connection is armed once `draining` is
     * set: the poller sets it, collects those that are armed, and workers close the others. */
    struct lock lock;
    struct poller_conn *conns;
    bool draining;

    struct waiting waiting; /* held back */

    /* Replies say Connection: close; and stop() gave up, nothing may take long any more. Acquire
     * and release, so that give_up_ns is seen with the first. */
    atomic_bool stopping, abandoned;
};

/* Without a thread yet: enough for a model that is in process only. */
void poller_init(struct poller *poller, const struct poller_config *config);
/* Binds, listens, starts the thread. 0 or a negative errno. */
int poller_start(struct poller *poller);

/* The caller gives the connection away. False: the poller drains and the connection is idle; it
 * stays the caller's, to be closed. With EPOLLOUT besides EPOLLIN it comes back at once, through
 * the door again. */
bool poller_arm(struct poller *poller, struct poller_conn *conn, uint32_t events);

void poller_close(struct poller *poller, struct poller_conn *conn, struct counters *counters);

/* Serves the backlog and all that was read, for drain_ns at most, and ends the thread. Workers must
 * still be running. Returns how many requests were lost; then `abandoned` is set, every connection
 * is shut down, and workers come to their ends. */
uint64_t poller_stop(struct poller *poller);

/* After the workers have ended: closes and frees what is left. */
void poller_finish(struct poller *poller);

static inline bool poller_flag(const atomic_bool *flag)
{
    return atomic_load_explicit(flag, memory_order_acquire);
}

#endif
