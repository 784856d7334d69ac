/* SPDX-License-Identifier: MIT */
/*
 * The socket side of a model that gives every connection a thread: one thread accepts, and each
 * connection's own reads its requests, has them answered one after the other and ends with it. Two
 * system calls a request, and nobody is woken but by the peer.
 *
 * What it costs is a thread per connection, idle or not: CONN_THREADS_STACK bytes of address space,
 * of which the kernel keeps what was touched. There are never more than CONN_THREADS_MAX; further
 * connections stay in the backlog until one leaves.
 */
#ifndef ASSAY_CONN_THREADS_H
#define ASSAY_CONN_THREADS_H

#include "../request.h"
#include "counters.h"
#include "door.h"
#include "http.h"
#include "listener.h"
#include "waiting.h"

#include <pthread.h>
#include <semaphore.h>

/* Enough for the deepest recursion of a decoder with room to spare, also under the sanitizers. */
#define CONN_THREADS_STACK ((size_t)256 * 1024)
#ifndef CONN_THREADS_MAX
#define CONN_THREADS_MAX 16384
#endif

/* One connection, and its thread's own but for `next`, `prev` and `doing`. */
struct conn_thread {
    struct http_conn http;
    struct conn_threads *threads;
    /* Of all, under threads->lock; before it has a thread, of those who wait for one: acceptor's.
     */
    struct conn_thread *next, *prev;
    struct request *request;
    struct counters *counters; /* shared with some other connections */
    uint64_t told;             /* system calls that are counted there already */
    struct waiter waiter;      /* held back; until, one way or the other: */
    sem_t released;
    bool admitted;
    bool cut; /* its reading side was, at some time: an end that we read may be our own */
    /* What its thread does: stop looks for those that would not come to an end. Sequentially
     * consistent where it becomes idle: either it sees `stopping`, or stop sees that it is idle. */
    atomic_int doing;
};

struct conn_threads_config {
    const struct model_config *model;
    struct door *door;
    struct counters *acceptor; /* counters of the thread that accepts */
    struct counters *shared;   /* of connections: so many, so that two seldom meet in one */
    unsigned shared_count;
    /* On the connection's thread: answers what was parsed; HTTP_WORK has a place in the door, which
     * it leaves, or else is refused. False: the connection ends. */
    bool (*answer)(void *arg, struct conn_thread *conn, enum http_step step, bool inside);
    void *arg;
};

struct conn_threads {
    struct conn_threads_config config;
    struct waiting waiting; /* held back; requests leave the door through it */
    pthread_attr_t attr;    /* of connections' threads */
    bool has_attr, listens;
    struct listener listener;
    int wake_fd; /* the acceptor looks up */
    pthread_t acceptor;

    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t ended; /* `running` fell to 0; CLOCK_MONOTONIC */
    struct conn_thread *conns;
    unsigned open;    /* threads of connections */
    unsigned running; /* and the acceptor */
    bool accepts;     /* the acceptor is one of them */
    /* Threads end in a chain: each joins the one that ended before it, stop the last. */
    pthread_t last;
    bool has_last;

    /* Stop has begun: see conn_thread.doing. And it gave up: release, acquire. */
    atomic_bool stopping, abandoned;
};

/* Without threads yet: enough for a model that is in process only. */
void conn_threads_init(struct conn_threads *threads, const struct conn_threads_config *config);
/* Binds, listens, accepts. 0 or a negative errno; conn_threads_finish() in either case. */
int conn_threads_start(struct conn_threads *threads);
unsigned conn_threads_running(struct conn_threads *threads);

/* Nobody else is accepted than is in the backlog, and idle connections end. */
void conn_threads_stop(struct conn_threads *threads);
/* Until all have ended; false: until_ns (CLOCK_MONOTONIC) came first. */
bool conn_threads_wait(struct conn_threads *threads, uint64_t until_ns);
/* Time is up: sets `abandoned`, and sees to it that nobody stays blocked here; wait for them.
 * Returns how many requests are lost that had no place in the door. */
uint64_t conn_threads_abandon(struct conn_threads *threads);
void conn_threads_finish(struct conn_threads *threads); /* all have ended */

#endif
