/* SPDX-License-Identifier: MIT */
/* By hand: one thread waits for idle connections and queues those that are readable for a worker,
 * which reads, works and writes, blocking. */
#include "rpc.h"

#include "parts/queue.h"

#include "options.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64
#define CONNECTIONS 65536 /* at most: there is room for all of them in the queue */

static struct rpc rpc;
static struct queue queue;
static int epoll_fd;

static void conn_close(struct http_conn *conn)
{
    http_conn_finish(conn);
    free(conn);
}

static void watch(int op, struct http_conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = conn};
    if (epoll_ctl(epoll_fd, op, conn->fd, &event) != 0)
        abort(); /* out of memory */
}

/* What is there, then back to waiting. */
static void serve(struct http_conn *conn, struct rpc_scratch *scratch)
{
    do {
        enum http_step step;
        while ((step = rpc_next(conn)) == HTTP_MORE) {
            if (http_conn_read(conn, 0) <= 0) {
                conn_close(conn);
                return;
            }
        }
        if (rpc_answer(&rpc, scratch, conn, step, 0) != 0 || !conn->keep_alive) {
            conn_close(conn);
            return;
        }
    } while (!http_conn_is_empty(conn));
    watch(EPOLL_CTL_MOD, conn);
}

static void *work(void *arg)
{
    struct queue_worker *worker = arg;
    struct rpc_scratch scratch = {0};
    struct http_conn *conn;
    while ((conn = queue_pop(&queue, worker)))
        serve(conn, &scratch);
    return NULL;
}

static void accept_all(void)
{
    int fd;
    while ((fd = listener_accept(&rpc.listener)) >= 0) {
        struct http_conn *conn = calloc(1, sizeof *conn);
        if (!conn) {
            close(fd);
            continue;
        }
        http_conn_init(conn, fd, (size_t)8 << 20);
        watch(EPOLL_CTL_ADD, conn);
    }
}

int main(int argc, char **argv)
{
    struct queue_worker worker;
    pthread_t thread;
    struct epoll_event listens = {.events = EPOLLIN}, events[EVENTS];
    int code = rpc_open(&rpc, "rpc_pool", "rpc by hand: a poller and a worker", argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, rpc.listener.fd, &listens) != 0 ||
        queue_init(&queue, CONNECTIONS) != 0 || queue_worker_init(&worker) != 0 ||
        pthread_create(&thread, NULL, work, &worker) != 0)
        return EXIT_ENVIRONMENT;
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr)
                accept_all();
            else if (queue_push(&queue, events[i].data.ptr) < 0)
                conn_close(events[i].data.ptr);
        }
        if (count < 0 && errno != EINTR)
            return EXIT_FAILED;
    }
}
