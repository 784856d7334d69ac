/* SPDX-License-Identifier: MIT */
/* By hand: a thread for each connection, which reads, works and writes, blocking. */
#include "rpc.h"

#include "options.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct rpc rpc;

static void *serve(void *arg)
{
    struct http_conn *conn = arg;
    struct rpc_scratch scratch = {0};
    for (bool open = true; open;) {
        enum http_step step = rpc_next(conn);
        if (step == HTTP_MORE)
            open = http_conn_read(conn, 0) > 0;
        else
            open = rpc_answer(&rpc, &scratch, conn, step, 0) == 0 && conn->keep_alive;
    }
    coding_close(&scratch.coding);
    bytes_finish(&scratch.out);
    http_conn_finish(conn);
    free(conn);
    return NULL;
}

int main(int argc, char **argv)
{
    int code = rpc_open(&rpc, "rpc_blocking", "rpc by hand: a thread per connection", argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    struct pollfd ready = {.fd = rpc.listener.fd, .events = POLLIN};
    while (poll(&ready, 1, -1) > 0 || errno == EINTR) {
        int fd;
        while ((fd = listener_accept(&rpc.listener)) >= 0) {
            struct http_conn *conn = calloc(1, sizeof *conn);
            pthread_t thread;
            if (!conn) {
                close(fd);
                continue;
            }
            http_conn_init(conn, fd, (size_t)8 << 20);
            if (pthread_create(&thread, NULL, serve, conn) != 0) {
                http_conn_finish(conn);
                free(conn);
                continue;
            }
            pthread_detach(thread);
        }
    }
    return EXIT_FAILED;
}
