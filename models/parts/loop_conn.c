/* SPDX-License-Identifier: MIT */
#include "loop_conn.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS 32 /* of a connection in a row */

static void advance(struct loop_conn *conn);

static void watch_clock(struct loop_conn *conn)
{
    if (!conn->slow_place)
        timers_add(&conn->conns->slow, clock_in_ns(conn->conns->reply.config->io_timeout_ns), conn,
                   &conn->slow_place);
}

static void conn_close(struct loop_conn *conn)
{
    struct loop_conns *conns = conn->conns;
    if (conn->in_again) {
        struct loop_conn **at = &conns->again;
        while (*at != conn)
            at = &(*at)->next_again;
        *at = conn->next_again;
    }
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        conns->open = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    timers_cancel(&conns->slow, &conn->slow_place);
    http_conn_finish(&conn->http);
    free(conn);
    counter_add(&conns->reply.counters->closed, 1);
    conns->closed(conns);
}

/* False: the connection is gone, or waits for its peer to read. */
static bool respond(struct loop_conn *conn, enum http_step step, const struct request *request)
{
    struct loop_conns *conns = conn->conns;
    int error = reply_send(&conns->reply, &conn->http, step, request);
    timers_cancel(&conns->slow, &conn->slow_place);
    if (error == -EAGAIN) {
        conn->writing = true;
        watch_clock(conn);
        return false;
    }
    if (error || !conn->http.keep_alive) {
        conn_close(conn);
        return false;
    }
    return true;
}

static struct request *spare_request(struct loop_conns *conns)
{
    struct request *request = conns->spare;
    if (request) {
        conns->spare = request->next;
        return request;
    }
    if (conns->all_len == conns->all_cap) {
        size_t cap = conns->all_cap ? conns->all_cap * 2 : 64;
        struct request **all = realloc(conns->all, cap * sizeof(struct request *));
        if (!all)
            return NULL;
        conns->all = all;
        conns->all_cap = cap;
    }
    request = request_create(conns->reply.config->workload);
    if (request)
        conns->all[conns->all_len++] = request;
    return request;
}

/* The door is open: hands the connection's request to the loop. */
static void hand_over(struct loop_conn *conn)
{
    struct loop_conns *conns = conn->conns;
    struct request *request = spare_request(conns);
    if (!request)
        abort(); /* out of memory, as in bytes_reserve() */
    request->in = conn->http.body;
    request->in_len = conn->http.body_len;
    request->owner = conn;
    request->cell = cells_route(conns->cells, request->in, request->in_len, conn->http.serial);
    conn->busy = true;
    timers_cancel(&conns->slow, &conn->slow_place);
    counter_add(&conns->reply.counters->requests, 1);
    conns->begin(conns, request);
}

/* Those that wait longest come first. */
static void admit(struct loop_conns *conns)
{
    while (conns->held_first && door_enter(conns->door)) {
        struct loop_conn *conn = conns->held_first;
        if (!(conns->held_first = conn->next_held))
            conns->held_last = &conns->held_first;
        atomic_fetch_sub_explicit(&conns->held_count, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&conns->door->held_back, 1, memory_order_relaxed);
        conn->held = false;
        hand_over(conn);
    }
}

static void hold(struct loop_conn *conn)
{
    struct loop_conns *conns = conn->conns;
    conn->held = true;
    conn->next_held = NULL;
    *conns->held_last = conn;
    conns->held_last = &conn->next_held;
    timers_cancel(&conns->slow, &conn->slow_place);
    /* The loop's own count first: whoever makes room and sees somebody held back nudges those loops
     * that say that it is one of theirs; or the room is seen here. */
    atomic_fetch_add_explicit(&conns->held_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&conns->door->held_back, 1, memory_order_seq_cst);
    admit(conns);
}

/* All that was read is parsed. False: nothing more to do before the next event. */
static bool read_on(struct loop_conn *conn)
{
    if (conn->readable) {
        ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
        if (got > 0) {
            /* It did not fill the buffer: the next bytes come with an event of their own. The
             * peer's end may have come already, without one. */
            conn->readable = !conn->http.drained || conn->hung_up;
            return true;
        }
        if (got != -EAGAIN) {
            conn_close(conn);
            return false;
        }
        conn->readable = false;
    }
    if (conn->http.begun)
        watch_clock(conn);
    else if (conn->conns->reply.stopping)
        conn_close(conn);
    return false;
}

/* Its share of this round: so many requests, if there are more at all. */
static bool may_go_on(struct loop_conn *conn)
{
    if (conn->round != conn->conns->round) {
        conn->round = conn->conns->round;
        conn->taken = 0;
    }
    return conn->taken < conn->conns->reply.config->batch ||
           (!conn->readable && http_conn_is_empty(&conn->http));
}

