/* SPDX-License-Identifier: MIT */
/*
 * Actors. A cell is an actor, and so is a connection; a request is a message that moves from one to
 * the next and is never copied. Any worker may run any actor (parts/scheduler.h). A reply is a
 * message to the connection, which writes it (parts/actor_conn.h). Where the workload has no cells,
 * a request runs in the actor of its connection, or, posted, in one of a few that have no name.
 */
#include "model.h"

#include "parts/actor_run.h"
#include "parts/clock.h"
#include "parts/sleepers.h"

#include <errno.h>
#include <string.h>

/* Nameless actors per worker: so many posted requests without a cell can have turns at once, or be
 * stolen. */
#define NAMELESS 4
/* Requests of one connection in a row, unless a batch is asked for: they cost more than mails. */
#define STEPS 1

const struct model actor_model;

/* ---- Connections ---- */

static bool conn_begin(struct sched_worker *worker, struct actor_conn *conn)
{
    struct model_run *run = actor_run_of(worker);
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
        return actor_turn(worker, request);
    actor_tell(worker, actor_of(run, request), &request->mail);
    return true;
}

/* A reply, or with a workload without cells what a request of it waited for. */
static bool conn_other(struct sched_worker *worker, struct actor_conn *conn, struct mail *mail)
{
    struct request *request = request_of_mail(mail);
    return conn->conns->run->cells.state ? actor_reply(worker, request)
                                         : actor_turn(worker, request);
}

/* By a worker. */
static void share_wake(void *arg)
{
    struct sched_worker *worker = arg;
    if (atomic_load_explicit(&worker->sleeping, memory_order_relaxed))
        counter_add(&sched_self(worker->scheduler)->counters->wakeups, 1);
    sched_wake(worker);
}

/* ---- The model ---- */

static int actor_post(struct model_run *run, struct request *request)
{
    struct sched_worker *worker = sched_self(&run->scheduler);
    struct counters *counters = worker ? worker->counters : run->scheduler.outside;
    void (*add)(_Atomic uint64_t *, uint64_t) = worker ? counter_add : counter_add_shared;
    if (atomic_load_explicit(&run->closed, memory_order_acquire))
        return -ESHUTDOWN;
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &counters->rejected);
    add(&counters->requests, 1);
    if (!run->cells.state)
        request->owner = actor_nameless(run);
    request->turn.event = TURN_REQUEST;
    actor_send(&run->scheduler, actor_of(run, request), &request->mail);
    return 0;
}

static void actor_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, run->config.threads + 1, stats);
    door_tell(&run->door, stats);
    stats->pool_in_use = pool_in_use(run->downstream);
    stats->threads = run->config.threads + offload_threads(run->offload);
}

/* After stop(), or a start() that failed half-way. Returns what is lost besides those inside. */
static uint64_t run_free(struct model_run *run, struct model_stats *final)
{
    unsigned helpers = offload_threads(run->offload);
    sched_join(&run->scheduler);
    atomic_store_explicit(&run->closed, true, memory_order_release);
    offload_destroy(run->offload); /* what it has goes on by mail */
    run->offload = NULL;
    actor_drop_all(run);
    uint64_t lost = actor_conns_finish(&run->conns);
    if (final) {
        actor_stats(run, final);
        final->threads += helpers;
    }
    sched_finish(&run->scheduler);
    pool_destroy(run->downstream);
    errands_finish(&run->errands);
    notes_finish(&run->notes);
    cells_close(&run->cells);
    free(run->actors);
    free(run->locals);
    free(run->counters);
    free(run);
    return lost;
}

/* In this order: nobody is accepted any more, then no connection is open, so nobody comes in.
 * Acquire: pairs with door_leave and the closing of connections. */
static bool is_over(struct model_run *run)
{
    return actor_conns_deaf(&run->conns) &&
           !atomic_load_explicit(&run->conns.open, memory_order_acquire) &&
           !door_inside(&run->door) && errands_idle(&run->errands);
}

static uint64_t actor_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t give_up_ns = clock_in_ns(run->config.drain_ns);
    actor_conns_drain(&run->conns);
    do {
        while (!is_over(run) && clock_now_ns() < give_up_ns)
            clock_sleep_ns(200000);
        sched_join(&run->scheduler);
        /* A done() that was under way may have posted again: then the workers go on. */
    } while (!is_over(run) && clock_now_ns() < give_up_ns &&
             sched_start(&run->scheduler, run->config.cpus) == 0);
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
        actor_init(&run->actors[i], actor_receive);
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

static int make_offload(struct model_run *run)
{
    unsigned threads = run->config.offload_threads;
    return offload_create(&run->offload,
                          &(struct offload_config){.threads = threads ? threads : 1,
                                                   .cpus = run->config.cpus,
                                                   .run = actor_offloaded,
                                                   .arg = run,
                                                   .sleeps = &run->scheduler.outside->syscalls});
}

static int open_all(struct model_run *run)
{
    const struct model_config *config = &run->config;
    run->scheduler.batch = config->batch ? config->batch : actor_model.batch;
    run->scheduler.spin_ns = config->spin_ns;
    int error = sched_init(&run->scheduler, config->threads, run->counters);
    for (unsigned i = 0; i < run->scheduler.count; i++) {
        run->locals[i].run = run;
        run->scheduler.workers[i].local = &run->locals[i];
    }
    if (!error)
        error = actor_conns_init(&run->conns);
    if (!error)
        error = cells_open(&run->cells, config->workload, config->cells, config->setup);
    if (!error)
        error = errands_init(&run->errands, config, &run->cells, run->counters, config->threads,
                             config->threads + 1);
    if (!error)
        error = notes_init(&run->notes, config->threads);
    if (!error)
        error = make_actors(run);
    if (!error)
        error = make_offload(run);
    if (!error && config->downstream)
        error = make_shares(run);
    if (!error && config->listen)
        error = actor_conns_listen(&run->conns);
    return error;
}

static void *zeroed(size_t align, size_t size)
{
    void *memory = aligned_alloc(align, size);
    return memory ? memset(memory, 0, size) : NULL;
}

static int actor_start(const struct model_config *config, struct model_run **out, uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = zeroed(_Alignof(struct model_run), sizeof *run);
    struct counters *counters = counters_create(config->threads + 1);
    struct local *locals = zeroed(_Alignof(struct local), config->threads * sizeof *locals);
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
    run->scheduler.timer = actor_timer;
    run->scheduler.round = actor_round;
    run->scheduler.due_ns = actor_due_ns;
    run->conns = (struct actor_conns){.model = &actor_model,
                                      .run = run,
                                      .config = &run->config,
                                      .scheduler = &run->scheduler,
                                      .door = &run->door,
                                      .steps = config->batch ? config->batch : STEPS,
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
    .uses = MODEL_THREADS | MODEL_OFFLOAD_THREADS | MODEL_SPIN,
    .waits = MODEL_WAITS_UNBOUND,
    .batch = 100,
    .start = actor_start,
    .post = actor_post,
    .stats = actor_stats,
    .stop = actor_stop,
};
