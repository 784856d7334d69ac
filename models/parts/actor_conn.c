/* SPDX-License-Identifier: MIT */
#include "actor_conn.h"

#include "clock.h"
#include "reply.h"
#include "sleepers.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN = 1, OUT = 2, HUP = 4, ADMITTED = 8, TIMER = 16, LOOK = 32, AGAIN = 64, CLOSED = 128 };
#define ACCEPT_MOST 16                  /* connections in a row */
#define ACCEPT_PAUSE UINT64_C(10000000) /* ns, after accept() failed for want of memory */

static void notify(struct actor_conn *conn, unsigned what)
{
    if (atomic_fetch_or_explicit(&conn->ready, what, memory_order_acq_rel) == 0)
        actor_send(conn->conns->scheduler, &conn->actor, &conn->ready_mail);
}

static void release(struct actor_conn *conn)
{
    /* Acquire and release: whoever frees it comes after whatever was done to it. */
    if (atomic_fetch_sub_explicit(&conn->holders, 1, memory_order_acq_rel) != 1)
        return;
    struct actor_home *home = &conn->conns->homes[conn->home];
    pthread_mutex_lock(&home->lock);
    if (conn->next)
        conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        home->all = conn->next;
    conn->next = atomic_load_explicit(&home->retired, memory_order_relaxed);
    atomic_store_explicit(&home->retired, conn, memory_order_relaxed);
    pthread_mutex_unlock(&home->lock);
}

/* Always false: the connection is gone. */
static bool conn_close(struct sched_worker *worker, struct actor_conn *conn)
{
    http_conn_finish(&conn->http);
    conn->closed = true;
    /* A timer of ours is stopped, one of another worker runs out. It was not the last holder. */
    if (conn->timer && conn->timer_at == worker->index && conn->timer_place) {
        timers_cancel(&worker->timers, &conn->timer_place);
        atomic_fetch_sub_explicit(&conn->holders, 1, memory_order_relaxed);
    }
    counter_add(&worker->counters->closed, 1);
    atomic_fetch_sub_explicit(&conn->conns->open, 1, memory_order_release);
    /* If ready_mail is under way it has to arrive first. */
    if (atomic_exchange_explicit(&conn->ready, CLOSED, memory_order_acq_rel) == 0)
        release(conn);
    return false;
}

static uint64_t patience_ends(const struct actor_conn *conn)
{
    return clock_after_ns(conn->since, conn->conns->config->io_timeout_ns);
}

/* The peer keeps us waiting, since when? */
static void watch_clock(struct sched_worker *worker, struct actor_conn *conn)
{
    if (!conn->since)
        conn->since = clock_now_ns();
    if (conn->timer)
        return;
    conn->timer = true;
    conn->timer_at = worker->index;
    atomic_fetch_add_explicit(&conn->holders, 1, memory_order_relaxed);
    timers_add(&worker->timers, patience_ends(conn), (void *)((uintptr_t)conn | 1),
               &conn->timer_place);
}

void actor_conn_timer(void *item)
{
    struct actor_conn *conn = (struct actor_conn *)((uintptr_t)item & ~(uintptr_t)1);
    notify(conn, TIMER);
    release(conn);
}

static inline int respond(struct sched_worker *worker, struct actor_conn *conn, enum http_step step,
                          struct request *request)
{
    struct actor_conns *conns = conn->conns;
    struct reply reply = {conns->model,
                          conns->run,
                          conns->config,
                          worker->counters,
                          atomic_load_explicit(&conns->stopping, memory_order_acquire),
                          MSG_DONTWAIT};
    conn->since = 0;
    int error = reply_send(&reply, &conn->http, step, request);
    return error ? error : conn->http.keep_alive ? 0 : -EPIPE;
}

/* False: gone. */
static bool begin(struct sched_worker *worker, struct actor_conn *conn)
{
    conn->busy = true;
    conn->since = 0;
    counter_add(&worker->counters->requests, 1);
    return conn->conns->begin(worker, conn);
}

/* All that was read is parsed. False: gone; *more: it was worth it. */
static bool read_on(struct sched_worker *worker, struct actor_conn *conn, bool *more)
{
    *more = false;
    /* Before the read: if stop() comes after this, it sends a LOOK, and there is another read. */
    bool stopping = atomic_load_explicit(&conn->conns->stopping, memory_order_acquire);
    if (conn->readable) {
        ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
        if (got > 0) {
            /* It did not fill the buffer: the next bytes come with an edge of their own; only the
             * peer's end may have come already. */
            conn->readable = !conn->http.drained || conn->hung_up;
            *more = true;
            return true;
        }
        if (got != -EAGAIN)
            return conn_close(worker, conn);
        conn->readable = false;
    }
    if (conn->http.begun)
        watch_clock(worker, conn);
    else if (stopping)
        return conn_close(worker, conn);
    return true;
}

