/* SPDX-License-Identifier: MIT */
/*
 * Thread pool. A poller waits for all idle connections and hands those that are readable to workers
 * through one bounded queue (parts/poller.h, parts/queue.h); a worker reads, runs all turns of the
 * request and writes, blocking, with time-outs. So an idle connection occupies nobody, and k slow
 * peers occupy at most k workers. post() puts its request into the same queue.
 *
 * Whatever stands in the queue has a place in the door, so the queue, as large as the door, is
 * never full.
 */
#include "parts/cell_locks.h"
#include "parts/clock.h"
#include "parts/cpus.h"
#include "parts/errands.h"
#include "parts/poller.h"
#include "parts/queue.h"
#include "parts/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Requests of one connection in a row, before others in the queue have a turn. */
#define SERVE_MAX 32
/* A worker that sleeps for long looks up this often to see if stop() gave up. */
#define SLEEP_SLICE_NS UINT64_C(50000000)

struct worker {
    struct model_run *run;
    struct counters *counters;
    struct queue_worker queue;
    struct request *request; /* for connections: a worker has one at a time */
    pthread_t thread;
    bool running;
};

struct model_run {
    struct model_config config;
    struct door door;
    struct queue queue;
    struct poller poller;
    struct pool *downstream;
    struct cells cells;
    struct cell_locks locks;
    struct errands errands;
    struct worker *workers;
    struct counters *counters; /* one per worker, the poller's, and that of all other threads */
};

/* A task of the queue is a request or, with the low bit set, a connection. */
#define CONN_TASK ((uintptr_t)1)

/* The worker that this thread is, if any: post() from within done() counts there. */
static _Thread_local struct worker *self;

const struct model thread_pool_model;

/* ---- Turns ---- */

