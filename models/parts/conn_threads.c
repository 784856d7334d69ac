/* SPDX-License-Identifier: MIT */
#include "conn_threads.h"

#include "clock.h"
#include "cpus.h"
#include "syscalls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PAUSE_MS 10 /* after accept() failed for want of memory or the like */
#define LATE_MOST_MS 1000  /* latecomers wait for others' room, who may be slow */

/* conn_thread.doing */
enum {
    BUSY,
    IDLE, /* blocks in recv(), and has nothing of a request */
    CUT,  /* … and its reading side was shut down, to end that */
    HALF, /* waits for the rest of a request */
    HELD, /* waits for room at the door */
};

static bool flag(const atomic_bool *flag)
{
    return atomic_load_explicit(flag, memory_order_acquire);
}

/* ---- A connection ---- */

static struct conn_thread *conn_of(struct waiter *waiter)
{
    return (struct conn_thread *)(void *)((char *)waiter - offsetof(struct conn_thread, waiter));
}

static void admit(struct waiter *waiter)
{
    struct conn_thread *conn = conn_of(waiter);
    conn->admitted = true;
    counter_add_shared(&conn->counters->wakeups, 1);
    syscalls_count();
    sem_post(&conn->released); /* then it may be gone */
}

/* Until there is room at the door; false: stop() gave up. */
static bool wait_for_room(struct conn_thread *conn)
{
    atomic_store(&conn->doing, HELD);
    waiting_add(&conn->threads->waiting, &conn->waiter);
    syscalls_count();
    while (sem_wait(&conn->released) && errno == EINTR)
        ;
    atomic_store(&conn->doing, BUSY);
    bool admitted = conn->admitted;
    conn->admitted = false;
    return admitted;
}

/* The first bytes of a request. While stopping, only those that are there already. */
static bool read_first(struct conn_thread *conn)
{
    atomic_store(&conn->doing, IDLE);
    int flags = atomic_load(&conn->threads->stopping) ? MSG_DONTWAIT : 0;
    ssize_t got = http_conn_read(&conn->http, flags);
    conn->cut |= atomic_exchange(&conn->doing, BUSY) == CUT;
    return got > 0;
}

static bool peer_has_closed(const struct conn_thread *conn)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(conn->http.fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
           info.tcpi_state != TCP_ESTABLISHED;
}

/* More of a request; the peer has until until_ns. A reading side that was cut just as the first
 * half came still takes the second half in, but does not wait for it. */
static bool read_more(struct conn_thread *conn, uint64_t until_ns)
{
    ssize_t got;
    atomic_store(&conn->doing, HALF);
    while ((got = http_conn_read(&conn->http, MSG_DONTWAIT)) <= 0) {
        uint64_t now = clock_now_ns();
        if ((got < 0 && got != -EAGAIN) || now >= until_ns || flag(&conn->threads->abandoned))
            break;
        if (got == 0 && (!conn->cut || peer_has_closed(conn)))
            break;
        if (got == 0) {
            clock_sleep_ns(1000000);
            continue;
        }
        struct pollfd wait = {.fd = conn->http.fd, .events = POLLIN};
        struct timespec left = clock_timespec(until_ns - now);
        syscalls_count();
        ppoll(&wait, 1, &left, NULL);
    }
    atomic_store(&conn->doing, BUSY);
    return got > 0;
}

/* What was parsed. False: the connection ends. */
static bool serve(struct conn_thread *conn, enum http_step step)
{
    struct conn_threads_config *config = &conn->threads->config;
    bool inside = step == HTTP_WORK && waiting_enter(&conn->threads->waiting);
    if (step == HTTP_WORK && !inside && config->model->on_full == MODEL_WAIT) {
        inside = wait_for_room(conn);
        if (!inside)
            return false;
    }
    return config->answer(config->arg, conn, step, inside);
}

static void count_syscalls(struct conn_thread *conn)
{
    counter_add_shared(&conn->counters->syscalls, syscalls_made - conn->told);
    conn->told = syscalls_made;
}

static void conn_free(struct conn_thread *conn)
{
    request_destroy(conn->request, conn->threads->config.model->workload);
    http_conn_finish(&conn->http);
    sem_destroy(&conn->released);
    free(conn);
}

/* The last thing that a thread does: nothing shared may be touched after it. */
static void leave(struct conn_threads *threads, bool is_conn)
{
    pthread_mutex_lock(&threads->lock);
    /* While stopping, those who wait for a thread count, too. */
    bool makes_room = is_conn && threads->accepts &&
                      (threads->open == CONN_THREADS_MAX || atomic_load(&threads->stopping));
    pthread_t before = threads->last;
    bool has_before = threads->has_last && is_conn;
    if (is_conn) {
        threads->open--;
        threads->last = pthread_self();
        threads->has_last = true;
    } else {
        threads->accepts = false;
    }
    if (makes_room)
        eventfd_write(threads->wake_fd, 1);
    if (--threads->running == 0)
        pthread_cond_signal(&threads->ended);
    pthread_mutex_unlock(&threads->lock);
    if (has_before)
        pthread_join(before, NULL);
}

