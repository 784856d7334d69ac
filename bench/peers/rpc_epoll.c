/* SPDX-License-Identifier: MIT */
/* By hand: one epoll loop with callbacks, edge-triggered; replies are written at once, and EPOLLOUT
 * says when the rest of one fits. */
#include "rpc.h"

#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64

struct source {
    void (*ready)(struct source *source, uint32_t events);
};

struct conn {
    struct source source;
    struct http_conn http;
    bool writing; /* the rest of a reply waits */
};

static struct rpc rpc;
static struct rpc_scratch scratch;
static int epoll_fd;

static void conn_close(struct conn *conn)
{
    http_conn_finish(&conn->http);
    free(conn);
}

static void conn_ready(struct source *source, uint32_t events)
{
    struct conn *conn = (struct conn *)source;
    bool readable = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (conn->writing && http_conn_flush(&conn->http, MSG_DONTWAIT) == -EAGAIN)
        return;
    conn->writing = false;
    for (;;) {
        enum http_step step = rpc_next(&conn->http);
        if (step == HTTP_MORE) {
            if (!readable)
                return;
            ssize_t got = http_conn_read(&conn->http, MSG_DONTWAIT);
            if (got == -EAGAIN)
                return;
            if (got <= 0)
                break;
            readable = !conn->http.drained || (events & EPOLLRDHUP);
            continue;
        }
        int err = rpc_answer(&rpc, &scratch, &conn->http, step, MSG_DONTWAIT);
        conn->writing = err == -EAGAIN;
        if (conn->writing)
            return;
        if (err != 0 || !conn->http.keep_alive)
            break;
    }
    conn_close(conn);
}

static void watch(int fd, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        abort(); /* out of memory */
}

static void accept_ready(struct source *source, uint32_t events)
{
    (void)source;
    (void)events;
    int fd;
    while ((fd = listener_accept(&rpc.listener)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (!conn) {
            close(fd);
            continue;
        }
        conn->source.ready = conn_ready;
        http_conn_init(&conn->http, fd, (size_t)8 << 20);
        watch(fd, &conn->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
}

static void serve(void)
{
    struct source accepts = {accept_ready};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(rpc.listener.fd, &accepts, EPOLLIN);
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
        if (count < 0 && errno != EINTR)
            exit(EXIT_FAILED);
    }
}

int main(int argc, char **argv)
{
    int code = rpc_open(&rpc, "rpc_epoll", "rpc by hand: callbacks of one loop", argc, argv);
    return code == OPTIONS_GO_ON ? rpc_run(serve) : code;
}
