/* SPDX-License-Identifier: MIT */
#include "poller.h"

#include "clock.h"
#include "cpus.h"
#include "syscalls.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    AWAY_MAX = 32,      /* requests of one connection turned away in a row */
    AWAY_READS = 32,    /* reads of one connection that is turned away */
    ACCEPTED_MOST = 64, /* in a row */
};
#define AGAIN (EPOLLIN | EPOLLOUT) /* an event at once, but after those of others */
#define MS UINT64_C(1000000)
#define ACCEPT_PAUSE (10 * MS) /* after accept() failed for want of memory or the like */

void poller_close(struct poller *poller, struct poller_conn *conn, struct counters *counters)
{
    lock_take(&poller->lock);
    if (conn->next)
        conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        poller->conns = conn->next;
    lock_give(&poller->lock);
    http_conn_finish(&conn->http);
    free(conn);
    counter_add(&counters->closed, 1);
}

bool poller_arm(struct poller *poller, struct poller_conn *conn, uint32_t events)
{
    uint32_t end = events & EPOLLIN ? EPOLLRDHUP : 0;
    struct epoll_event event = {.events = events | end | EPOLLONESHOT, .data.ptr = conn};
    lock_take(&poller->lock);
    bool arm = !poller->draining || events & EPOLLOUT || conn->http.begun;
    if (arm) {
        atomic_store_explicit(&conn->armed, true, memory_order_release);
        syscalls_count();
        if (epoll_ctl(poller->epoll, EPOLL_CTL_MOD, conn->http.fd, &event) < 0 && errno == ENOENT)
            epoll_ctl(poller->epoll, EPOLL_CTL_ADD, conn->http.fd, &event); /* begin_draining */
    }
    lock_give(&poller->lock);
    return arm;
}

static bool disarm(struct poller *poller, struct poller_conn *conn)
{
    timers_cancel(&poller->timers, &conn->timer);
    return atomic_exchange_explicit(&conn->armed, false, memory_order_acquire);
}

/* ---- The full door ---- */

static struct poller_conn *conn_of(struct waiter *waiter)
{
    return (struct poller_conn *)(void *)((char *)waiter - offsetof(struct poller_conn, waiter));
}

static void admit(struct waiter *waiter)
{
    struct poller_conn *conn = conn_of(waiter);
    conn->poller->config.submit(conn->poller->config.arg, conn, NULL);
}

/* Until a request is whole: that is refused, or waits for room. What takes none is answered. */
static void turn_away(struct poller *poller, struct poller_conn *conn)
{
    uint32_t events = EPOLLIN;
    int error = conn->http.out.len ? http_conn_flush(&conn->http, MSG_DONTWAIT) : 0;
    if (error == 0 && !conn->http.keep_alive) /* of the reply that has gone out now */
        error = -EPIPE;
    for (unsigned served = 0, reads = 0; error == 0;) {
        enum http_step step = http_conn_parse(&conn->http);
        if (step == HTTP_MORE) {
            ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
            error = got > 0 ? 0 : got == 0 ? -EPIPE : (int)got;
            if (error == 0 && ++reads == AWAY_READS) {
                events = AGAIN;
                error = -EAGAIN;
            }
            continue;
        }
        if (step == HTTP_WORK && waiting_enter(&poller->waiting)) { /* there is room by now */
            conn->whole = true;
            poller->config.submit(poller->config.arg, conn, poller->config.counters);
            return;
        }
        if (step == HTTP_WORK && poller->config.model->on_full == MODEL_WAIT) {
            conn->whole = true;
            waiting_add(&poller->waiting, &conn->waiter);
            return;
        }
        error = poller->config.turn_away(poller->config.arg, conn, step);
        if (error == 0 && !conn->http.keep_alive)
            error = -EPIPE;
        if (error == 0 && ++served == AWAY_MAX) {
            events = AGAIN;
            error = -EAGAIN;
        }
    }
    if (conn->http.out.len)
        events = EPOLLOUT;
    if (error != -EAGAIN || !poller_arm(poller, conn, events))
        poller_close(poller, conn, poller->config.counters);
    else if (conn->http.begun || conn->http.out.len)
        timers_add(&poller->timers, clock_in_ns(poller->config.model->io_timeout_ns), conn,
                   &conn->timer);
}