static void *conn_main(void *arg)
{
    struct conn_thread *conn = arg;
    struct conn_threads *threads = conn->threads;
    bool alive = true;
    uint64_t until_ns = 0; /* for the rest of a request */
    while (alive) {
        enum http_step step =
            http_conn_is_empty(&conn->http) ? HTTP_MORE : http_conn_parse(&conn->http);
        if (step != HTTP_MORE) {
            alive = serve(conn, step);
            count_syscalls(conn);
            until_ns = 0;
        } else if (!conn->http.begun) {
            alive = read_first(conn);
        } else {
            if (until_ns == 0)
                until_ns = clock_in_ns(threads->config.model->io_timeout_ns);
            alive = read_more(conn, until_ns);
        }
    }
    pthread_mutex_lock(&threads->lock);
    if (conn->next)
        conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        threads->conns = conn->next;
    pthread_mutex_unlock(&threads->lock);
    count_syscalls(conn);
    counter_add_shared(&conn->counters->closed, 1);
    conn_free(conn);
    leave(threads, true);
    return NULL;
}

/* ---- The acceptor ---- */

/* Without memory or a thread for it the connection is closed: its peer sees that at once. */
static void conn_drop(struct conn_threads *threads, struct conn_thread *conn)
{
    counter_add(&threads->config.acceptor->closed, 1);
    conn_free(conn);
}

static struct conn_thread *conn_create(struct conn_threads *threads, int fd, struct counters *mine)
{
    struct conn_thread *conn = calloc(1, sizeof *conn);
    struct request *request = conn ? request_create(threads->config.model->workload) : NULL;
    if (!request) {
        free(conn);
        close(fd);
        return NULL;
    }
    struct timeval timeout = clock_timeval(threads->config.model->io_timeout_ns);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    http_conn_init(&conn->http, fd, threads->config.model->max_body_bytes);
    conn->http.serial = mine->connections;
    conn->threads = threads;
    conn->request = request;
    conn->counters = &threads->config.shared[conn->http.serial % threads->config.shared_count];
    sem_init(&conn->released, 0, 0);
    counter_add(&mine->connections, 1);
    return conn;
}

static void conn_start(struct conn_threads *threads, struct conn_thread *conn)
{
    pthread_t thread; /* its own: see leave() */
    conn->next = NULL;
    pthread_mutex_lock(&threads->lock);
    if (pthread_create(&thread, &threads->attr, conn_main, conn) != 0) {
        pthread_mutex_unlock(&threads->lock);
        conn_drop(threads, conn);
        return;
    }
    conn->next = threads->conns;
    if (conn->next)
        conn->next->prev = conn;
    threads->conns = conn;
    threads->open++;
    threads->running++;
    pthread_mutex_unlock(&threads->lock);
}

/* Accepted while stopping, the first one first: they get their threads once nobody else can come.
 * With each reply a client that asks on would come again, and the backlog would never end. */
struct latecomers {
    struct conn_thread *first, **last;
    unsigned len;
};

static void latecomers_add(struct latecomers *late, struct conn_thread *conn)
{
    *late->last = conn;
    late->last = &conn->next;
    late->len++;
}

static void latecomers_start(struct conn_threads *threads, struct latecomers *late)
{
    for (struct conn_thread *next, *conn = late->first; conn; conn = next) {
        next = conn->next;
        if (flag(&threads->abandoned)) /* nothing of it was read */
            conn_drop(threads, conn);
        else
            conn_start(threads, conn);
    }
    *late = (struct latecomers){.last = &late->first};
}

static bool is_full(struct conn_threads *threads, const struct latecomers *late)
{
    pthread_mutex_lock(&threads->lock);
    bool full = threads->open + late->len >= CONN_THREADS_MAX;
    pthread_mutex_unlock(&threads->lock);
    return full;
}

