/* SPDX-License-Identifier: MIT */
/*
 * The floor, and the template for a model of your own: one thread, one request at a time.
 *
 * The socket door is one thread that polls its connections and serves whoever is ready, one request
 * each in turn. A request runs to its end in place (parts/in_place.h): WAIT sleeps, CALL and
 * OFFLOAD block, and meanwhile nobody else is served; a peer that does not read its reply holds
 * everybody up for io_timeout_ns at most. (One that is slow to send holds nobody up: only complete
 * requests are begun.) post() runs the request on the caller's thread; where that is the only one
 * (model_config.one_poster), it is the turns alone, without what several threads need. One-way
 * messages are carried out after the reply, by the thread that sent them.
 */
#include "model.h"

#include "parts/clock.h"
#include "parts/counters.h"
#include "parts/cpus.h"
#include "parts/door.h"
#include "parts/in_place.h"
#include "parts/listener.h"
#include "parts/polled.h"
#include "parts/reply.h"
#include "parts/syscalls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

const struct model inline_model;

struct conn {
    struct http_conn http;
    bool more; /* the buffer may hold another request: no need to wait for bytes */
    bool held; /* a complete request waits for room at the door */
    bool dead;
    uint64_t deadline_ns; /* for the rest of a request that has begun */
};

enum { MINE, OTHERS, COUNTERS }; /* counters: of the door's thread, of threads that post() */

struct model_run {
    struct model_config config;
    bool alone; /* no door's thread, one that posts: what follows for others is of no use */
    struct door door;
    struct counters *counters;
    struct in_place in_place; /* its one lock protects every cell, during turns */
    struct in_place_list later;
    /* Threads in post(). Release when they are out, acquire by stop(): it may free then. */
    atomic_uint posters;

    pthread_t thread;
    int wake_fd; /* written once, by stop() */
    /* stop() gave up: what still waits is abandoned. And the door's thread has ended. Both stored
     * with release, read with acquire. */
    atomic_bool abandoned, ended;
    struct listener listener;
    struct request *request; /* the one that the door's thread works on */
    struct polled polled;    /* connections; and of our own to poll: wake_fd, the listener */
    _Atomic uint64_t lost;   /* relaxed: read when all is over */
};

static bool given_up(const struct model_run *run)
{
    return atomic_load_explicit(&run->abandoned, memory_order_acquire);
}

/* Carries out a request, turn by turn, and leaves status and out in it; then it leaves the door:
 * whoever sees the reply may count on the room. False: given up by stop(). */
static bool run_request(struct model_run *run, struct request *request, struct counters *counters)
{
    bool ran = in_place_run(&run->in_place, counters, request);
    if (!ran)
        atomic_fetch_add_explicit(&run->lost, 1, memory_order_relaxed);
    if (!run->alone)
        door_leave(&run->door);
    return ran;
}

/* A request posted from within done() is put behind and run when done() has returned: a caller that
 * always posts the next one from there would otherwise never leave its stack. */
static _Thread_local struct posting {
    struct model_run *run;
    struct request *first, **last;
} posting;

static int inline_post(struct model_run *run, struct request *request)
{
    struct counters *counters = &run->counters[OTHERS];
    if (!run->alone && !door_enter(&run->door))
        return door_turn_away(&run->door, request, &counters->rejected);
    counter_add_mine(counters, &counters->requests, 1);
    request->next = NULL;
    if (posting.run == run) {
        *posting.last = request;
        posting.last = &request->next;
        return 0;
    }
    struct posting outer = posting; /* of another run, whose done() this is in */
    posting = (struct posting){run, request, &request->next};
    if (!run->alone)
        atomic_fetch_add_explicit(&run->posters, 1, memory_order_relaxed);
    while ((request = posting.first)) {
        run_request(run, request, counters);
        posting.first = request->next;
        if (!posting.first)
            posting.last = &posting.first;
        request->done(request);
        in_place_run_list(&run->in_place, counters, &run->later);
    }
    posting = outer;
    if (!run->alone)
        atomic_fetch_sub_explicit(&run->posters, 1, memory_order_release);
    return 0;
}

/* The socket door. */

static void conn_add(struct model_run *run, int fd)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn || !polled_add(&run->polled, conn)) {
        free(conn);
        close(fd);
        return;
    }
    struct timeval timeout = clock_timeval(run->config.io_timeout_ns);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    http_conn_init(&conn->http, fd, run->config.max_body_bytes);
    conn->http.serial = run->counters[MINE].connections;
    counter_add_shared(&run->counters[MINE].connections, 1);
}

