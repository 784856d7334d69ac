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
static bool respond(struct loop_conn *conn, enum http_step step, struct request *request)
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

static struct loop_conn *conn_of(struct waiter *waiter)
{
    return (struct loop_conn *)(void *)((char *)waiter - offsetof(struct loop_conn, waiter));
}

void loop_conn_admit(struct waiter *waiter)
{
    struct loop_conns *conns = conn_of(waiter)->conns;
    waiter->next = atomic_load_explicit(&conns->admitted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&conns->admitted, &waiter->next, waiter,
                                                  memory_order_release, memory_order_relaxed))
        ;
    conns->nudge(conns);
}

/* All who have been admitted, the first one first. */
static struct waiter *take_admitted(struct loop_conns *conns)
{
    struct waiter *first = NULL, *next;
    if (!atomic_load_explicit(&conns->admitted, memory_order_relaxed))
        return NULL;
    struct waiter *waiter = atomic_exchange_explicit(&conns->admitted, NULL, memory_order_acquire);
    for (; waiter; waiter = next) {
        next = waiter->next;
        waiter->next = first;
        first = waiter;
    }
    return first;
}

static void hold(struct loop_conn *conn)
{
    struct loop_conns *conns = conn->conns;
    conn->held = true;
    timers_cancel(&conns->slow, &conn->slow_place);
    waiting_add(conns->waiting, &conn->waiter);
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
        if (step == HTTP_WORK && waiting_enter(conns->waiting)) {
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

/* Its first event: from here on the loop knows it. */
static void conn_link(struct loop_conn *conn)
{
    if (conn->linked)
        return;
    conn->linked = true;
    conn->next = conn->conns->open;
    if (conn->next)
        conn->next->prev = conn;
    conn->conns->open = conn;
}

static void conn_ready(struct event_source *source, uint32_t events)
{
    struct loop_conn *conn = (struct loop_conn *)(void *)source; /* its first member */
    conn_link(conn);
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
    for (struct waiter *next, *waiter = take_admitted(conns); waiter; waiter = next) {
        next = waiter->next;
        conn_of(waiter)->held = false;
        hand_over(conn_of(waiter));
    }
}

uint64_t loop_conns_due_ns(const struct loop_conns *conns)
{
    bool now = conns->again || atomic_load_explicit(&conns->admitted, memory_order_relaxed);
    return now ? 0 : timers_next_ns(&conns->slow);
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

/* Connections that were dealt to this loop when it gave up: each has its first event still to come.
 */
static void link_unseen(struct loop_conns *conns)
{
    struct epoll_event events[64];
    int count;
    while ((count = epoll_wait(conns->epoll_fd, events, 64, 0)) > 0)
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            if (source->ready == conn_ready)
                conn_link((struct loop_conn *)(void *)source);
        }
}

uint64_t loop_conns_finish(struct loop_conns *conns)
{
    uint64_t lost = 0;
    if (conns->closed) /* else it was not even begun */
        link_unseen(conns);
    for (struct waiter *waiter = take_admitted(conns); waiter; waiter = waiter->next)
        conn_of(waiter)->busy = true;
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
