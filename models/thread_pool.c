/* SPDX-License-Identifier: MIT */
/*
 * Thread pool. A poller waits for all idle connections and hands those that are readable to workers
 * through one bounded queue (parts/poller.h, parts/workers.h); a worker reads, runs all turns of
 * the request in place (parts/in_place.h) and writes, blocking, with time-outs. So an idle
 * connection occupies nobody, and k slow peers occupy at most k workers. post() puts its request
 * into the same queue, and so do one-way messages.
 *
 * Whatever stands in the queue has a place in the door, or among the messages under way; with room
 * for both, it is never full for them.
 */
#include "parts/clock.h"
#include "parts/in_place.h"
#include "parts/poller.h"
#include "parts/reply.h"
#include "parts/syscalls.h"
#include "parts/workers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

struct model_run {
    struct model_config config;
    struct door door;
    struct in_place in_place;
    struct workers workers;
    struct poller poller;
    struct counters *counters; /* one per worker, the poller's, and that of all other threads */
};

/* A task of the queue is a request or, with the low bit set, a connection. */
#define CONN_TASK ((uintptr_t)1)

const struct model thread_pool_model;

/* ---- Connections ---- */

static int answer(struct model_run *run, struct counters *counters, struct poller_conn *conn,
                  enum http_step step, struct request *request, int flags)
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

static void submit(void *arg, struct poller_conn *conn, struct counters *mine)
{
    struct model_run *run = arg;
    workers_push(&run->workers, mine, (void *)((uintptr_t)conn | CONN_TASK));
}

/* Reads on, and waits where a request has begun: io_timeout_ns for the whole of it, also for a peer
 * that drips. As http_conn_read(). */
static ssize_t read_on(struct model_run *run, struct poller_conn *conn, uint64_t *until_ns)
{
    ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
    if (got != -EAGAIN || !conn->http.begun)
        return got;
    uint64_t now = clock_now_ns();
    if (!*until_ns)
        *until_ns = clock_after_ns(now, run->config.io_timeout_ns);
    if (now >= *until_ns)
        return -ETIMEDOUT;
    struct pollfd more = {.fd = conn->http.fd, .events = POLLIN};
    struct timespec left = clock_timespec(*until_ns - now);
    syscalls_count();
    ppoll(&more, 1, &left, NULL);
    return http_conn_read(&conn->http, MSG_DONTWAIT);
}

enum served { OPEN, HELD, OVER };

static inline void leave(struct model_run *run, bool *inside)
{
    if (*inside)
        waiting_leave(&run->poller.waiting);
    *inside = false;
}

/* One request, from parsing it to its reply. HELD: it waits for room and is no longer ours.
 * *inside: it has a place in the door. It leaves it while the rest of a request is awaited, and
 * before the reply: who has seen that finds room. It keeps it for a next request that is here
 * already, but not while the peer does not read. */
static enum served serve_one(struct worker *worker, struct poller_conn *conn, bool *inside)
{
    struct model_run *run = worker->workers->config.arg;
    struct request *request = worker->request;
    struct http_conn *http = &conn->http;
    uint64_t until_ns = 0;
    enum http_step step = HTTP_WORK;
    while (!conn->whole &&
           (step = http_conn_is_empty(http) ? HTTP_MORE : http_conn_parse(http)) == HTTP_MORE) {
        if (http->begun)
            leave(run, inside);
        if (poller_flag(&run->poller.abandoned))
            return OVER;
        ssize_t got = read_on(run, conn, &until_ns);
        if (got == -EAGAIN && !http->begun) { /* after an empty line, say: idle */
            leave(run, inside);
            return OPEN;
        }
        if (got <= 0)
            return OVER;
    }
    bool refused =
        step == HTTP_WORK && !*inside && !(*inside = waiting_enter(&run->poller.waiting));
    conn->whole = refused && run->config.on_full == MODEL_WAIT;
    if (conn->whole) {
        waiting_add(&run->poller.waiting, &conn->waiter);
        return HELD;
    }
    if (step == HTTP_WORK && !refused) {
        counter_add(&worker->counters->requests, 1);
        request->in = http->body;
        request->in_len = http->body_len;
        request->cell = cells_route(&run->in_place.cells, http->body, http->body_len, http->serial);
        in_place_run(&run->in_place, worker->counters, request);
    }
    if (http->in.len <= http->parsed_to)
        leave(run, inside);
    bool work = step == HTTP_WORK && !refused;
    int flags = *inside ? MSG_DONTWAIT : 0;
    int error = answer(run, worker->counters, conn, step, work ? request : NULL, flags);
    if (error == -EAGAIN && *inside) {
        leave(run, inside);
        error = http_conn_flush(http, 0);
    }
    return error == 0 && http->keep_alive ? OPEN : OVER;
}

/* The connection came with a place in the door: serves what is there, then gives the connection
 * back to the poller. Reading once more before that would be in vain whenever the client waits for
 * its reply: a system call and a buffer per request. While draining it is the last chance. */