/* ---- The thread ---- */

/* The connection has become the poller's, and there is something to read. */
static void dispatch(struct poller *poller, struct poller_conn *conn)
{
    if (waiting_enter(&poller->waiting))
        poller->config.submit(poller->config.arg, conn, poller->config.counters);
    else
        turn_away(poller, conn);
}

/* The peer closes and has nothing left to ask: that takes no room. */
static bool has_ended(const struct poller_conn *conn)
{
    char byte;
    if (conn->http.in.len || conn->http.out.len)
        return false;
    syscalls_count();
    return recv(conn->http.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void open_conn(struct poller *poller, int fd)
{
    struct poller_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        close(fd);
        return;
    }
    struct timeval timeout = clock_timeval(poller->config.model->io_timeout_ns);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    conn->poller = poller;
    http_conn_init(&conn->http, fd, poller->config.model->max_body_bytes);
    conn->http.serial = poller->serial++;
    counter_add(&poller->config.counters->connections, 1);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = conn};
    atomic_init(&conn->armed, true);
    lock_take(&poller->lock);
    conn->next = poller->conns;
    if (conn->next)
        conn->next->prev = conn;
    poller->conns = conn;
    lock_give(&poller->lock);
    syscalls_count();
    if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        poller_close(poller, conn, poller->config.counters);
}

static void watch_listener(struct poller *poller, int op, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &poller->listener};
    epoll_ctl(poller->epoll, op, poller->listener.fd, &event);
}

/* So many at most: others want to be served, too, and the listener tells again of those left. */
static void accept_some(struct poller *poller, unsigned most)
{
    int fd = 0;
    for (unsigned i = 0; i < most; i++) {
        fd = listener_accept(&poller->listener);
        if (fd < 0 && fd != -EMFILE)
            break;
        if (fd >= 0)
            open_conn(poller, fd);
    }
    if (fd >= 0 || fd == -EMFILE)
        return;
    if (fd != -EAGAIN) { /* look away for a moment, or it would wake us for ever */
        watch_listener(poller, EPOLL_CTL_MOD, 0);
        timers_add(&poller->timers, clock_now_ns() + ACCEPT_PAUSE, &poller->listener, NULL);
    }
}

static void run_timers(struct poller *poller)
{
    void *item;
    while (timers_next_ns(&poller->timers) != TIMERS_NEVER &&
           (item = timers_pop(&poller->timers, clock_now_ns()))) {
        if (item == &poller->listener)
            watch_listener(poller, EPOLL_CTL_MOD, EPOLLIN);
        else if (disarm(poller, item)) /* stuck in the middle of a request */
            poller_close(poller, item, poller->config.counters);
    }
}

/* Takes what waits to be accepted, then every connection that is armed: those with nothing to read
 * are closed, the others served. */
static void begin_draining(struct poller *poller)
{
    accept_some(poller, UINT_MAX);
    listener_close(&poller->listener);
    struct poller_conn *taken = NULL;
    lock_take(&poller->lock);
    poller->draining = true;
    for (struct poller_conn *conn = poller->conns; conn; conn = conn->next) {
        if (!disarm(poller, conn))
            continue;
        /* No event has used up its one shot: one that came later would find it gone, freed by the
         * worker that serves it. */
        epoll_ctl(poller->epoll, EPOLL_CTL_DEL, conn->http.fd, NULL);
        conn->taken = taken;
        taken = conn;
    }
    lock_give(&poller->lock);
    while (taken) {
        struct poller_conn *conn = taken;
        taken = conn->taken;
        ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
        bool rest = conn->http.in.len || conn->http.out.len;
        if (got > 0 || (rest && (got == -EAGAIN || got == 0)))
            dispatch(poller, conn);
        else
            poller_close(poller, conn, poller->config.counters);
    }
}

/* Time is up: counts what is lost, and cuts every connection so that no worker stays blocked. */
static void abandon(struct poller *poller)
{
    atomic_store_explicit(&poller->abandoned, true, memory_order_release);
    poller->lost = door_inside(poller->config.door);
    /* They stay in the list of all, and are freed with it. */
    for (struct waiter *waiter = waiting_take_all(&poller->waiting); waiter; waiter = waiter->next)
        poller->lost += conn_of(waiter)->http.begun;
    lock_take(&poller->lock);
    for (struct poller_conn *conn = poller->conns; conn; conn = conn->next) {
        poller->lost += poller_flag(&conn->armed) && conn->http.begun;
        shutdown(conn->http.fd, SHUT_RDWR);
    }
    lock_give(&poller->lock);
}

