/* SPDX-License-Identifier: MIT */
/*
 * Connections to the downstream service: what a TURN_CALL goes out on. Never more than
 * `connections` of them, whatever the number of threads; further calls queue, and their deadline
 * runs meanwhile. A connection is kept alive between calls; one that turns out to be closed before
 * a byte of the response came is replaced once. Two faces, used by different models:
 *
 *   pool_call[_all]     blocks its thread: thread pool, inline
 *   pool_share_*        never blocks: one share per epoll loop, used by that loop's thread only
 *
 * For those that block first come is not first served, as in most such pools: whoever is awake
 * takes what is free before the thread that was woken for it does.
 */
#ifndef ASSAY_POOL_H
#define ASSAY_POOL_H

#include "bytes.h"
#include "source.h"

#include <stdint.h>

struct pool_config {
    const char *address;      /* "HOST:PORT", copied */
    unsigned connections;     /* at least 1 */
    const char *content_type; /* of the calls; outlives the pool */
};

/* One call (it is part of struct request). The answer stays in it until its next call. */
struct pool_call {
    const uint8_t *body; /* valid until the call is done */
    size_t body_len;
    uint64_t deadline_ns;                 /* CLOCK_MONOTONIC, absolute; queueing included */
    void (*done)(struct pool_call *call); /* pool_share_start only */

    int status; /* HTTP status, or -ETIMEDOUT, -ECONNREFUSED, -EPIPE, -EBADMSG … */
    struct bytes answer;

    struct pool_call *next; /* the pool's own from here on */
};

struct pool;
/* 0, -EINVAL, -EADDRNOTAVAIL (from the address), -ENOMEM. Nothing is connected yet. */
int pool_create(struct pool **pool, const struct pool_config *config);
void pool_destroy(struct pool *pool); /* after its shares; NULL is fine */
/* How many connections have a call on them now. Any thread; NULL: 0. */
unsigned pool_in_use(const struct pool *pool);

/* Blocking: sets call->status and answer; returns the status. Any thread. Do not mix with shares of
 * the same pool. */
int pool_call(struct pool *pool, struct pool_call *call);
/*
 * Several at once, linked by next, NULL at the end: writes all, then polls all. Done when all are;
 * returns how many callers that waited for a connection it has woken (model_stats.wakeups).
 * A caller waits for a connection only while it has none, or two of them could wait for each other;
 * calls that find none free go out when one of its own has ended.
 */
unsigned pool_call_all(struct pool *pool, struct pool_call *first);
/* Whatever their deadlines: calls that block end then, also those that do already (-ETIMEDOUT). For
 * stop(), whose patience may be shorter than a call's. Any thread; NULL is fine. */
void pool_give_up_at(struct pool *pool, uint64_t give_up_ns);

/*
 * Non-blocking. A share keeps the connections it got and then meets no other thread; one that runs
 * out of them is given those that others do not need at the moment, first come, first served, and
 * is told by wake(). So all connections are at work as long as there are calls, wherever they come
 * from, and fewer connections than shares only means that they take turns.
 */
struct pool_share;
struct pool_share_config {
    struct pool *pool;
    unsigned index, shares;  /* this one, of how many: all are created before the first call */
    int epoll_fd;            /* where the connections are registered (source.h), edge-triggered */
    void (*wake)(void *arg); /* any thread: have the owner call pool_share_run() soon */
    void *arg;
};

int pool_share_create(struct pool_share **share, const struct pool_share_config *config);
/* Closes; calls still queued or under way are forgotten: cancel or wait for them first. */
void pool_share_destroy(struct pool_share *share);

/* call->done() will be called exactly once, from pool_share_run() or a source's ready(), never from
 * within this function. */
void pool_share_start(struct pool_share *share, struct pool_call *call);
/* To be called once per round of the loop, and after wake(): delivers what has failed or run out of
 * time, and starts queued calls on connections that came from other shares. */
void pool_share_run(struct pool_share *share, uint64_t now_ns);
/* When pool_share_run() is needed at the latest; 0: now; UINT64_MAX: no call is open. */
uint64_t pool_share_due_ns(const struct pool_share *share);

#endif