/* False: stop() gave up meanwhile. */
static bool sleep_until(struct model_run *run, uint64_t due_ns)
{
    for (uint64_t now = clock_now_ns(); now < due_ns; now = clock_now_ns()) {
        if (poller_flag(&run->poller.abandoned))
            return false;
        uint64_t until = due_ns - now > SLEEP_SLICE_NS ? now + SLEEP_SLICE_NS : due_ns;
        struct timespec at = clock_timespec(until);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    return true;
}

static void call(struct worker *worker, struct request *request)
{
    struct model_run *run = worker->run;
    struct gather *gather = errands_call(&run->errands, worker->counters, request);
    for (uint32_t i = 0; i < gather->len; i++) {
        if (gather->asks[i].kind != ASK_DOWNSTREAM)
            continue;
        pool_call(run->downstream, &gather->asks[i].call);
        errands_answered(&run->errands, worker->counters, &gather->asks[i]);
    }
    errands_started(gather);
}

static void reject(struct worker *worker, struct request *request)
{
    request_refuse(request);
    counter_add(&worker->counters->rejected, 1);
}

/* All turns of a request, from the first to its reply: status and out are set. */
static void run_turns(struct worker *worker, struct request *request)
{
    struct model_run *run = worker->run;
    enum turn_event event = TURN_REQUEST;
    for (;;) {
        if (poller_flag(&run->poller.abandoned)) {
            reject(worker, request);
            return;
        }
        void *cell = cells_at(&run->cells, request->cell);
        pthread_mutex_t *turn = cell_locks_at(&run->locks, request->cell);
        if (turn)
            pthread_mutex_lock(turn);
        enum turn_end end =
            request_step(request, run->config.workload, cell, event, run->config.setup);
        if (turn)
            pthread_mutex_unlock(turn);
        counter_add(&worker->counters->turns, 1);
        switch (end) {
        case TURN_REPLY:
            counter_add(&worker->counters->answered, 1);
            return;
        case TURN_REJECT:
            counter_add(&worker->counters->rejected, 1);
            return;
        case TURN_FORWARD:
            event = TURN_REQUEST;
            break;
        case TURN_WAIT:
            sleep_until(run, clock_now_ns() + request->turn.wait_ns);
            event = TURN_WAKE;
            break;
        case TURN_CALL:
            call(worker, request);
            event = TURN_ANSWER;
            break;
        case TURN_SEND:
        case TURN_OFFLOAD: /* not yet */
            reject(worker, request);
            return;
        }
    }
}

/* ---- Connections ---- */

static int answer(struct model_run *run, struct counters *counters, struct poller_conn *conn,
                  enum http_step step, const struct request *request, int flags)
{
    bool stopping = poller_flag(&run->poller.stopping);
    struct reply reply = {&thread_pool_model, run, &run->config, counters, stopping, flags};
    return reply_send(&reply, &conn->http, step, request);
}

static int turn_away(void *arg, struct poller_conn *conn, enum http_step step)
{
    struct model_run *run = arg;
    return answer(run, run->poller.config.counters, conn, step, NULL, MSG_DONTWAIT);
}

/* Any thread. 0 or -ESHUTDOWN. */
static int push(struct model_run *run, uintptr_t task)
{
    int woken = queue_push(&run->queue, (void *)task);
    if (woken < 0)
        return woken;
    bool ours = self && self->run == run;
    struct counters *counters = ours ? self->counters : &run->counters[run->config.threads + 1];
    void (*add)(_Atomic uint64_t *, uint64_t) = ours ? counter_add : counter_add_shared;
    add(&counters->messages, 1);
    add(&counters->wakeups, (uint64_t)woken);
    return 0;
}

static void submit(void *arg, struct poller_conn *conn)
{
    push(arg, (uintptr_t)conn | CONN_TASK);
}

/* Reads on, blocking. A peer that drips has io_timeout_ns for the whole request. */
static bool read_on(struct model_run *run, struct poller_conn *conn, uint64_t *until_ns)
{
    if (conn->http.begun) {
        uint64_t now = clock_now_ns();
        if (!*until_ns)
            *until_ns = now + run->config.io_timeout_ns;
        if (now > *until_ns)
            return false;
    }
    return http_conn_read(&conn->http, 0) > 0;
}

enum served { OPEN, HELD, OVER };

/* One request, from parsing it to its reply. HELD: it waits for room and is no longer ours.
 * *inside: it has a place in the door. It leaves it while the rest of a request is awaited, and
 * before the reply, unless more requests are already here: who has seen the reply finds room. */
static enum served serve_one(struct worker *worker, struct poller_conn *conn, bool *inside)
{
    struct model_run *run = worker->run;
    struct request *request = worker->request;
    struct http_conn *http = &conn->http;
    uint64_t until_ns = 0;
    enum http_step step = HTTP_WORK;
    while (!conn->whole && (step = http_conn_parse(http)) == HTTP_MORE) {
        if (http->begun && *inside) {
            waiting_leave(&run->poller.waiting);
            *inside = false;
        }
        if (poller_flag(&run->poller.abandoned) || !read_on(run, conn, &until_ns))
            return OVER;
    }
    bool refused = step == HTTP_WORK && !*inside && !(*inside = door_enter(&run->door));
    conn->whole = refused && run->config.on_full == MODEL_WAIT;
    if (conn->whole) {
        waiting_add(&run->poller.waiting, &conn->waiter);
        return HELD;
    }
    if (step == HTTP_WORK && !refused) {
        counter_add(&worker->counters->requests, 1);
        request->in = http->body;
        request->in_len = http->body_len;
        request->cell = cells_route(&run->cells, http->body, http->body_len, http->serial);
        run_turns(worker, request);
    }
    if (*inside && http->in.len <= http->parsed_to) {
        waiting_leave(&run->poller.waiting);
        *inside = false;
    }
    bool work = step == HTTP_WORK && !refused;
    int error = answer(run, worker->counters, conn, step, work ? request : NULL, 0);
    return error == 0 && http->keep_alive ? OPEN : OVER;
}

/* The connection came with a place in the door: serves what is there, then gives the connection
 * back to the poller. Reading once more before that would be in vain whenever the client waits for
 * its reply: a system call and a buffer per request. While draining it is the last chance. */
static void serve(struct worker *worker, struct poller_conn *conn)
{
    struct model_run *run = worker->run;
    bool inside = true;
    if (conn->http.out.len && http_conn_flush(&conn->http, 0) != 0)
        goto close;
    enum served how;
    for (unsigned served = 1; (how = serve_one(worker, conn, &inside)) == OPEN; served++) {
        if (!inside) {
            bool here = conn->http.in.len > conn->http.parsed_to;
            if (!here && poller_arm(&run->poller, conn, EPOLLIN))
                return;
            if (!here && http_conn_read(&conn->http, MSG_DONTWAIT) <= 0)
                goto close;
            inside = door_enter(&run->door);
            if (!inside) { /* the poller knows what to do with those outside */
                poller_arm(&run->poller, conn, EPOLLIN | EPOLLOUT);
                return;
            }
        }
        if (served >= SERVE_MAX) {
            submit(run, conn);
            return;
        }
    }
    if (how == HELD)
        return;
close:
    if (inside)
        waiting_leave(&run->poller.waiting);
    poller_close(&run->poller, conn, worker->counters);
}

static void *worker_main(void *arg)
{
    struct worker *worker = self = arg;
    struct model_run *run = worker->run;
    uintptr_t task;
    while ((task = (uintptr_t)queue_pop(&run->queue, &worker->queue))) {
        if (task & CONN_TASK) {
            serve(worker, (struct poller_conn *)(task & ~CONN_TASK));
        } else {
            struct request *request = (struct request *)task;
            run_turns(worker, request);
            waiting_leave(&run->poller.waiting);
            request->done(request);
        }
    }
    return NULL;
}

/* ---- The model ---- */

static int thread_pool_post(struct model_run *run, struct request *request)
{
    bool ours = self && self->run == run;
    struct counters *counters = ours ? self->counters : &run->counters[run->config.threads + 1];
    void (*add)(_Atomic uint64_t *, uint64_t) = ours ? counter_add : counter_add_shared;
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &counters->rejected);
    add(&counters->requests, 1);
    int error = push(run, (uintptr_t)request);
    if (error) /* after stop() */
        waiting_leave(&run->poller.waiting);
    return error;
}

