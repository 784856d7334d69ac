/* SPDX-License-Identifier: MIT */
#include "connections.h"

#include "clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 << 10)
#define RETRY_NS (20 * CLOCK_NS_PER_MS)

static void move(struct connections *connections, struct connection *c, enum connection_state state,
                 uint64_t now_ns)
{
    struct connection_list *from = &connections->lists[c->state], *to = &connections->lists[state];
    *(c->previous ? &c->previous->next : &from->first) = c->next;
    *(c->next ? &c->next->previous : &from->last) = c->previous;
    from->count--;
    c->previous = to->last;
    c->next = NULL;
    *(to->last ? &to->last->next : &to->first) = c;
    to->last = c;
    to->count++;
    c->state = state;
    c->since_ns = now_ns;
}

int connections_init(struct connections *connections, size_t count,
                     const struct sockaddr_storage *address, socklen_t address_len, bool collect)
{
    *connections = (struct connections){
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .timer = -1,
        .count = count,
        .address = *address,
        .address_len = address_len,
        .all = calloc(count, sizeof *connections->all),
        .buffer = malloc(BUFFER_BYTES),
    };
    if (connections->epoll < 0 || !connections->all || !connections->buffer) {
        int err = connections->epoll < 0 ? -errno : -ENOMEM;
        connections->count = 0;
        connections_finish(connections);
        return err;
    }
    struct connection_list *down = &connections->lists[CONNECTION_DOWN];
    for (size_t i = 0; i < count; i++) {
        struct connection *c = &connections->all[i];
        c->fd = -1;
        http_response_init(&c->response, collect);
        c->previous = down->last;
        *(down->last ? &down->last->next : &down->first) = c;
        down->last = c;
        down->count++;
    }
    return 0;
}

void connections_finish(struct connections *connections)
{
    for (size_t i = 0; i < connections->count; i++) {
        if (connections->all[i].fd >= 0)
            close(connections->all[i].fd);
        http_response_finish(&connections->all[i].response);
    }
    if (connections->epoll >= 0)
        close(connections->epoll);
    if (connections->timer >= 0)
        close(connections->timer);
    free(connections->all);
    free(connections->buffer);
    *connections = (struct connections){.epoll = -1, .timer = -1};
}

uint64_t connections_now_ns(const struct connections *connections)
{
    (void)connections;
    return clock_ns();
}

static void watch(struct connections *connections, struct connection *c, int op, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    /* Fails only without memory; the request's time-out then tells. */
    epoll_ctl(connections->epoll, op, c->fd, &event);
}

static void shut(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    move(connections, c, CONNECTION_DOWN, now_ns);
}

static void open_one(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    const int one = 1;
    c->fd = socket(connections->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        connections->last_error = errno;
        move(connections, c, CONNECTION_DOWN, now_ns);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connections->stamps && setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) != 0)
        connections->stamps = connections->stamped = false;
    const struct sockaddr *address = (const struct sockaddr *)&connections->address;
    if (connect(c->fd, address, connections->address_len) != 0 && errno != EINPROGRESS) {
        connections->last_error = errno;
        shut(connections, c, now_ns);
        return;
    }
    http_response_reset(&c->response);
    watch(connections, c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    move(connections, c, CONNECTION_OPENING, now_ns);
}

void connections_reopen(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    shut(connections, c, now_ns);
    if (connections->closing)
        return;
    connections->reconnects++;
    open_one(connections, c, now_ns);
}

uint64_t connections_revive(struct connections *connections, uint64_t now_ns)
{
    const struct connection_list *down = &connections->lists[CONNECTION_DOWN];
    while (!connections->closing && down->first && down->first->since_ns + RETRY_NS <= now_ns)
        open_one(connections, down->first, now_ns);
    return connections->closing || !down->first ? UINT64_MAX : down->first->since_ns + RETRY_NS;
}

