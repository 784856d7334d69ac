/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include "door.h"

int reply_send(const struct reply *reply, struct http_conn *conn, enum http_step step,
               const struct request *request)
{
    struct bytes text = {0};
    const struct bytes *body = request ? &request->out : &text;
    const char *type = NULL;
    int status = 200;
    switch (step) {
    case HTTP_HEALTH:
        door_write_health(&text);
        type = DOOR_HEALTH_TYPE;
        break;
    case HTTP_METRICS: {
        struct model_stats stats;
        reply->model->stats(reply->run, &stats);
        door_write_metrics(&text, reply->model->name, reply->config->workload->name, &stats);
        type = DOOR_METRICS_TYPE;
        break;
    }
    case HTTP_WORK:
        status = request ? request->status : 503;
        type = body->len ? reply->config->content_type : NULL;
        if (!request)
            counter_add(&reply->counters->rejected, 1);
        break;
    default:
        status = conn->status;
        counter_add(&reply->counters->bad_requests, 1);
    }
    int error =
        http_conn_reply(conn, status, type, body->data, body->len, reply->stopping, reply->flags);
    bytes_finish(&text);
    return error;
}