static void thread_pool_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, run->config.threads + 2, stats);
    stats->in_flight = atomic_load_explicit(&run->door.inside, memory_order_relaxed);
    stats->threads = run->config.threads + (run->config.listen != NULL);
}

static uint64_t thread_pool_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t lost = poller_stop(&run->poller);
    pool_give_up_at(run->downstream, 0); /* nobody waits for these calls any more */
    queue_close(&run->queue);
    for (unsigned i = 0; i < run->config.threads; i++) {
        struct worker *worker = &run->workers[i];
        if (worker->running)
            pthread_join(worker->thread, NULL);
        if (worker->run)
            queue_worker_finish(&worker->queue);
        request_destroy(worker->request, run->config.workload);
    }
    poller_finish(&run->poller);
    if (final)
        thread_pool_stats(run, final);
    pool_destroy(run->downstream);
    errands_finish(&run->errands);
    cell_locks_finish(&run->locks);
    cells_close(&run->cells);
    queue_finish(&run->queue);
    free(run->workers);
    free(run->counters);
    free(run);
    return lost;
}

static int start_workers(struct model_run *run)
{
    for (unsigned i = 0; i < run->config.threads; i++) {
        struct worker *worker = &run->workers[i];
        worker->run = run;
        worker->counters = &run->counters[i];
        int error = queue_worker_init(&worker->queue);
        if (error)
            return error;
        worker->request = request_create(run->config.workload);
        if (!worker->request)
            return -ENOMEM;
        error = cpus_thread_create(&worker->thread, run->config.cpus, "pool", worker_main, worker);
        if (error)
            return error;
        worker->running = true;
    }
    return 0;
}

static int thread_pool_start(const struct model_config *config, struct model_run **out,
                             uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    struct counters *counters = counters_create(config->threads + 2);
    struct worker *workers = calloc(config->threads, sizeof *workers);
    error = run && counters && workers ? queue_init(&run->queue, config->queue_limit) : -ENOMEM;
    if (error) {
        free(run);
        free(counters);
        free(workers);
        return error;
    }
    run->config = *config;
    run->counters = counters;
    run->workers = workers;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    poller_init(&run->poller,
                &(struct poller_config){&run->config, &run->door, &counters[config->threads],
                                        submit, turn_away, run});
    error = cells_open(&run->cells, config->workload, config->cells, config->setup);
    if (!error)
        error = cell_locks_init(&run->locks, &run->cells, run->cells.count);
    if (!error)
        error = errands_init(&run->errands, config, &run->cells, counters, config->threads + 1,
                             config->threads + 2);
    if (!error && config->downstream)
        error = pool_create(&run->downstream, &(struct pool_config){config->downstream,
                                                                    config->downstream_connections,
                                                                    config->content_type});
    if (!error)
        error = start_workers(run);
    if (!error && config->listen)
        error = poller_start(&run->poller);
    if (error) {
        thread_pool_stop(run, NULL);
        return error;
    }
    if (port)
        *port = run->poller.listener.port;
    *out = run;
    return 0;
}

const struct model thread_pool_model = {
    .name = "thread_pool",
    .summary = "a poller hands ready connections to blocking worker threads",
    .uses = MODEL_THREADS,
    .start = thread_pool_start,
    .post = thread_pool_post,
    .stats = thread_pool_stats,
    .stop = thread_pool_stop,
};