size_t connections_open(struct connections *connections, uint64_t timeout_ns)
{
    const struct connection_list *opening = &connections->lists[CONNECTION_OPENING];
    uint64_t now_ns = clock_ns(), end_ns = now_ns + timeout_ns;
    for (size_t i = 0; i < connections->count; i++)
        open_one(connections, &connections->all[i], now_ns);
    while (opening->count > 0) {
        struct epoll_event events[64];
        uint64_t left_ns = now_ns < end_ns ? end_ns - now_ns : 0;
        int n = connections_wait(connections, events, 64, left_ns);
        if (n <= 0 && left_ns == 0) /* not before all that has come was seen */
            break;
        now_ns = clock_ns();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                connections_event(connections, events[i].data.ptr, events[i].events, now_ns);
        }
        /* A peer that refuses is not asked again before the run. */
    }
    return connections_held(connections);
}

/* In this order: whoever is interrupted in between takes stamps for later than they are, and thus a
 * latency for longer; never for shorter. */
static void compare_clocks(struct connections *connections)
{
    uint64_t real_ns = clock_read(CLOCK_REALTIME);
    connections->real_ns = real_ns - clock_ns();
}

void connections_sleep(const struct connections *connections, uint64_t ns)
{
    (void)connections;
    const struct timespec time = clock_timespec(ns);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static int wait_by_timer(struct connections *connections, struct epoll_event *events, int max,
                         uint64_t timeout_ns)
{
    if (connections->timer < 0) {
        connections->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (connections->timer < 0)
            return -1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        epoll_ctl(connections->epoll, EPOLL_CTL_ADD, connections->timer, &event);
    }
    struct itimerspec when = {.it_value = clock_timespec(timeout_ns)};
    /* Also takes back an expiry that was not waited for. 0 disarms, and then nothing is waited. */
    timerfd_settime(connections->timer, 0, &when, NULL);
    return epoll_wait(connections->epoll, events, max, timeout_ns == 0 ? 0 : -1);
}

static int wait_for(struct connections *connections, struct epoll_event *events, int max,
                    uint64_t timeout_ns)
{
    if (timeout_ns == 0)
        return epoll_wait(connections->epoll, events, max, 0);
#ifdef HAVE_EPOLL_PWAIT2
    if (connections->timer < 0) {
        struct timespec timeout = clock_timespec(timeout_ns);
        int n = epoll_pwait2(connections->epoll, events, max, &timeout, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
    }
#endif
    return wait_by_timer(connections, events, max, timeout_ns);
}

int connections_wait(struct connections *connections, struct epoll_event *events, int max,
                     uint64_t timeout_ns)
{
    int n = wait_for(connections, events, max, timeout_ns);
    if (n > 0 && connections->stamps)
        compare_clocks(connections);
    return n;
}

/* Writes what is left of the request. The peer may be slower than we are: then EPOLLOUT. */
static enum connection_outcome push(struct connections *connections, struct connection *c)
{
    while (c->request_sent < c->request_len) {
        ssize_t n = send(c->fd, c->request + c->request_sent, c->request_len - c->request_sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            watch(connections, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return CONNECTION_WAITING;
        }
        if (n < 0)
            return CONNECTION_BROKEN;
        c->request_sent += (size_t)n;
    }
    return CONNECTION_WAITING;
}

enum connection_outcome connections_send(struct connections *connections,
                                         struct connection **connection,
                                         const struct connection_request *request, uint64_t now_ns)
{
    struct connection *c = connections->lists[CONNECTION_FREE].first;
    *connection = c;
    c->request = request->data;
    c->request_len = request->len;
    c->response.head = request->head;
    c->request_sent = 0;
    move(connections, c, CONNECTION_BUSY, now_ns);
    return push(connections, c);
}

/* Bytes for the answer that is awaited. */
static enum connection_outcome feed(struct connections *connections, struct connection *c,
                                    const uint8_t *data, size_t len)
{
    struct http_response *response = &c->response;
    const uint8_t *const all = data;
    const size_t all_len = len;
    const bool whole = !response->begun;
    if (whole && heads_answer(&connections->heads, response, data, len))
        len = 0;
    while (len > 0 && !response->complete) {
        size_t used;
        if (http_response_feed(response, data, len, &used) != 0)
            return CONNECTION_BROKEN;
        data += used;
        len -= used;
        /* 100 Continue and its like announce the answer; they are not it. */
        if (response->complete && response->status >= 100 && response->status < 200)
            http_response_reset(response);
        else if (response->complete && len == 0 && whole)
            heads_learn(&connections->heads, response, all, all_len);
    }
    if (!response->complete)
        return CONNECTION_WAITING;
    /* More than was asked for, or an answer to half a request: no telling what comes next. */
    if (len > 0)
        return CONNECTION_BROKEN;
    if (c->request_sent < c->request_len)
        response->keep_alive = false;
    return CONNECTION_ANSWERED;
}

/* When the kernel had what it gave us, in the clock of connections; 0: it does not say. */
static uint64_t stamp_of(const struct connections *connections, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec at;
        memcpy(&at, CMSG_DATA(c), sizeof at);
        uint64_t real_ns = (uint64_t)at.tv_sec * CLOCK_NS_PER_S + (uint64_t)at.tv_nsec;
        return real_ns > connections->real_ns ? real_ns - connections->real_ns : 0;
    }
    return 0;
}

static ssize_t receive(struct connections *connections, struct connection *c)
{
    if (!connections->stamps)
        return recv(c->fd, connections->buffer, BUFFER_BYTES, 0);
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } control;
    struct iovec data = {.iov_base = connections->buffer, .iov_len = BUFFER_BYTES};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &message, 0);
    c->arrived_ns = n > 0 ? stamp_of(connections, &message) : 0;
    connections->stamped = n > 0 ? c->arrived_ns != 0 : connections->stamped;
    return n;
}

