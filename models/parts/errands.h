/* SPDX-License-Identifier: MIT */
/*
 * What a request has others do, for every model in the same way: calls of several targets that are
 * gathered, and one-way messages. A cell target and a message are requests of their own; a model
 * only says where they go, and where a request that may go on goes. All functions: any thread.
 *
 * A turn ended in TURN_CALL:
 *
 *     struct gather *gather = errands_call(errands, mine, request);
 *     for each ask of gather->asks[gather->len], by its kind:
 *         ASK_DOWNSTREAM: start &ask->call; errands_answered(errands, mine, ask) when it is done
 *         ASK_CELL: send ask->child to its cell (TURN_REQUEST)
 *         ASK_FAILED: nothing
 *     a timer for gather->deadline_ns if gather->children, see gather_hold()
 *     if (errands_started(gather)) it may go on at once (gather_is_lone(): without it)
 *
 * A request whose kind is not ERRAND_NONE replied or rejected: errands_ended(), instead of
 * the door. It, errands_answered and errands_expire return the request that may go on now
 * (TURN_ANSWER is set as its event), or NULL. Whoever loses a request (stop() gave up) refuses it
 * and comes here, too, and so finds those that wait for it.
 */
#ifndef ASSAY_ERRANDS_H
#define ASSAY_ERRANDS_H

#include "../request.h"
#include "counters.h"
#include "pool.h"

#include <pthread.h>

enum ask_kind { ASK_FAILED, ASK_DOWNSTREAM, ASK_CELL };

struct ask {
    enum ask_kind kind;
    int error; /* ASK_FAILED: why */
    struct gather *gather;
    struct request *child; /* kept for the next call, unless it was late */
    struct pool_call call;
};

struct gather {
    struct request *request; /* that asked */
    uint64_t deadline_ns;
    uint32_t len, cap, children; /* asks; cell targets among them */
    struct ask *asks;
    struct turn_answer *answers; /* cap of them */
    /* Those not yet there, and one more until errands_started(). Acquire + release: whoever takes
     * the last one sees what all others brought. */
    _Atomic uint32_t left;
    /* The request, and a timer that may come after the request went on: see gather_hold(). Release,
     * and acquire by whoever finds himself alone: he sees what the others did. */
    _Atomic uint32_t holders;
    size_t place; /* for the model's timer */
    void *where;
    struct gather *next; /* for its lists */
};

struct errands_spare;
struct errands {
    const struct model_config *config;
    struct cells *cells;
    struct counters *counters;
    unsigned own, count;         /* counters of one thread each; all */
    struct errands_spare *spare; /* ended messages, per counters */
    pthread_mutex_t lock;        /* protects depot, and that only one collects credit at a time */
    struct request *depot;
};

/* config and cells, which may be opened later, outlive it. The first `own` of the counters have
 * each one thread that writes them (mine, below), the others are shared. 0 or -ENOMEM; finish takes
 * a zeroed one, too. */
int errands_init(struct errands *errands, const struct model_config *config, struct cells *cells,
                 struct counters *counters, unsigned own, unsigned count);
void errands_finish(struct errands *errands); /* nothing is under way any more */

/* After TURN_CALL. mine: the counters of this thread. Valid until errands_started(). */
struct gather *errands_call(struct errands *errands, struct counters *mine,
                            struct request *request);
/* All are on their way: the request itself, if they are there already; else do not touch it. */
struct request *errands_started(struct gather *gather);
struct request *errands_answered(struct errands *errands, struct counters *mine, struct ask *ask);
/* A child or message has replied, or is refused. Do not touch it again. */
struct request *errands_ended(struct errands *errands, struct counters *mine,
                              struct request *errand);
/* The deadline has passed: who is not there has failed with -ETIMEDOUT, and its answer is dropped
 * when it comes. (Downstream calls end by themselves, by the pool.) */
struct request *errands_expire(struct errands *errands, struct counters *mine,
                               struct gather *gather);

/* Before errands_started(): nobody else is waited for. */
static inline bool gather_is_whole(const struct gather *gather)
{
    return atomic_load_explicit(&gather->left, memory_order_acquire) == 1;
}

/* For a timer that is not cancelled, before errands_started(): the gather stays until
 * gather_drop(). A request that asks again while it is held gets another one. */
static inline void gather_hold(struct gather *gather)
{
    /* The request, which this thread has, is the only other holder. */
    atomic_store_explicit(&gather->holders, 2, memory_order_relaxed);
}
/* The request has its answers and its turn: the timer, now cancelled, was the other holder. */
static inline void gather_hold_no_more(struct gather *gather)
{
    atomic_store_explicit(&gather->holders, 1, memory_order_relaxed);
}
/* Before errands_started(), which is not called then: a cell is asked alone, and nothing of the
 * gather or its request may be touched once it is. */
static inline bool gather_is_lone(struct gather *gather)
{
    if (gather->len != 1 || gather->asks[0].kind != ASK_CELL)
        return false;
    atomic_store_explicit(&gather->left, 1, memory_order_relaxed);
    return true;
}
void gather_drop(struct gather *gather, const struct workload *workload); /* NULL is fine */

/* After TURN_SEND: the messages, linked by next, each to be sent to its cell (TURN_REQUEST); those
 * beyond the limit are not among them. TURN_SENT comes next, at once or later. */
struct request *errands_send(struct errands *errands, struct counters *mine,
                             struct request *request);

/*
 * The same in pieces, for a model that has a lighter form for a message than a request. begin: how
 * many targets may be sent to, from the first on, counting only those for cells (credit), and where
 * to put what becomes of each (gather->answers). message: one target as a request: 0 or a negative
 * errno. end: so many were sent. errands_noted(): one in the lighter form has ended.
 */
struct gather *errands_send_begin(struct errands *errands, struct counters *mine,
                                  struct request *request, uint32_t *credit);
int errands_message(struct errands *errands, struct counters *mine, const struct request *request,
                    const struct turn_target *target, struct request **message);
void errands_send_end(struct counters *mine, struct request *request, uint32_t credit,
                      uint32_t sent);
static inline void errands_noted(struct counters *mine) /* the counters of one thread */
{
    /* Release: who sees that this one has ended sees those that it began. */
    uint64_t returned = atomic_load_explicit(&mine->returned, memory_order_relaxed);
    atomic_store_explicit(&mine->returned, returned + 1, memory_order_release);
}
/* A request for such messages when their turn comes, passed from one to the next; one that goes on
 * beyond its turn is an errand like any other. */
struct request *errands_make(struct errands *errands, struct counters *mine);
void errands_keep_body(struct request *request); /* … its `in` is copied */

/* No message, and no late child, is under way. For stop(), when nobody is inside the door. */
bool errands_idle(const struct errands *errands);

static inline struct ask *ask_of_call(struct pool_call *call)
{
    return (struct ask *)(void *)((char *)call - offsetof(struct ask, call));
}

/* For request.c. */
void gather_answers(struct gather *gather, struct turn *turn);
void errand_leave_cell(struct request *request, const struct workload *workload);
void errand_finish(struct request *request, const struct workload *workload);

#endif