static void conn_hold(struct model_run *run, struct conn *conn, bool held)
{
    if (conn->held != held) /* relaxed: it looks for room by itself, this is only told */
        atomic_fetch_add_explicit(&run->door.held_back, held ? 1 : UINT32_MAX,
                                  memory_order_relaxed);
    conn->held = held;
}

static void conn_remove(struct model_run *run, size_t index)
{
    struct conn *conn = polled_remove(&run->polled, index);
    conn_hold(run, conn, false);
    http_conn_finish(&conn->http);
    free(conn);
    counter_add_shared(&run->counters[MINE].closed, 1);
}

/* At most one request of one connection. */
static void conn_serve(struct model_run *run, struct conn *conn, bool readable, bool stopping)
{
    struct counters *counters = &run->counters[MINE];
    struct http_conn *http = &conn->http;
    struct request *request = NULL; /* stays so unless it is work that was done */
    enum http_step step = HTTP_WORK;

    if (!conn->held) {
        if (readable && !conn->more) {
            ssize_t got = http_conn_read(http, MSG_DONTWAIT);
            conn->dead = got <= 0 && got != -EAGAIN;
        }
        if (conn->dead)
            return;
        bool had_begun = http->begun;
        step = http_conn_parse(http);
        if (http->begun && !had_begun)
            conn->deadline_ns = clock_in_ns(run->config.io_timeout_ns);
    }
    conn->more = step != HTTP_MORE;
    if (step == HTTP_MORE)
        return;
    if (step == HTTP_WORK) {
        bool entered = door_enter(&run->door);
        conn_hold(run, conn, !entered && run->config.on_full == MODEL_WAIT);
        if (conn->held)
            return;
        if (entered) {
            request = run->request;
            counter_add_shared(&counters->requests, 1);
            request->in = http->body;
            request->in_len = http->body_len;
            request->cell =
                cells_route(&run->in_place.cells, http->body, http->body_len, http->serial);
            conn->dead = !run_request(run, request, counters);
            if (conn->dead)
                return;
        }
    }
    const struct reply reply = {&inline_model, run, &run->config, counters, stopping, 0};
    int error = reply_send(&reply, http, step, request);
    conn->dead = error != 0 || !http->keep_alive;
}

/* Takes every connection that waits. */
static void accept_all(struct model_run *run)
{
    int fd;
    while ((fd = listener_accept(&run->listener)) >= 0 || fd == -EMFILE) {
        if (fd >= 0)
            conn_add(run, fd);
    }
    if (fd != -EAGAIN) /* the system is short of something: do not spin on it */
        clock_sleep_ns(1000000);
}

/* Drops a connection that is done, too slow or, at stop, idle. */
static bool finished(const struct conn *conn, uint64_t now, bool stopping)
{
    if (conn->dead)
        return true;
    if (conn->http.begun)
        return !conn->held && !conn->more && now >= conn->deadline_ns;
    return stopping && !conn->more;
}

static void *door_main(void *arg)
{
    struct model_run *run = arg;
    bool stopping = false;
    while (!stopping || run->polled.count > 0) {
        int timeout_ms = stopping ? 10 : -1;
        for (size_t i = 0; i < run->polled.count; i++) {
            const struct conn *conn = run->polled.items[i];
            run->polled.polls[POLLED_OWN + i] =
                (struct pollfd){.fd = conn->http.fd, .events = POLLIN};
            if (conn->held || conn->more) /* nothing to wait for but room, or nothing at all */
                run->polled.polls[POLLED_OWN + i].events = 0, timeout_ms = conn->held ? 1 : 0;
            else if (conn->http.begun && timeout_ms < 0)
                timeout_ms = 100; /* often enough to see io_timeout_ns pass */
        }
        run->polled.polls[0] = (struct pollfd){.fd = run->wake_fd, .events = stopping ? 0 : POLLIN};
        run->polled.polls[1] = (struct pollfd){.fd = run->listener.fd, .events = POLLIN};
        syscalls_count();
        if (poll(run->polled.polls, run->polled.count + POLLED_OWN, timeout_ms) < 0)
            continue;

        bool last_chance = !stopping && run->polled.polls[0].revents;
        size_t known = run->polled.count; /* those that have an entry in polls */
        if (run->polled.polls[1].revents || last_chance)
            accept_all(run);
        if (last_chance) {
            stopping = true;
            listener_close(&run->listener);
        }
        for (size_t i = 0; i < run->polled.count; i++) {
            struct conn *conn = run->polled.items[i];
            bool readable = last_chance || (i < known && run->polled.polls[POLLED_OWN + i].revents);
            if (readable || conn->held || conn->more)
                conn_serve(run, conn, readable, stopping);
            in_place_run_list(&run->in_place, &run->counters[MINE], &run->later);
        }
        uint64_t now = clock_now_ns();
        for (size_t i = run->polled.count; i-- > 0;) {
            struct conn *conn = run->polled.items[i];
            bool lost = given_up(run) && conn->http.begun && !conn->dead;
            atomic_fetch_add_explicit(&run->lost, lost, memory_order_relaxed);
            if (lost || finished(conn, now, stopping))
                conn_remove(run, i);
        }
        syscalls_tell(&run->counters[MINE].syscalls);
    }
    atomic_store_explicit(&run->ended, true, memory_order_release);
    return NULL;
}

