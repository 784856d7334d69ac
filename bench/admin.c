/* SPDX-License-Identifier: MIT */
#include "admin.h"

#include "one_request.h"
#include "parts/door.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE_S 1 /* with somebody who does not finish the request, or does not read */

struct admin {
    struct admin_config config;
    struct listener listener;
    int end; /* eventfd: written once, by admin_stop() */
    pthread_t thread;
};

static void answer(struct http_conn *conn, enum http_step step, void *arg)
{
    const struct admin_config *config = &((const struct admin *)arg)->config;
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

static void *loop(void *arg)
{
    struct admin *admin = arg;
    struct pollfd polled[] = {{.fd = admin->end, .events = POLLIN},
                              {.fd = admin->listener.fd, .events = POLLIN}};
    while (!polled[0].revents) {
        if (poll(polled, 2, -1) > 0 && polled[1].revents && !polled[0].revents)
            one_request_serve(&admin->listener, PATIENCE_S, answer, admin);
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