/* Takes the connection as far as it can go now. False: it is gone. */
static bool advance(struct sched_worker *worker, struct actor_conn *conn)
{
    struct actor_conns *conns = conn->conns;
    for (unsigned i = 0, most = conns->steps; !conn->busy && !conn->held; i++) {
        if (conn->http.out.len) {
            watch_clock(worker, conn);
            return true;
        }
        /* More that was read already costs turns like mails: others come in between. */
        bool here = !http_conn_is_empty(&conn->http);
        if ((i >= most && (here || conn->readable)) ||
            (i > 1 && here && !sched_may_go_on(worker))) {
            sched_end_batch(worker);
            notify(conn, AGAIN);
            return true;
        }
        int error = 0;
        bool more = true;
        enum http_step step = here ? http_conn_parse(&conn->http) : HTTP_MORE;
        if (step == HTTP_MORE) {
            if (!read_on(worker, conn, &more))
                return false;
            most += i == 0; /* so that it comes to its requests */
            if (!more)
                return true;
        } else if (step != HTTP_WORK) {
            error = respond(worker, conn, step, NULL);
        } else if (waiting_enter(&conns->waiting)) {
            if (!begin(worker, conn))
                return false;
        } else if (conns->config->on_full == MODEL_WAIT) {
            conn->held = true;
            conn->since = 0;
            waiting_add(&conns->waiting, &conn->waiter);
        } else {
            error = respond(worker, conn, step, NULL);
        }
        if (error && error != -EAGAIN)
            return conn_close(worker, conn);
    }
    return true;
}

bool actor_conn_reply(struct sched_worker *worker, struct actor_conn *conn, struct request *request)
{
    conn->busy = false;
    int error = respond(worker, conn, HTTP_WORK, request);
    return error && error != -EAGAIN ? conn_close(worker, conn) : true;
}

static bool receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    struct actor_conn *conn = (struct actor_conn *)actor;
    if (mail != &conn->ready_mail)
        return conn->conns->other(worker, conn, mail) && advance(worker, conn);
    if (conn->closed) {
        release(conn);
        return false;
    }
    unsigned what = atomic_exchange_explicit(&conn->ready, 0, memory_order_acq_rel);
    conn->hung_up |= (what & HUP) != 0;
    conn->readable |= (what & (IN | HUP | LOOK)) != 0;
    if (what & ADMITTED) {
        conn->held = false;
        if (!begin(worker, conn))
            return false;
    }
    if (what & TIMER) {
        conn->timer = false;
        bool stuck = conn->since && !conn->busy && !conn->held;
        if (stuck && clock_now_ns() >= patience_ends(conn))
            return conn_close(worker, conn);
        if (stuck)
            watch_clock(worker, conn);
    }
    if (conn->http.out.len && what & (OUT | HUP)) {
        int error = http_conn_flush(&conn->http, MSG_DONTWAIT);
        conn->since = 0;
        if ((error && error != -EAGAIN) || (!error && !conn->http.keep_alive))
            return conn_close(worker, conn);
    }
    return advance(worker, conn);
}

static void admit(struct waiter *waiter)
{
    notify((struct actor_conn *)((char *)waiter - offsetof(struct actor_conn, waiter)), ADMITTED);
}

static void conn_ready(struct event_source *source, uint32_t events)
{
    unsigned what = (events & EPOLLIN ? IN : 0) | (events & EPOLLOUT ? OUT : 0) |
                    (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? HUP : 0);
    notify((struct actor_conn *)((char *)source - offsetof(struct actor_conn, source)), what);
}

/* ---- Accepting ---- */

static void conn_open(struct sched_worker *worker, struct actor_conns *conns, int fd)
{
    struct actor_conn *conn = aligned_alloc(_Alignof(struct actor_conn), sizeof *conn);
    if (!conn) {
        close(fd);
        return;
    }
    memset(conn, 0, sizeof *conn);
    actor_init(&conn->actor, receive);
    conn->source.ready = conn_ready;
    conn->conns = conns;
    conn->readable = true;
    atomic_init(&conn->holders, 1);
    http_conn_init(&conn->http, fd, conns->config->max_body_bytes);
    conn->http.serial = conns->serial++;
    conn->home = (unsigned)(conn->http.serial % conns->config->threads);
    counter_add(&worker->counters->connections, 1);
    atomic_fetch_add_explicit(&conns->open, 1, memory_order_relaxed);
    struct actor_home *home = &conns->homes[conn->home];
    pthread_mutex_lock(&home->lock);
    if ((conn->next = home->all))
        conn->next->prev = conn;
    home->all = conn;
    pthread_mutex_unlock(&home->lock);
    if (sched_watch(&conns->scheduler->workers[conn->home], EPOLL_CTL_ADD, fd,
                    EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &conn->source) == 0)
        return;
    /* No event will tell it anything. It closes in a turn of its own, as always: stop() may have
     * sent it a mail already. */
    shutdown(fd, SHUT_RDWR);
    notify(conn, HUP);
}

static void watch_listener(struct sched_worker *worker, struct actor_conns *conns, int op)
{
    sched_watch(worker, op, conns->listener.fd, EPOLLIN | EPOLLEXCLUSIVE, &conns->listen_source);
}

