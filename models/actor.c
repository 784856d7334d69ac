/* SPDX-License-Identifier: MIT */
/*
 * Actors. A cell is an actor, and so is a connection; a request is a message that moves from one to
 * the next and is never copied. Any worker may run any actor (parts/scheduler.h). A reply is a
 * message to the connection, which writes it (parts/actor_conn.h). Where the workload has no cells,
 * a request runs in the actor of its connection, or, posted, in one of a few that have no name.
 */
#include "model.h"

#include "parts/actor_conn.h"
#include "parts/calls.h"
#include "parts/cells.h"
#include "parts/clock.h"
#include "parts/errands.h"
#include "parts/sleepers.h"

#include <errno.h>

/* Nameless actors per worker: so many posted requests without a cell can have turns at once, or be
 * stolen. */
#define NAMELESS 4

/* What a worker of this model has besides. */
struct local {
    struct pool_share *share;
    struct request *calls; /* under way: to be found at stop */
    struct request *spare; /* for connections */
};

struct model_run {
    struct model_config config;
    struct scheduler scheduler;
    struct counters *counters;
    struct door door;
    struct actor_conns conns;
    struct cells cells;
    struct errands errands;
    struct actor *actors; /* of the cells, or nameless */
    uint32_t actors_len;
    struct pool *downstream;
    struct local *locals;
    /* stop() gave up and clears away: nothing new is taken. Release, and acquire. */
    atomic_bool closed;
};

const struct model actor_model;

/* ---- Turns ---- */

/* Whose turn is the next one of this request? */
static struct actor *actor_of(struct model_run *run, struct request *request)
{
    return run->cells.state ? &run->actors[request->cell % run->actors_len] : request->owner;
}

static void deliver(struct model_run *run, struct request *request, enum turn_event event)
{
    request->turn.event = event;
    actor_send(&run->scheduler, actor_of(run, request), &request->mail);
}

/* Done by the worker that started it, from its round or its epoll. */
static void call_done(struct pool_call *call)
{
    struct sched_worker *worker = sched_self(NULL);
    struct model_run *run = worker->scheduler->arg;
    struct request *request = errands_answered(&run->errands, worker->counters, ask_of_call(call));
    if (!request)
        return;
    calls_remove(&run->locals[worker->index].calls, request);
    deliver(run, request, TURN_ANSWER);
}

static void call(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = worker->scheduler->arg;
    struct local *local = &run->locals[worker->index];
    struct gather *gather = errands_call(&run->errands, worker->counters, request);
    calls_add(&local->calls, request);
    for (uint32_t i = 0; i < gather->len; i++) {
        if (gather->asks[i].kind != ASK_DOWNSTREAM)
            continue;
        gather->asks[i].call.done = call_done;
        pool_share_start(local->share, &gather->asks[i].call);
    }
    if (errands_started(gather)) {
        calls_remove(&local->calls, request);
        deliver(run, request, TURN_ANSWER);
    }
}

/* In the connection's actor. False: the connection is gone. */
static bool reply(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = worker->scheduler->arg;
    struct local *local = &run->locals[worker->index];
    waiting_leave(&run->conns.waiting); /* before: who has seen the reply finds room */
    bool open = actor_conn_reply(worker, request->owner, request);
    request->next = local->spare;
    local->spare = request;
    return open;
}

/* False: the actor that runs is the request's connection, and is gone. */
static bool turn(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = worker->scheduler->arg;
    enum turn_end end =
        request_step(request, run->config.workload, cells_at(&run->cells, request->cell),
                     request->turn.event, run->config.setup);
    counter_add(&worker->counters->turns, 1);
    switch (end) {
    case TURN_FORWARD:
        deliver(run, request, TURN_REQUEST);
        return true;
    case TURN_WAIT:
        timers_add(&worker->timers, clock_now_ns() + request->turn.wait_ns, request, NULL);
        return true;
    case TURN_CALL:
        call(worker, request);
        return true;
    case TURN_SEND:
    case TURN_OFFLOAD: /* not yet */
        request_refuse(request);
        end = TURN_REJECT;
        break;
    default:
        break;
    }
    counter_add(end == TURN_REPLY ? &worker->counters->answered : &worker->counters->rejected, 1);
    if (request->done) {
        waiting_leave(&run->conns.waiting);
        request->done(request);
        return true;
    }
    if (!run->cells.state)
        return reply(worker, request);
    actor_send(&run->scheduler, request->owner, &request->mail);
    return true;
}

