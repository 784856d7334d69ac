/* SPDX-License-Identifier: MIT */
/*
 * A thread per connection (parts/conn_threads.h). It reads, runs all turns of a request in place
 * (parts/in_place.h) and writes, blocking: nothing is handed over, and nobody is woken but by the
 * peer.
 *
 * post() has no connection. Its requests, and one-way messages, go to `threads` workers with one
 * queue (parts/workers.h), as in thread_pool: in process the two are the same.
 */
#include "parts/clock.h"
#include "parts/conn_threads.h"
#include "parts/in_place.h"
#include "parts/reply.h"
#include "parts/workers.h"

#include <errno.h>
#include <stdlib.h>

/* Counters that connections share, so that two of them seldom meet on a cache line. */
enum { STRIPES = 16 };

struct model_run {
    struct model_config config;
    struct door door;
    struct in_place in_place;
    struct workers workers;
    struct conn_threads threads;
    struct counters *counters; /* the workers', the acceptor's, the stripes, all others' */
    unsigned counters_count;
};

const struct model thread_per_connection_model;

/* ---- Requests ---- */

/* For a connection, on its thread. */
static bool answer(void *arg, struct conn_thread *conn, enum http_step step, bool inside)
{
    struct model_run *run = arg;
    struct http_conn *http = &conn->http;
    struct request *request = inside ? conn->request : NULL;
    if (request) {
        counter_add_shared(&conn->counters->requests, 1);
        request->in = http->body;
        request->in_len = http->body_len;
        request->cell = cells_route(&run->in_place.cells, http->body, http->body_len, http->serial);
        in_place_run(&run->in_place, conn->counters, request);
        waiting_leave(&run->threads.waiting); /* first: who has seen the reply finds room */
    }
    struct reply reply = {.model = &thread_per_connection_model,
                          .run = run,
                          .config = &run->config,
                          .counters = conn->counters,
                          .stopping = atomic_load(&run->threads.stopping)};
    return reply_send(&reply, http, step, request) == 0 && http->keep_alive;
}

/* For a worker: a request that was posted, or what in_place had done later. */
static void serve(struct worker *worker, void *task)
{
    struct model_run *run = worker->workers->config.arg;
    struct request *request = task;
    if (request->kind != ERRAND_NONE) {
        in_place_go_on(&run->in_place, worker->counters, request);
        return;
    }
    in_place_run(&run->in_place, worker->counters, request);
    waiting_leave(&run->threads.waiting);
    request->done(request);
}

static bool later(void *arg, struct request *request)
{
    struct model_run *run = arg;
    return workers_later(&run->workers, request);
}

static int thread_per_connection_post(struct model_run *run, struct request *request)
{
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &workers_mine(&run->workers)->rejected);
    int error = workers_post(&run->workers, request);
    if (error) /* after stop() */
        waiting_leave(&run->threads.waiting);
    return error;
}

/* ---- The model ---- */

static void thread_per_connection_stats(struct model_run *run, struct model_stats *stats)
{
    workers_tell(&run->workers);
    counters_sum(run->counters, run->counters_count, stats);
    door_tell(&run->door, stats);
    stats->pool_in_use = pool_in_use(run->in_place.pool);
    stats->threads = run->config.threads + conn_threads_running(&run->threads);
}

/* False: until_ns came first. */
static bool wait_until_out(struct model_run *run, uint64_t until_ns)
{
    if (!conn_threads_wait(&run->threads, until_ns))
        return false;
    while (door_inside(&run->door) > 0 || !errands_idle(&run->in_place.errands)) {
        if (clock_now_ns() >= until_ns)
            return false;
        clock_sleep_ns(100000);
    }
    return true;
}

static uint64_t thread_per_connection_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t lost = 0, give_up_ns = clock_in_ns(run->config.drain_ns);
    conn_threads_stop(&run->threads);
    if (!wait_until_out(run, give_up_ns)) {
        lost = door_inside(&run->door);
        lost += conn_threads_abandon(&run->threads);
        pool_give_up_at(run->in_place.pool, 0); /* after that: what it cuts short is not answered */
        conn_threads_wait(&run->threads, CLOCK_NEVER);
    }
    workers_stop(&run->workers);
    if (final)
        thread_per_connection_stats(run, final);
    conn_threads_finish(&run->threads);
    in_place_close(&run->in_place);
    free(run->counters);
    free(run);
    return lost;
}

/* Everything but the socket door. */
static int open_all(struct model_run *run)
{
    unsigned own = run->config.threads + 1;
    int error = in_place_open(&run->in_place,
                              &(struct in_place_config){.model = &run->config,
                                                        .counters = run->counters,
                                                        .own = own,
                                                        .count = run->counters_count,
                                                        .abandoned = &run->threads.abandoned,
                                                        .later = later,
                                                        .arg = run});
    if (error)
        return error;
    return workers_start(&run->workers,
                         &(struct workers_config){.model = &run->config,
                                                  .counters = run->counters,
                                                  .others = &run->counters[own + STRIPES],
                                                  .serve = serve,
                                                  .arg = run});
}

static int thread_per_connection_start(const struct model_config *config, struct model_run **out,
                                       uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    unsigned own = config->threads + 1;
    struct model_run *run = calloc(1, sizeof *run);
    struct counters *counters = counters_create(own + STRIPES + 1);
    if (!run || !counters) {
        free(run);
        free(counters);
        return -ENOMEM;
    }
    run->config = *config;
    run->counters = counters;
    run->counters_count = own + STRIPES + 1;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    conn_threads_init(&run->threads, &(struct conn_threads_config){.model = &run->config,
                                                                   .door = &run->door,
                                                                   .acceptor = &counters[own - 1],
                                                                   .shared = &counters[own],
                                                                   .shared_count = STRIPES,
                                                                   .answer = answer,
                                                                   .arg = run});
    error = open_all(run);
    if (!error && config->listen)
        error = conn_threads_start(&run->threads);
    if (error) {
        thread_per_connection_stop(run, NULL);
        return error;
    }
    if (port)
        *port = run->threads.listener.port;
    *out = run;
    return 0;
}

const struct model thread_per_connection_model = {
    .name = "thread_per_connection",
    .summary = "a blocking thread for every connection",
    .uses = MODEL_THREADS | MODEL_SPIN,
    .waits = MODEL_WAITS_PER_CONNECTION,
    .start = thread_per_connection_start,
    .post = thread_per_connection_post,
    .stats = thread_per_connection_stats,
    .stop = thread_per_connection_stop,
};
