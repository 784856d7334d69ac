/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include "door.h"

/* A page of the server's own, made for this one reply. */
static int send_page(const struct reply *reply, struct http_conn *conn, enum http_step step)
{
    struct bytes text = {0};
    if (step == HTTP_HEALTH) {
        door_write_health(&text);
    } else {
        struct model_stats stats;
        reply->model->stats(reply->run, &stats);
        door_write_metrics(&text, reply->model->name, reply->config->workload->name, &stats);
    }
    int error =
        http_conn_reply(conn, 200, step == HTTP_HEALTH ? DOOR_HEALTH_TYPE : DOOR_METRICS_TYPE,
                        text.data, text.len, reply->stopping, reply->flags);
    bytes_finish(&text);
    return error;
}

int reply_send_other(const struct reply *reply, struct http_conn *conn, enum http_step step)
{
    if (step == HTTP_HEALTH || step == HTTP_METRICS)
        return send_page(reply, conn, step);
    if (step == HTTP_WORK)
        counter_add_mine(reply->counters, &reply->counters->rejected, 1);
    else
        counter_add_mine(reply->counters, &reply->counters->bad_requests, 1);
    return http_conn_reply(conn, step == HTTP_WORK ? 503 : conn->status, NULL, NULL, 0,
                           reply->stopping, reply->flags);
}