static bool cell_receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor; /* the request knows its cell */
    return turn(worker, request_of_mail(mail));
}

/* ---- Connections ---- */

static bool conn_begin(struct sched_worker *worker, struct actor_conn *conn)
{
    struct model_run *run = worker->scheduler->arg;
    struct local *local = &run->locals[worker->index];
    struct request *request = local->spare;
    if (request)
        local->spare = request->next;
    else if (!(request = request_create(run->config.workload)))
        abort(); /* out of memory, as in bytes_reserve() */
    request->in = conn->http.body;
    request->in_len = conn->http.body_len;
    request->cell = cells_route(&run->cells, request->in, request->in_len, conn->http.serial);
    request->owner = &conn->actor;
    request->turn.event = TURN_REQUEST;
    if (!run->cells.state)
        return turn(worker, request);
    deliver(run, request, TURN_REQUEST);
    return true;
}

/* A reply, or with a workload without cells what a request of it waited for. */
static bool conn_other(struct sched_worker *worker, struct actor_conn *conn, struct mail *mail)
{
    struct request *request = request_of_mail(mail);
    return conn->conns->run->cells.state ? reply(worker, request) : turn(worker, request);
}

/* ---- Workers ---- */

static void on_timer(struct sched_worker *worker, void *item)
{
    struct model_run *run = worker->scheduler->arg;
    if ((uintptr_t)item & 1)
        actor_conn_timer(item);
    else if (item == &run->conns)
        actor_conns_accept_again(worker, &run->conns);
    else
        deliver(run, item, TURN_WAKE);
}

static void on_round(struct sched_worker *worker, uint64_t now_ns)
{
    struct model_run *run = worker->scheduler->arg;
    if (run->downstream)
        pool_share_run(run->locals[worker->index].share, now_ns);
    if (run->config.listen)
        actor_conns_round(&run->conns, worker->index);
}

static uint64_t due_ns(struct sched_worker *worker)
{
    struct model_run *run = worker->scheduler->arg;
    return run->downstream ? pool_share_due_ns(run->locals[worker->index].share) : CLOCK_NEVER;
}

static void share_wake(void *arg)
{
    sched_wake(arg);
}

/* ---- The model ---- */

static int actor_post(struct model_run *run, struct request *request)
{
    static _Thread_local uint32_t nameless; /* any will do; another one each time */
    struct sched_worker *worker = sched_self(&run->scheduler);
    struct counters *counters = worker ? worker->counters : run->scheduler.outside;
    void (*add)(_Atomic uint64_t *, uint64_t) = worker ? counter_add : counter_add_shared;
    if (atomic_load_explicit(&run->closed, memory_order_acquire))
        return -ESHUTDOWN;
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &counters->rejected);
    add(&counters->requests, 1);
    if (!run->cells.state)
        request->owner = &run->actors[nameless++ % run->actors_len];
    deliver(run, request, TURN_REQUEST);
    return 0;
}

static void actor_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, run->config.threads + 1, stats);
    stats->in_flight = atomic_load_explicit(&run->door.inside, memory_order_relaxed);
    stats->threads = run->config.threads;
}

static void drop(struct model_run *run, struct request *request)
{
    door_leave(&run->door);
    if (!request->done) {
        request_destroy(request, run->config.workload);
        return;
    }
    counter_add_shared(&run->scheduler.outside->rejected, 1);
    request_refuse(request);
    request->done(request);
}

static void drop_mail(struct model_run *run, struct actor *actor, struct mail *but)
{
    for (struct mail *mail; (mail = mailbox_pop(&actor->box));)
        if (mail != but)
            drop(run, request_of_mail(mail));
}

/* The workers have ended: whatever still is somewhere is found and answered or forgotten. */
static void drop_all(struct model_run *run)
{
    for (unsigned i = 0; i < run->scheduler.count; i++) {
        struct local *local = &run->locals[i];
        pool_share_destroy(local->share);
        for (struct request *request; (request = local->calls);) {
            local->calls = request->next;
            drop(run, request);
        }
        for (void *item; (item = timers_pop(&run->scheduler.workers[i].timers, TIMERS_NEVER));)
            if (!((uintptr_t)item & 1) && item != &run->conns)
                drop(run, item);
        for (struct actor_conn *conn = actor_conns_of(&run->conns, i); conn; conn = conn->next)
            drop_mail(run, &conn->actor, &conn->ready_mail);
        for (struct request *request; (request = local->spare);) {
            local->spare = request->next;
            request_destroy(request, run->config.workload);
        }
    }
    for (uint32_t i = 0; i < run->actors_len; i++)
        drop_mail(run, &run->actors[i], NULL);
}