static void *acceptor_main(void *arg)
{
    struct conn_threads *threads = arg;
    struct counters *mine = threads->config.acceptor;
    struct latecomers late = {.last = &late.first};
    while (!flag(&threads->abandoned)) {
        bool stopping = flag(&threads->stopping), full = is_full(threads, &late);
        int fd = full ? -ENOBUFS : listener_accept(&threads->listener);
        struct conn_thread *conn = fd >= 0 ? conn_create(threads, fd, mine) : NULL;
        if (conn && stopping)
            latecomers_add(&late, conn);
        else if (conn)
            conn_start(threads, conn);
        if (fd == -EMFILE) /* they have what others would need */
            latecomers_start(threads, &late);
        if (fd >= 0 || fd == -EMFILE)
            continue;
        if (fd == -EAGAIN && stopping) /* the backlog is empty */
            break;
        if (!full)
            latecomers_start(threads, &late);
        struct pollfd polls[] = {{.fd = threads->wake_fd, .events = POLLIN},
                                 {.fd = threads->listener.fd, .events = POLLIN}};
        int timeout = fd == -EAGAIN ? -1 : ACCEPT_PAUSE_MS;
        if (full)
            timeout = late.len ? LATE_MOST_MS : -1;
        syscalls_tell(&mine->syscalls);
        syscalls_count();
        if (poll(polls, fd == -EAGAIN ? 2 : 1, timeout) == 0) /* nobody else makes room */
            latecomers_start(threads, &late);
        eventfd_t woken;
        if (polls[0].revents)
            eventfd_read(threads->wake_fd, &woken);
    }
    syscalls_tell(&mine->syscalls);
    listener_close(&threads->listener);
    latecomers_start(threads, &late);
    leave(threads, false);
    return NULL;
}

/* ---- From outside ---- */

/* Ends the blocking of those who wait for the first byte of a request that may never come. */
static void cut_idle(struct conn_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    for (struct conn_thread *conn = threads->conns; conn; conn = conn->next) {
        int idle = IDLE;
        if (atomic_compare_exchange_strong(&conn->doing, &idle, CUT))
            shutdown(conn->http.fd, SHUT_RD);
    }
    pthread_mutex_unlock(&threads->lock);
}

void conn_threads_stop(struct conn_threads *threads)
{
    atomic_store(&threads->stopping, true);
    if (threads->listens)
        eventfd_write(threads->wake_fd, 1);
    cut_idle(threads);
}

bool conn_threads_wait(struct conn_threads *threads, uint64_t until_ns)
{
    struct timespec until = clock_timespec(until_ns);
    int error = 0;
    pthread_mutex_lock(&threads->lock);
    while (threads->running > 0 && !error)
        error = pthread_cond_timedwait(&threads->ended, &threads->lock, &until);
    pthread_mutex_unlock(&threads->lock);
    return !error;
}

uint64_t conn_threads_abandon(struct conn_threads *threads)
{
    atomic_store_explicit(&threads->abandoned, true, memory_order_release);
    uint64_t lost = 0;
    pthread_mutex_lock(&threads->lock);
    for (struct conn_thread *conn = threads->conns; conn; conn = conn->next) {
        int doing = atomic_load(&conn->doing);
        lost += doing == HALF || doing == HELD;
        shutdown(conn->http.fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&threads->lock);
    for (struct waiter *next, *waiter = waiting_take_all(&threads->waiting); waiter;
         waiter = next) {
        struct conn_thread *conn = conn_of(waiter);
        next = waiter->next; /* once released it may be gone */
        sem_post(&conn->released);
    }
    if (threads->listens)
        eventfd_write(threads->wake_fd, 1);
    return lost;
}

void conn_threads_init(struct conn_threads *threads, const struct conn_threads_config *config)
{
    *threads = (struct conn_threads){.config = *config, .wake_fd = -1};
    threads->listener.fd = threads->listener.reserve = -1;
    waiting_init(&threads->waiting, config->door, admit);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&threads->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int conn_threads_start(struct conn_threads *threads)
{
    const struct model_config *model = threads->config.model;
    int error = cpus_attr_init(&threads->attr, model->cpus);
    threads->has_attr = !error;
    if (!error)
        error = -pthread_attr_setstacksize(&threads->attr, CONN_THREADS_STACK);
    if (!error)
        error = listener_open(&threads->listener, model->listen);
    if (!error && (threads->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        error = -errno;
    if (error)
        return error;
    threads->running = 1; /* before it counts connections */
    threads->accepts = true;
    error = cpus_thread_create(&threads->acceptor, model->cpus, "acceptor", acceptor_main, threads);
    threads->listens = !error;
    if (error)
        threads->running = 0;
    return error;
}

unsigned conn_threads_running(struct conn_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    unsigned running = threads->running;
    pthread_mutex_unlock(&threads->lock);
    return running;
}

void conn_threads_finish(struct conn_threads *threads)
{
    if (threads->listens)
        pthread_join(threads->acceptor, NULL);
    if (threads->has_last)
        pthread_join(threads->last, NULL);
    if (threads->has_attr)
        pthread_attr_destroy(&threads->attr);
    listener_close(&threads->listener);
    if (threads->wake_fd >= 0)
        close(threads->wake_fd);
    waiting_finish(&threads->waiting);
    pthread_cond_destroy(&threads->ended);
    pthread_mutex_destroy(&threads->lock);
}