static enum connection_outcome pull(struct connections *connections, struct connection *c)
{
    for (;;) {
        ssize_t n = receive(connections, c);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? CONNECTION_WAITING : CONNECTION_BROKEN;
        if (n == 0) {
            bool whole = http_response_eof(&c->response) == 0 && c->response.complete;
            c->response.keep_alive = false;
            return whole ? CONNECTION_ANSWERED : CONNECTION_BROKEN;
        }
        enum connection_outcome outcome = feed(connections, c, connections->buffer, (size_t)n);
        if (outcome != CONNECTION_WAITING || (size_t)n < BUFFER_BYTES)
            return outcome;
    }
}

static void opened(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        connections->last_error = error;
        shut(connections, c, now_ns);
        return;
    }
    watch(connections, c, EPOLL_CTL_MOD, EPOLLIN);
    move(connections, c, CONNECTION_FREE, now_ns);
}

enum connection_outcome connections_event(struct connections *connections, struct connection *c,
                                          uint32_t events, uint64_t now_ns)
{
    switch (c->state) {
    case CONNECTION_DOWN:
        break;
    case CONNECTION_OPENING:
        opened(connections, c, now_ns);
        break;
    case CONNECTION_FREE:
        /* Closed while idle, or bytes that nobody asked for: either way, not this one again. */
        connections->closes++;
        connections_reopen(connections, c, now_ns);
        break;
    case CONNECTION_BUSY:
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
            enum connection_outcome outcome = pull(connections, c);
            if (outcome != CONNECTION_WAITING)
                return outcome;
        }
        if (events & EPOLLOUT) {
            watch(connections, c, EPOLL_CTL_MOD, EPOLLIN); /* push() asks again if it must */
            return push(connections, c);
        }
        break;
    }
    return CONNECTION_WAITING;
}

void connections_release(struct connections *connections, struct connection *c, uint64_t now_ns)
{
    if (c->response.keep_alive) {
        http_response_reset(&c->response);
        move(connections, c, CONNECTION_FREE, now_ns);
    } else {
        connections->closes++;
        connections_reopen(connections, c, now_ns);
    }
}
