/* SPDX-License-Identifier: MIT */
/*
 * A call to a downstream service over loopback, through both faces of the connection pool; and the
 * floor: as many bytes through a TCP connection, there and back, without pool and without HTTP.
 */
#include "parts.h"
#include "parts_pair.h"

#include "parts/clock.h"
#include "parts/http.h"
#include "parts/pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_BYTES = 1024, FLOOR_BYTES = BODY_BYTES + 128 };
#define PATIENCE_NS UINT64_C(60000000000)

/* The service: accepts one connection and answers on it until it is closed. */
struct service {
    int listen_fd; /* shut down: nobody will come */
    char address[32];
    int64_t answered;
};

static int service_open(struct service *service)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *service = (struct service){.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (service->listen_fd < 0 ||
        bind(service->listen_fd, (const struct sockaddr *)&address, len) != 0 ||
        listen(service->listen_fd, 1) != 0 ||
        getsockname(service->listen_fd, (struct sockaddr *)&address, &len) != 0)
        return -errno;
    snprintf(service->address, sizeof service->address, "127.0.0.1:%u", ntohs(address.sin_port));
    return 0;
}

static void no_delay(int fd)
{
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void *answer_http(void *arg)
{
    struct service *service = arg;
    const int fd = accept(service->listen_fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    struct http_conn conn;
    http_conn_init(&conn, fd, 1 << 20);
    while (http_conn_read(&conn, 0) > 0)
        while (http_conn_parse(&conn) == HTTP_WORK) {
            service->answered++;
            http_conn_reply(&conn, 200, "a/b", conn.body, conn.body_len, false, 0);
        }
    http_conn_finish(&conn);
    return NULL;
}

static void *answer_bytes(void *arg)
{
    struct service *service = arg;
    uint8_t bytes[FLOOR_BYTES];
    const int fd = accept(service->listen_fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    no_delay(fd);
    for (; recv(fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes; service->answered++)
        if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes)
            break;
    close(fd);
    return NULL;
}

/* One call with a body of BODY_BYTES, and the pool that it goes out on. */
struct calling {
    struct service service;
    struct pool *pool;
    uint8_t body[BODY_BYTES];
    struct pool_call call;
    bool done;
};

static int calling_open(struct calling *calling)
{
    memset(calling, 0, sizeof *calling);
    memset(calling->body, 'x', sizeof calling->body);
    calling->call.body = calling->body;
    calling->call.body_len = sizeof calling->body;
    int err = service_open(&calling->service);
    if (err != 0)
        return err;
    return pool_create(&calling->pool, &(struct pool_config){calling->service.address, 1, "a/b"});
}

/* The pool has closed its connection, so the service ends; also if there never was one. */
static void calling_finish(struct gbench_state *state, struct calling *calling,
                           struct parts_pair *pair)
{
    shutdown(calling->service.listen_fd, SHUT_RDWR);
    parts_pair_end(state, pair, &calling->service.answered);
    close(calling->service.listen_fd);
    bytes_finish(&calling->call.answer);
}

static bool answered(const struct calling *calling)
{
    return calling->call.status == 200 && calling->call.answer.len == BODY_BYTES;
}

/* As thread pool and inline call: the thread waits in the socket. */
static void call_blocking(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct calling calling;
    struct parts_pair pair;
    int err = calling_open(&calling);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, answer_http, &calling.service))
        return;
    bool good = true;
    GBENCH_LOOP(state)
    {
        calling.call.deadline_ns = clock_now_ns() + PATIENCE_NS;
        pool_call(calling.pool, &calling.call);
        good &= answered(&calling);
    }
    if (!good)
        gbench_fail(state, "a call was not answered");
    pool_destroy(calling.pool);
    calling_finish(state, &calling, &pair);
}

static void call_done(struct pool_call *call)
{
    struct calling *calling =
        (struct calling *)(void *)((char *)call - offsetof(struct calling, call));
    calling->done = true;
}

static void woken(void *arg)
{
    (void)arg; /* one share: nobody gives it anything */
}

/* As event loop and actor call: the loop waits in epoll. */
static bool call_through(struct calling *calling, struct pool_share *share, int epoll)
{
    calling->call.deadline_ns = clock_now_ns() + PATIENCE_NS;
    calling->call.done = call_done;
    calling->done = false;
    pool_share_start(share, &calling->call);
    for (pool_share_run(share, clock_now_ns()); !calling->done;
         pool_share_run(share, clock_now_ns())) {
        struct epoll_event events[4];
        const int count = clock_epoll_wait(epoll, events, 4, pool_share_due_ns(share));
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
    }
    return answered(calling);
}

static void call_from_loop(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct calling calling;
    struct pool_share *share = NULL;
    struct parts_pair pair;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    int err = calling_open(&calling);
    if (err == 0)
        err = pool_share_create(
            &share, &(struct pool_share_config){
                        .pool = calling.pool, .shares = 1, .epoll_fd = epoll, .wake = woken});
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, answer_http, &calling.service))
        return;
    bool good = true;
    GBENCH_LOOP(state)
    good &= call_through(&calling, share, epoll);
    if (!good)
        gbench_fail(state, "a call was not answered");
    pool_share_destroy(share);
    pool_destroy(calling.pool);
    calling_finish(state, &calling, &pair);
    close(epoll);
}

static int connect_to(const struct service *service)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getsockname(service->listen_fd, (struct sockaddr *)&address, &len) != 0 ||
        connect(fd, (const struct sockaddr *)&address, len) != 0)
        return -errno;
    no_delay(fd);
    return fd;
}

static void tcp_floor(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct service service;
    struct parts_pair pair;
    uint8_t bytes[FLOOR_BYTES] = {0};
    const int err = service_open(&service);
    const int fd = err == 0 ? connect_to(&service) : err;
    if (fd < 0) {
        gbench_fail(state, strerror(-fd));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, answer_bytes, &service))
        return;
    bool good = true;
    GBENCH_LOOP(state)
    {
        good &= send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes;
        good &= recv(fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes;
    }
    if (!good)
        gbench_fail(state, "the bytes did not come back");
    close(fd);
    parts_pair_end(state, &pair, &service.answered);
    close(service.listen_fd);
}

void parts_pool_register(void)
{
    parts_pair_register("parts/pool/call_blocking", call_blocking, NULL, true);
    parts_pair_register("parts/pool/call_from_loop", call_from_loop, NULL, true);
    parts_pair_register("parts/floor/tcp_round_trip", tcp_floor, NULL, true);
}