static void serve_conn(struct worker *worker, struct poller_conn *conn)
{
    struct model_run *run = worker->workers->config.arg;
    bool inside = true;
    /* What the poller could not send; if it was told to close after that, it is the last. */
    if (conn->http.out.len && (http_conn_flush(&conn->http, 0) != 0 || !conn->http.keep_alive))
        goto close;
    enum served how;
    for (unsigned served = 1; (how = serve_one(worker, conn, &inside)) == OPEN; served++) {
        bool here = conn->http.in.len > conn->http.parsed_to, others = served >= run->config.batch;
        if (!here && poller_arm(&run->poller, conn, EPOLLIN))
            return;
        if (!here && http_conn_read(&conn->http, MSG_DONTWAIT) <= 0)
            goto close;
        if (others) /* also those who wait at the door */
            leave(run, &inside);
        if (!inside && !(inside = waiting_enter(&run->poller.waiting))) {
            /* The poller knows what to do with those outside. */
            poller_arm(&run->poller, conn, EPOLLIN | EPOLLOUT);
            return;
        }
        if (others) {
            submit(run, conn, worker->counters);
            return;
        }
    }
    if (how == HELD)
        return;
close:
    leave(run, &inside);
    poller_close(&run->poller, conn, worker->counters);
}

/* For a worker: a connection, a request that was posted, or what in_place had done later. */
static void serve(struct worker *worker, void *task)
{
    struct model_run *run = worker->workers->config.arg;
    if ((uintptr_t)task & CONN_TASK) {
        serve_conn(worker, (struct poller_conn *)((uintptr_t)task & ~CONN_TASK));
        return;
    }
    struct request *request = task;
    if (request->kind != ERRAND_NONE) {
        in_place_go_on(&run->in_place, worker->counters, request);
        return;
    }
    in_place_run(&run->in_place, worker->counters, request);
    waiting_leave(&run->poller.waiting);
    request->done(request);
}

static bool later(void *arg, struct request *request)
{
    struct model_run *run = arg;
    return workers_later(&run->workers, request);
}

/* ---- The model ---- */

static int thread_pool_post(struct model_run *run, struct request *request)
{
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &workers_mine(&run->workers)->rejected);
    int error = workers_post(&run->workers, request);
    if (error) /* after stop() */
        waiting_leave(&run->poller.waiting);
    return error;
}

static void thread_pool_stats(struct model_run *run, struct model_stats *stats)
{
    workers_tell(&run->workers);
    counters_sum(run->counters, run->config.threads + 2, stats);
    door_tell(&run->door, stats);
    stats->pool_in_use = pool_in_use(run->in_place.pool);
    stats->threads = run->config.threads + (run->config.listen != NULL);
}

static uint64_t thread_pool_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t lost = poller_stop(&run->poller);
    if (poller_flag(&run->poller.abandoned))
        pool_give_up_at(run->in_place.pool, 0); /* nobody waits for these calls any more */
    workers_stop(&run->workers);
    poller_finish(&run->poller);
    if (final)
        thread_pool_stats(run, final);
    in_place_close(&run->in_place);
    free(run->counters);
    free(run);
    return lost;
}

/* Everything but the socket door. */
static int open_all(struct model_run *run)
{
    unsigned own = run->config.threads + 1;
    int error =
        in_place_open(&run->in_place, &(struct in_place_config){.model = &run->config,
                                                                .counters = run->counters,
                                                                .own = own,
                                                                .count = own + 1,
                                                                .abandoned = &run->poller.abandoned,
                                                                .later = later,
                                                                .arg = run});
    if (error)
        return error;
    return workers_start(&run->workers, &(struct workers_config){.model = &run->config,
                                                                 .counters = run->counters,
                                                                 .others = &run->counters[own],
                                                                 .serve = serve,
                                                                 .arg = run});
}

static int thread_pool_start(const struct model_config *config, struct model_run **out,
                             uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    struct counters *counters = counters_create(config->threads + 2);
    if (!run || !counters) {
        free(run);
        free(counters);
        return -ENOMEM;
    }
    run->config = *config;
    if (run->config.batch == 0)
        run->config.batch = thread_pool_model.batch;
    run->counters = counters;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    poller_init(&run->poller, &(struct poller_config){.model = &run->config,
                                                      .door = &run->door,
                                                      .errands = &run->in_place.errands,
                                                      .counters = &counters[config->threads],
                                                      .submit = submit,
                                                      .turn_away = turn_away,
                                                      .arg = run});
    error = open_all(run);
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
    .uses = MODEL_THREADS | MODEL_SPIN,
    .waits = MODEL_WAITS_PER_THREAD,
    .batch = 1, /* requests of one connection in a row, before others in the queue have a turn */
    .start = thread_pool_start,
    .post = thread_pool_post,
    .stats = thread_pool_stats,
    .stop = thread_pool_stop,
};