/* After stop(), or a start() that failed half-way. Returns what is lost besides those inside. */
static uint64_t run_free(struct model_run *run, struct model_stats *final)
{
    sched_join(&run->scheduler);
    atomic_store_explicit(&run->closed, true, memory_order_release);
    drop_all(run);
    uint64_t lost = actor_conns_finish(&run->conns);
    if (final)
        actor_stats(run, final);
    sched_finish(&run->scheduler);
    pool_destroy(run->downstream);
    errands_finish(&run->errands);
    cells_close(&run->cells);
    free(run->actors);
    free(run->locals);
    free(run->counters);
    free(run);
    return lost;
}

static uint64_t actor_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t give_up_ns = clock_now_ns() + run->config.drain_ns;
    actor_conns_drain(&run->conns);
    /* In this order: nobody is accepted any more, then no connection is open, so nobody comes in.
     * Acquire: pairs with door_leave and the closing of connections. */
    while ((!actor_conns_deaf(&run->conns) ||
            atomic_load_explicit(&run->conns.open, memory_order_acquire) ||
            door_inside(&run->door)) &&
           clock_now_ns() < give_up_ns)
        clock_sleep_ns(200000);
    sched_join(&run->scheduler);
    uint64_t lost = door_inside(&run->door);
    return lost + run_free(run, final);
}

static int make_actors(struct model_run *run)
{
    run->actors_len = run->cells.state ? run->cells.count : NAMELESS * run->config.threads;
    run->actors = aligned_alloc(_Alignof(struct actor), run->actors_len * sizeof *run->actors);
    if (!run->actors) {
        run->actors_len = 0;
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < run->actors_len; i++)
        actor_init(&run->actors[i], cell_receive);
    return 0;
}

static int make_shares(struct model_run *run)
{
    const struct model_config *config = &run->config;
    int error = pool_create(&run->downstream, &(struct pool_config){config->downstream,
                                                                    config->downstream_connections,
                                                                    config->content_type});
    for (unsigned i = 0; !error && i < config->threads; i++) {
        struct sched_worker *worker = &run->scheduler.workers[i];
        error = pool_share_create(&run->locals[i].share,
                                  &(struct pool_share_config){run->downstream, i, config->threads,
                                                              worker->epoll, share_wake, worker});
    }
    return error;
}

static int open_all(struct model_run *run)
{
    const struct model_config *config = &run->config;
    int error = sched_init(&run->scheduler, config->threads, run->counters);
    if (!error)
        error = actor_conns_init(&run->conns);
    if (!error)
        error = cells_open(&run->cells, config->workload, config->cells, config->setup);
    if (!error)
        error = errands_init(&run->errands, config, &run->cells, run->counters, config->threads,
                             config->threads + 1);
    if (!error)
        error = make_actors(run);
    if (!error && config->downstream)
        error = make_shares(run);
    if (!error && config->listen)
        error = actor_conns_listen(&run->conns);
    return error;
}

static int actor_start(const struct model_config *config, struct model_run **out, uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    struct counters *counters = counters_create(config->threads + 1);
    struct local *locals = calloc(config->threads, sizeof *locals);
    if (!run || !counters || !locals) {
        free(run);
        free(counters);
        free(locals);
        return -ENOMEM;
    }
    run->config = *config;
    run->counters = counters;
    run->locals = locals;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    run->scheduler.arg = run;
    run->scheduler.timer = on_timer;
    run->scheduler.round = on_round;
    run->scheduler.due_ns = due_ns;
    run->conns = (struct actor_conns){.model = &actor_model,
                                      .run = run,
                                      .config = &run->config,
                                      .scheduler = &run->scheduler,
                                      .door = &run->door,
                                      .begin = conn_begin,
                                      .other = conn_other};
    error = open_all(run);
    uint16_t bound = run->conns.listener.port;
    if (!error)
        error = sched_start(&run->scheduler, config->cpus);
    if (error) {
        run_free(run, NULL);
        return error;
    }
    if (port)
        *port = bound;
    *out = run;
    return 0;
}

const struct model actor_model = {
    .name = "actor",
    .summary = "cells and connections are actors, run by work-stealing workers",
    .uses = MODEL_THREADS,
    .start = actor_start,
    .post = actor_post,
    .stats = actor_stats,
    .stop = actor_stop,
};