/* Nobody is inside, nor is anything under way that somebody inside began. */
static bool is_out(const struct poller *poller)
{
    /* Acquire: pairs with door_leave, so that whoever stops sees what the requests did. */
    return door_inside(poller->config.door) == 0 && errands_idle(poller->config.errands);
}

static bool drained(struct poller *poller)
{
    lock_take(&poller->lock);
    bool none = !poller->conns;
    lock_give(&poller->lock);
    return none && is_out(poller);
}

static void *poller_main(void *arg)
{
    struct poller *poller = arg;
    struct epoll_event events[EVENTS_MAX];
    while (!poller->draining || !drained(poller)) {
        uint64_t due = timers_next_ns(&poller->timers);
        if (poller->draining) {
            uint64_t now = clock_now_ns();
            if (now >= poller->give_up_ns) {
                abandon(poller);
                break;
            }
            due = now + MS; /* how often to see whether all is answered */
        }
        syscalls_count();
        syscalls_tell(&poller->config.counters->syscalls);
        int count = clock_epoll_wait(poller->epoll, events, EVENTS_MAX, due);
        bool wake = false;
        for (int i = 0; i < count; i++) {
            void *source = events[i].data.ptr;
            if (source == &poller->wake)
                wake = true;
            else if (source == &poller->listener)
                accept_some(poller, ACCEPTED_MOST);
            else if (disarm(poller, source)) {
                if (events[i].events & ~(uint32_t)(EPOLLIN | EPOLLOUT) && has_ended(source))
                    poller_close(poller, source, poller->config.counters);
                else
                    dispatch(poller, source);
            }
        }
        run_timers(poller);
        if (count > 0) {
            /* To the workers, where they share this CPU: else each event would take it from them
             * again, and wake this thread once more. What comes meanwhile comes in one go. */
            syscalls_count();
            sched_yield();
        }
        if (wake && poller_flag(&poller->stopping) && !poller->draining)
            begin_draining(poller);
    }
    syscalls_tell(&poller->config.counters->syscalls);
    return NULL;
}

void poller_init(struct poller *poller, const struct poller_config *config)
{
    *poller = (struct poller){.config = *config, .epoll = -1, .wake = -1};
    poller->listener.fd = poller->listener.reserve = -1;
    waiting_init(&poller->waiting, config->door, admit);
}

int poller_start(struct poller *poller)
{
    const struct model_config *model = poller->config.model;
    int error = listener_open(&poller->listener, model->listen);
    if (error)
        return error;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &poller->wake};
    if (poller->epoll < 0 || poller->wake < 0 ||
        epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->wake, &event) < 0)
        return -errno;
    watch_listener(poller, EPOLL_CTL_ADD, EPOLLIN);
    error = cpus_thread_create(&poller->thread, model->cpus, "poller", poller_main, poller);
    poller->running = !error;
    return error;
}

uint64_t poller_stop(struct poller *poller)
{
    struct door *door = poller->config.door;
    poller->give_up_ns = clock_in_ns(poller->config.model->drain_ns);
    atomic_store_explicit(&poller->stopping, true, memory_order_release);
    if (poller->running) {
        uint64_t one = 1;
        (void)!write(poller->wake, &one, sizeof one);
        pthread_join(poller->thread, NULL);
        return poller->lost;
    }
    while (!is_out(poller)) {
        if (clock_now_ns() >= poller->give_up_ns) {
            atomic_store_explicit(&poller->abandoned, true, memory_order_release);
            return door_inside(door);
        }
        clock_sleep_ns(MS / 10);
    }
    return 0;
}

void poller_finish(struct poller *poller)
{
    while (poller->conns)
        poller_close(poller, poller->conns, poller->config.counters);
    listener_close(&poller->listener);
    if (poller->epoll >= 0)
        close(poller->epoll);
    if (poller->wake >= 0)
        close(poller->wake);
    timers_finish(&poller->timers);
    waiting_finish(&poller->waiting);
}