static void run_free(struct model_run *run)
{
    while (run->polled.count > 0)
        conn_remove(run, run->polled.count - 1);
    listener_close(&run->listener);
    if (run->wake_fd >= 0)
        close(run->wake_fd);
    polled_finish(&run->polled);
    request_destroy(run->request, run->config.workload);
    in_place_close(&run->in_place);
    in_place_list_finish(&run->later);
    free(run->counters);
    free(run);
}

/* Everything but the socket door. */
static int open_all(struct model_run *run)
{
    const struct model_config *config = &run->config;
    run->counters = counters_create(COUNTERS);
    run->request = request_create(config->workload);
    if (!run->counters || !run->request || !polled_init(&run->polled))
        return -ENOMEM;
    return in_place_open(&run->in_place,
                         &(struct in_place_config){.model = config,
                                                   .locks = run->alone ? IN_PLACE_UNLOCKED : 1,
                                                   .counters = run->counters,
                                                   .own = run->alone ? COUNTERS : OTHERS,
                                                   .count = COUNTERS,
                                                   .abandoned = &run->abandoned,
                                                   .later = in_place_list_add,
                                                   .arg = &run->later});
}

static int inline_start(const struct model_config *config, struct model_run **out, uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    run->config = *config;
    run->alone = config->one_poster && !config->listen;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    run->wake_fd = run->listener.fd = run->listener.reserve = -1;
    in_place_list_init(&run->later);
    error = open_all(run);
    if (!error && config->listen) {
        error = listener_open(&run->listener, config->listen);
        if (!error && (run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            error = -errno;
        if (!error)
            error = cpus_thread_create(&run->thread, config->cpus, "inline", door_main, run);
    }
    if (error) {
        run_free(run);
        return error;
    }
    if (port)
        *port = run->listener.port;
    *out = run;
    return 0;
}

static void inline_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, COUNTERS, stats);
    door_tell(&run->door, stats);
    stats->pool_in_use = pool_in_use(run->in_place.pool);
    stats->threads = run->config.listen != NULL;
}

/* Requests of post() run on their callers' threads: those have to be out, too. */
static bool all_out(struct model_run *run)
{
    /* In this order: whoever leaves the door is counted as a poster. */
    return (!run->config.listen || atomic_load_explicit(&run->ended, memory_order_acquire)) &&
           door_inside(&run->door) == 0 &&
           atomic_load_explicit(&run->posters, memory_order_acquire) == 0;
}

static uint64_t inline_stop(struct model_run *run, struct model_stats *final)
{
    uint64_t give_up_ns = clock_in_ns(run->config.drain_ns);
    if (run->config.listen)
        eventfd_write(run->wake_fd, 1);
    while (!all_out(run)) {
        if (clock_now_ns() >= give_up_ns) { /* in this order: no call fails of it and is answered */
            atomic_store_explicit(&run->abandoned, true, memory_order_release);
            pool_give_up_at(run->in_place.pool, 0);
        }
        clock_sleep_ns(100000);
    }
    if (run->config.listen)
        pthread_join(run->thread, NULL);
    uint64_t lost = atomic_load_explicit(&run->lost, memory_order_relaxed);
    if (final)
        inline_stats(run, final);
    run_free(run);
    return lost;
}

const struct model inline_model = {
    .name = "inline",
    .summary = "floor: one thread, one request at a time, nothing overlaps",
    .waits = MODEL_WAITS_ALONE,
    .start = inline_start,
    .post = inline_post,
    .stats = inline_stats,
    .stop = inline_stop,
};
