/* SPDX-License-Identifier: MIT */
/*
 * What a model is: a way to run the turns of a workload, with two doors to the world.
 *
 *   start(listen = HOST:PORT)   HTTP/1.1 over TCP; the model accepts, reads, writes (parts/http.h)
 *   post(request)               in process, no socket; the request is delivered the same way
 *
 * To add a model, in the tree or outside: README.md beside this file builds one. The contract tests
 * (tests/models) then say what is missing.
 *
 * What every model keeps to:
 *   - a cell has at most one turn at a time; a wait, a call or an offload does not occupy its cell;
 *   - replies on one connection come in the order of its requests;
 *   - queue_limit counts requests accepted and not yet answered, over both doors and all threads;
 *   - one-way messages (TURN_SEND) under way are bounded by queue_limit as well, for themselves;
 *   - who reads no replies is not read on: what one peer can have a model hold is bounded;
 *   - nothing whose first byte was read is lost at stop; the accept backlog is served too, and
 *     one-way messages are carried out.
 */
#ifndef ASSAY_MODEL_H
#define ASSAY_MODEL_H

#include "request.h"
#include "workload.h"

enum model_on_full {
    MODEL_REJECT, /* answer 503 at once */
    MODEL_WAIT,   /* stop reading until there is room; post() returns -EAGAIN */
};

/* Filled by the program; every default is explicit there and recorded. The model copies it;
 * what it points to outlives the run. */
struct model_config {
    const struct workload *workload;
    const void *setup; /* handed to the workload's hooks; outlives the run */
    uint32_t cells;    /* at least 1 if the workload has state */

    unsigned threads;     /* workers or loops, at least 1 */
    const char *cpus;     /* "0", "0-1", "0,2": all threads of the model; NULL: wherever */
    uint32_t queue_limit; /* at least 1 */
    enum model_on_full on_full;

    const char *listen;       /* "HOST:PORT" (port 0: any), or NULL: in process only */
    const char *content_type; /* of replies and of calls */
    size_t max_body_bytes;    /* a larger request body: 413 */
    uint64_t io_timeout_ns;   /* a peer that neither reads nor finishes its request */
    uint64_t drain_ns;        /* stop() gives up on unanswered requests after this long */

    const char *downstream;          /* "HOST:PORT", or NULL: TURN_CALL answers -ECONNREFUSED */
    unsigned downstream_connections; /* bound over all threads, at least 1; more calls queue */
    uint64_t call_timeout_ns;        /* deadline of a call that names none; queueing included */

    /* What has no effect in a model (model.uses) is ignored there. */
    unsigned offload_threads; /* helpers that run TURN_OFFLOADs; 0 counts as 1 */
    uint64_t spin_ns;         /* how long an idle thread looks for work before it sleeps; 0: not */
    unsigned batch;           /* 0: model.batch */
    /* One thread calls post(), and done(), and never has more than queue_limit under way. For the
     * floor (inline, without listen), which then has no place at the door to take, and no lock but
     * that of the list of one-way messages. */
    bool one_poster;
};

/* Settings that not every model has a use for: what has no effect is refused (model.uses). */
enum model_setting {
    MODEL_THREADS = 1,
    MODEL_OFFLOAD_THREADS = 2,
    MODEL_SPIN = 4,
};

#define MODEL_STATS_THREADS 16

/* Totals since start. What a model does not do stays 0. */
struct model_stats {
    uint64_t requests; /* accepted, both doors */
    uint64_t answered; /* replies handed to the socket or to done(), 503s not counted */
    uint64_t rejected; /* 503: the limit, or TURN_REJECT */
    uint64_t turns;    /* step() calls */
    /* … of its threads, one by one: those that run turns, and then others together (helpers, and
     * whoever calls post()); as many of them as there is room for. */
    uint64_t turns_of[MODEL_STATS_THREADS];
    uint64_t messages; /* queued from one place of execution to another: tasks, inbox items, actor
                          mail */
    uint64_t wakeups;  /* futex, condition variable or eventfd signals sent to a sleeper; not those
                          of  locks */
    uint64_t calls;    /* downstream requests sent */
    uint64_t call_errors;  /* … that failed or ran out of time */
    uint64_t sends;        /* one-way messages accepted */
    uint64_t offloads;     /* TURN_OFFLOADs */
    uint64_t syscalls;     /* read, write, poll, futex, accept … of the model's own threads; of
                              locks only those of parts/lock.h */
    uint64_t connections;  /* accepted */
    uint64_t bad_requests; /* answered 4xx or 5xx by the HTTP layer */
    uint32_t in_flight;    /* now: accepted and not yet answered */
    uint32_t held_back;    /* now: connections that wait for room (MODEL_WAIT) */
    uint32_t connections_open; /* now */
    uint32_t pool_in_use;      /* now: connections to the downstream service that have a call */
    uint32_t threads;          /* all that the model made, helpers included */
};

struct model_run; /* each model's own */

/* How many requests can be in a wait or in a call at once. What serves them meanwhile is how a
 * model differs from others; the contract tests hold it to what it tells. */
enum model_waits {
    MODEL_WAITS_UNTOLD, /* one at least; what takes two is not asked of it */
    MODEL_WAITS_ALONE,  /* one: each is run to its end; post() on its caller's thread, and blocks */
    MODEL_WAITS_PER_THREAD,     /* a request that waits keeps its thread */
    MODEL_WAITS_PER_CONNECTION, /* so it does; connections have one each, posts share `threads` */
    MODEL_WAITS_UNBOUND,        /* they are kept in memory, and threads serve others */
};

struct model {
    const char *name;
    const char *summary; /* one line, for --list */
    unsigned uses;       /* enum model_setting */
    enum model_waits waits;
    /* Default of model_config.batch: how much of one source of work is done in a row before others
     * have a turn (turns of an actor, requests of a connection …). 0: it has no such bound. A model
     * may have less of what is dear as long as none is asked for. */
    unsigned batch;

    /*
     * Makes cells and threads, binds and listens. On success *run is set and, with a listen
     * address, *port is the port bound (port may be NULL). 0 or a negative errno (-EADDRINUSE,
     * -EINVAL …); nothing is left behind on failure.
     */
    int (*start)(const struct model_config *config, struct model_run **run, uint16_t *port);

    /*
     * Hands over a request (request.h: in, in_len, cell, done, arg are set). Any thread, also from
     * within done(). 0: done() will be called, exactly once, perhaps before post() returns (a
     * rejection is done() with status 503). -EAGAIN: full and on_full is MODEL_WAIT; -ESHUTDOWN:
     * stop() is as good as over, and done() posts again; then the request stays the caller's.
     * Outside done() it must have returned in every thread before stop() is called: that frees what
     * it may still be in.
     */
    int (*post)(struct model_run *run, struct request *request);

    /* A snapshot. Any thread, cheap. */
    void (*stats)(struct model_run *run, struct model_stats *stats);

    /*
     * Stops accepting, serves the accept backlog and all that was read, joins every thread, frees.
     * final may be NULL. Returns the number of requests lost (0 unless drain_ns ran out).
     */
    uint64_t (*stop)(struct model_run *run, struct model_stats *final);
};

extern const struct model *const models[];        /* NULL-terminated; models/meson.build */
const struct model *model_find(const char *name); /* NULL if there is none */
extern const struct model
    thread_pool_copy_model; /* the same code once more, for A/A; not in models[] */

#endif