static void accept_some(struct sched_worker *worker, struct actor_conns *conns, unsigned most)
{
    pthread_mutex_lock(&conns->accept_lock);
    int fd = -EAGAIN;
    while (conns->listener.fd >= 0 && most-- > 0 &&
           ((fd = listener_accept(&conns->listener)) >= 0 || fd == -EMFILE))
        if (fd >= 0)
            conn_open(worker, conns, fd);
    if (fd < 0 && fd != -EAGAIN && fd != -EMFILE) { /* look away, or it would wake us for ever */
        watch_listener(worker, conns, EPOLL_CTL_DEL);
        timers_add(&worker->timers, clock_now_ns() + ACCEPT_PAUSE, conns, NULL);
    }
    pthread_mutex_unlock(&conns->accept_lock);
}

void actor_conns_accept_again(struct sched_worker *worker, struct actor_conns *conns)
{
    pthread_mutex_lock(&conns->accept_lock);
    if (conns->listener.fd >= 0)
        watch_listener(worker, conns, EPOLL_CTL_ADD);
    pthread_mutex_unlock(&conns->accept_lock);
}

static void listener_ready(struct event_source *source, uint32_t events)
{
    (void)events;
    struct actor_conns *conns =
        (struct actor_conns *)((char *)source - offsetof(struct actor_conns, listen_source));
    accept_some(sched_self(conns->scheduler), conns, ACCEPT_MOST);
}

static void free_retired(struct actor_home *home)
{
    if (!atomic_load_explicit(&home->retired, memory_order_relaxed))
        return;
    pthread_mutex_lock(&home->lock);
    struct actor_conn *retired = atomic_load_explicit(&home->retired, memory_order_relaxed);
    atomic_store_explicit(&home->retired, NULL, memory_order_relaxed);
    pthread_mutex_unlock(&home->lock);
    while (retired) {
        struct actor_conn *conn = retired;
        retired = conn->next;
        free(conn);
    }
}

void actor_conns_round(struct actor_conns *conns, unsigned index)
{
    if (atomic_load_explicit(&conns->stopping, memory_order_acquire) && conns->config->listen) {
        accept_some(&conns->scheduler->workers[index], conns, UINT32_MAX);
        pthread_mutex_lock(&conns->accept_lock);
        listener_close(&conns->listener);
        pthread_mutex_unlock(&conns->accept_lock);
    }
    free_retired(&conns->homes[index]);
}

void actor_conns_drain(struct actor_conns *conns)
{
    atomic_store_explicit(&conns->stopping, true, memory_order_release);
    for (unsigned i = 0; i < conns->config->threads; i++) {
        pthread_mutex_lock(&conns->homes[i].lock);
        for (struct actor_conn *conn = conns->homes[i].all; conn; conn = conn->next)
            notify(conn, LOOK);
        pthread_mutex_unlock(&conns->homes[i].lock);
    }
    sched_wake_all(conns->scheduler);
}

bool actor_conns_deaf(struct actor_conns *conns)
{
    pthread_mutex_lock(&conns->accept_lock);
    bool deaf = conns->listener.fd < 0;
    pthread_mutex_unlock(&conns->accept_lock);
    return deaf;
}

int actor_conns_init(struct actor_conns *conns)
{
    unsigned threads = conns->config->threads;
    conns->homes = aligned_alloc(_Alignof(struct actor_home), threads * sizeof *conns->homes);
    if (!conns->homes)
        return -ENOMEM;
    memset(conns->homes, 0, threads * sizeof *conns->homes);
    for (unsigned i = 0; i < threads; i++)
        pthread_mutex_init(&conns->homes[i].lock, NULL);
    pthread_mutex_init(&conns->accept_lock, NULL);
    waiting_init(&conns->waiting, conns->door, admit);
    conns->listener.fd = conns->listener.reserve = -1;
    conns->listen_source.ready = listener_ready;
    return 0;
}

int actor_conns_listen(struct actor_conns *conns)
{
    int error = listener_open(&conns->listener, conns->config->listen);
    for (unsigned i = 0; !error && i < conns->config->threads; i++)
        watch_listener(&conns->scheduler->workers[i], conns, EPOLL_CTL_ADD);
    return error;
}

uint64_t actor_conns_finish(struct actor_conns *conns)
{
    uint64_t lost = 0;
    if (!conns->homes)
        return 0;
    for (unsigned i = 0; i < conns->config->threads; i++) {
        struct actor_home *home = &conns->homes[i];
        for (struct actor_conn *conn; (conn = home->all);) {
            home->all = conn->next;
            /* One that is inside is counted by the door. */
            bool inside =
                conn->busy || atomic_load_explicit(&conn->ready, memory_order_relaxed) & ADMITTED;
            lost += !conn->closed && !inside && (conn->http.begun || conn->http.out.len);
            if (!conn->closed) {
                http_conn_finish(&conn->http);
                counter_add_shared(&conns->scheduler->outside->closed, 1);
            }
            free(conn);
        }
        free_retired(home);
        pthread_mutex_destroy(&home->lock);
    }
    listener_close(&conns->listener);
    waiting_finish(&conns->waiting);
    pthread_mutex_destroy(&conns->accept_lock);
    free(conns->homes);
    return lost;
}
