/* SPDX-License-Identifier: MIT */
#include "admin.h"

#include "parts/door.h"
#include "parts/http.h"
#include "parts/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 1 /* with somebody who does not finish the request, or does not read */

struct admin {
    struct admin_config config;
    struct listener listener;
    int end; /* eventfd: written once, by admin_stop() */
    pthread_t thread;
};

static void answer(const struct admin *admin, struct http_conn *conn, enum http_step step)
{
    const struct admin_config *config = &admin->config;
    struct bytes out = {0};
    struct model_stats stats;
    switch (step) {
    case HTTP_HEALTH:
        door_write_health(&out);
        http_conn_reply(conn, 200, DOOR_HEALTH_TYPE, out.data, out.len, true, 0);
        break;
    case HTTP_METRICS:
        config->model->stats(config->run, &stats);
        door_write_metrics(&out, config->model->name, config->workload, &stats);
        http_conn_reply(conn, 200, DOOR_METRICS_TYPE, out.data, out.len, true, 0);
        break;
    default: /* the workload is served at the other address */
        http_conn_reply(conn, step == HTTP_REFUSE ? conn->status : 404, NULL, NULL, 0, true, 0);
    }
    bytes_finish(&out);
}

/* One request, then the connection ends. */
static void serve_one(struct admin *admin)
{
    int fd = listener_accept(&admin->listener);
    if (fd < 0)
        return;
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct http_conn conn;
    http_conn_init(&conn, fd, 1 << 16);
    enum http_step step = HTTP_MORE;
    while (step == HTTP_MORE && http_conn_read(&conn, 0) > 0)
        step = http_conn_parse(&conn);
    if (step != HTTP_MORE)
        answer(admin, &conn, step);
    http_conn_finish(&conn);
}

static void *loop(void *arg)
{
    struct admin *admin = arg;
    struct pollfd polled[] = {{.fd = admin->end, .events = POLLIN},
                              {.fd = admin->listener.fd, .events = POLLIN}};
    while (!polled[0].revents) {
        if (poll(polled, 2, -1) > 0 && polled[1].revents && !polled[0].revents)
            serve_one(admin);
    }
    return NULL;
}

int admin_start(struct admin **out, const struct admin_config *config, uint16_t *port)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return -ENOMEM;
    admin->config = *config;
    int err = listener_open(&admin->listener, config->listen);
    if (err != 0) {
        free(admin);
        return err;
    }
    admin->end = eventfd(0, EFD_CLOEXEC);
    err = admin->end < 0 ? -errno : -pthread_create(&admin->thread, NULL, loop, admin);
    if (err != 0) {
        if (admin->end >= 0)
            close(admin->end);
        listener_close(&admin->listener);
        free(admin);
        return err;
    }
    *port = admin->listener.port;
    *out = admin;
    return 0;
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    eventfd_write(admin->end, 1);
    pthread_join(admin->thread, NULL);
    close(admin->end);
    listener_close(&admin->listener);
    free(admin);
}