/* Takes the connection as far as it can go now. It may be gone afterwards. */
static void advance(struct loop_conn *conn)
{
    struct loop_conns *conns = conn->conns;
    if (conn->busy || conn->held || conn->writing)
        return;
    for (int reads = 0; reads < READS && may_go_on(conn);) {
        enum http_step step =
            http_conn_is_empty(&conn->http) ? HTTP_MORE : http_conn_parse(&conn->http);
        if (step == HTTP_MORE) {
            if (!read_on(conn))
                return;
            reads++;
            continue;
        }
        conn->taken++;
        if (step == HTTP_WORK && !conns->held_first && door_enter(conns->door)) {
            hand_over(conn);
            return;
        }
        if (step == HTTP_WORK && conns->reply.config->on_full == MODEL_WAIT) {
            hold(conn);
            return;
        }
        if (!respond(conn, step, NULL)) /* not for the workload, or the door is full */
            return;
    }
    if (!conn->in_again) {
        conn->in_again = true;
        conn->next_again = conns->again;
        conns->again = conn;
    }
}

static void conn_ready(struct event_source *source, uint32_t events)
{
    struct loop_conn *conn = (struct loop_conn *)(void *)source; /* its first member */
    if (!conn->linked) {
        conn->linked = true;
        conn->next = conn->conns->open;
        if (conn->next)
            conn->next->prev = conn;
        conn->conns->open = conn;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->hung_up = true;
    if (events & ~(uint32_t)EPOLLOUT)
        conn->readable = true;
    if (conn->writing && events & ~(uint32_t)EPOLLIN) {
        int error = http_conn_flush(&conn->http, MSG_DONTWAIT);
        timers_cancel(&conn->conns->slow, &conn->slow_place);
        if (error == -EAGAIN) {
            watch_clock(conn);
            return;
        }
        conn->writing = false;
        if (error || !conn->http.keep_alive) {
            conn_close(conn);
            return;
        }
    }
    advance(conn);
}

void loop_conns_init(struct loop_conns *conns)
{
    conns->held_last = &conns->held_first;
}

int loop_conn_create(struct loop_conns *conns, int fd, uint64_t serial)
{
    struct loop_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        close(fd);
        return -ENOMEM;
    }
    conn->source.ready = conn_ready;
    conn->conns = conns;
    http_conn_init(&conn->http, fd, conns->reply.config->max_body_bytes);
    conn->http.serial = serial;
    conn->readable = true;
    atomic_fetch_add_explicit(&conns->dealt, 1, memory_order_release);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &conn->source};
    syscalls_count();
    if (epoll_ctl(conns->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int error = -errno;
        http_conn_finish(&conn->http);
        free(conn);
        return error;
    }
    return 0;
}

void loop_conn_reply(struct loop_conn *conn, struct request *request)
{
    struct loop_conns *conns = conn->conns;
    conn->busy = false;
    bool open = respond(conn, HTTP_WORK, request);
    request->next = conns->spare;
    conns->spare = request;
    if (open)
        advance(conn);
}

void loop_conns_run(struct loop_conns *conns, uint64_t now)
{
    struct loop_conn *conn;
    conns->round++;
    while ((conn = timers_pop(&conns->slow, now)))
        conn_close(conn);
    conn = conns->again;
    conns->again = NULL;
    while (conn) {
        struct loop_conn *next = conn->next_again;
        conn->in_again = false;
        advance(conn);
        conn = next;
    }
    admit(conns);
}

uint64_t loop_conns_due_ns(const struct loop_conns *conns)
{
    return conns->again ? 0 : timers_next_ns(&conns->slow);
}

void loop_conns_drain(struct loop_conns *conns)
{
    conns->reply.stopping = true;
    for (struct loop_conn *conn = conns->open, *next; conn; conn = next) {
        next = conn->next;
        conn->readable = true; /* one last look at what may have come */
        advance(conn);
    }
}

uint64_t loop_conns_finish(struct loop_conns *conns)
{
    uint64_t lost = 0;
    while (conns->open) {
        struct loop_conn *conn = conns->open;
        /* A busy one is counted by the door. */
        lost += !conn->busy && (conn->http.begun || conn->writing);
        conn_close(conn);
    }
    while (conns->all_len > 0)
        request_destroy(conns->all[--conns->all_len], conns->reply.config->workload);
    free(conns->all);
    timers_finish(&conns->slow);
    return lost;
}
