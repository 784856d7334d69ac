/* SPDX-License-Identifier: MIT */
/*
 * One connection to the downstream service, and the call that is on it: the state machine that both
 * faces of the pool drive; and the pool itself. Nothing here blocks. The inside of pool.c and
 * share.c, for nobody else.
 */
#ifndef ASSAY_SLOT_H
#define ASSAY_SLOT_H

#include "http.h"
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct slot_target {
    struct sockaddr_storage address;
    socklen_t address_len;
    const char *host;
    const char *content_type;
};

struct slot {
    struct event_source source;
    const struct slot_target *target;
    struct slot *next;    /* for the list of free ones that holds it now */
    struct slot *sibling; /* the next of all slots of the share that has it */
    struct pool_share *owner;
    int fd;       /* -1: not connected */
    int epoll_fd; /* where a new connection is registered; -1: nowhere */
    bool used;    /* the connection carried a call before: it may be stale */
    bool blocks;  /* slot_block() has made it so */
    struct pool_call *call;
    /* Is there a call? Relaxed, for pool_in_use() alone: a figure, nothing is ordered by it. */
    _Atomic bool busy;
    struct bytes head; /* of the request */
    size_t sent;       /* of head and body */
    struct http_response response;
};

struct pool {
    struct slot_target target;
    char *host;
    unsigned connections;
    /* Protects sleepers, idle and waiting, and in shares that connections go between, what they are
     * given. A blocking caller sleeps on `freed` until a slot is idle. */
    pthread_mutex_t lock;
    pthread_cond_t freed;      /* CLOCK_MONOTONIC, as the deadlines */
    unsigned sleepers;         /* on freed */
    struct slot *idle;         /* last used first: its connection is the least likely to be stale */
    struct pool_share *shares; /* all; complete before the first call */
    /* See pool_give_up_at(). Release, and acquire: whose call ends by it sees why. */
    _Atomic uint64_t give_up_ns;
    struct pool_share *waiting; /* shares that want a slot, the first to be served first */
    /* How many wait. Read without the lock; see has_spare in share.c for its order. */
    _Atomic unsigned waiting_count;
    struct slot slots[];
};

void slot_init(struct slot *slot, const struct slot_target *target);
void slot_finish(struct slot *slot);
void slot_close(struct slot *slot); /* the connection only */

/* Connects if need be. 0 or a negative errno; then slot_end(). */
int slot_begin(struct slot *slot, struct pool_call *call);
/* Sends and receives what can be; events are those that came (EPOLLIN …; 0 at first). 0: answered;
 * -EAGAIN: more events, please; else the call failed. In both cases slot_end() comes next. */
int slot_progress(struct slot *slot, uint32_t events);
short slot_wants(const struct slot *slot); /* POLLIN or POLLOUT */

/* For a caller that blocks: true if all is sent and slot_progress(slot, SLOT_BLOCK) may wait for
 * the answer in its recv(), SLOT_SLICE_NS at most, instead of in a poll() before it. The first call
 * of a connection may not: it might be the only one, and not worth the preparation. */
#define SLOT_BLOCK ((uint32_t)1 << 27)   /* no bit of epoll's */
#define SLOT_SLICE_NS UINT64_C(50000000) /* so often it looks up to see if stop() gave up */
bool slot_block(struct slot *slot);

/* Sets call->status and hands the answer over; a failed call's connection is closed. */
void slot_end(struct slot *slot, int result);

#endif
