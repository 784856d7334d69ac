/* SPDX-License-Identifier: MIT */
#include "one_request.h"

#include "clock.h"

#include <sys/socket.h>
#include <sys/time.h>

#define REQUEST_MAX (1 << 16)

void one_request_serve(struct listener *listener, int patience_s,
                       void (*answer)(struct http_conn *conn, enum http_step step, void *arg),
                       void *arg)
{
    int fd = listener_accept(listener);
    if (fd < 0)
        return;
    const struct timeval patience = {.tv_sec = patience_s};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct http_conn conn;
    http_conn_init(&conn, fd, REQUEST_MAX);
    enum http_step step = HTTP_MORE;
    const uint64_t until_ns = clock_ns() + (uint64_t)patience_s * CLOCK_NS_PER_S;
    while (step == HTTP_MORE && clock_ns() < until_ns && http_conn_read(&conn, 0) > 0)
        step = http_conn_parse(&conn);
    if (step != HTTP_MORE)
        answer(&conn, step, arg);
    http_conn_finish(&conn);
}
