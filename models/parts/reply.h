/* SPDX-License-Identifier: MIT */
/* What was parsed from a connection, answered: the same for every model that uses it. */
#ifndef ASSAY_REPLY_H
#define ASSAY_REPLY_H

#include "../model.h"
#include "../request.h"
#include "counters.h"
#include "http.h"

struct reply {
    const struct model *model;
    struct model_run *run;
    const struct model_config *config;
    struct counters *counters; /* the calling thread's, or marked as shared */
    bool stopping;             /* the connection ends with the last request that was read from it */
    int flags;                 /* of send() */
};

#define REPLY_KEPT ((size_t)131072) /* room for its reply that a request keeps, bytes */

/*
 * Health, metrics and what the HTTP layer refuses are answered here; HTTP_WORK with the request's
 * status and body, or with 503 if request is NULL (counted as rejected). Results are those of
 * http_conn_reply(): 0, -EAGAIN (the rest is kept by the connection), or dead. The body is not
 * needed afterwards; the memory of a large one is freed, since requests are used again and again.
 */
int reply_send_other(const struct reply *reply, struct http_conn *conn, enum http_step step);
static inline int reply_send(const struct reply *reply, struct http_conn *conn, enum http_step step,
                             struct request *request)
{
    if (step != HTTP_WORK || !request)
        return reply_send_other(reply, conn, step);
    struct bytes *body = &request->out;
    int error =
        http_conn_reply(conn, request->status, body->len ? reply->config->content_type : NULL,
                        body->data, body->len, reply->stopping, reply->flags);
    if (body->cap > REPLY_KEPT)
        bytes_finish(body);
    return error;
}

#endif
