/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 on llhttp, the same parser and writer for every model and for the load generator.
 *
 * A server connection is sequential: the next pipelined request is parsed only after the one before
 * it has been answered, so replies are in order by construction; do not read in between, the body
 * lies in the read buffer. No function here blocks unless the socket is a blocking one and flags is
 * 0; flags are those of recv() and send(): 0 or MSG_DONTWAIT. On a blocking socket -EAGAIN means
 * that SO_RCVTIMEO ran out, or that a whole reply was not taken within SO_SNDTIMEO: a reader who
 * drips has no more time than one who does not read at all. Not thread-safe: one thread has a
 * connection at a time.
 */
#ifndef ASSAY_HTTP_H
#define ASSAY_HTTP_H

#include "bytes.h"

#include <llhttp.h>
#include <stdbool.h>
#include <sys/types.h>

#define HTTP_HEAD_MAX 16384 /* bytes of a request line and its headers; beyond it 431 */

enum http_step {
    HTTP_MORE,    /* all that was read is parsed, no request is complete: read on */
    HTTP_WORK,    /* POST /: body and body_len are set and valid until the reply */
    HTTP_HEALTH,  /* GET or HEAD /health */
    HTTP_METRICS, /* GET or HEAD /metrics */
    HTTP_REFUSE,  /* to be answered with `status` (400, 404, 405, 413, 431, 501 …) and no body */
};

enum http_route { HTTP_ROUTE_NONE, HTTP_ROUTE_WORK, HTTP_ROUTE_HEALTH, HTTP_ROUTE_METRICS };

struct http_conn {
    int fd;
    int status;      /* HTTP_REFUSE */
    uint64_t serial; /* set by the model: counts accepted connections */
    bool begun;      /* a first byte of a request was read and it is not yet answered */
    bool keep_alive; /* false: close once the reply is sent */
    bool head;       /* the current request is a HEAD */
    bool drained;    /* the last read took all there was: with EPOLLET, wait for the next event */
    const uint8_t *body;
    size_t body_len;

    /* http.c's and http_reply.c's own. Offsets count from `start`, where the current request begins
     * in `in`. */
    bool head_done, chunked, complete;
    uint8_t route; /* enum http_route */
    size_t max_body_bytes;
    struct bytes in; /* freed while the connection is idle */
    size_t start, parsed_to, body_at;
    uint64_t framing; /* bytes of this request that are not its body: bounds what a chunked one may
                         cost */
    struct bytes out; /* what the socket did not take; freed when empty */
    size_t sent;
    llhttp_t parser;
};

/* fd becomes the connection's (TCP_NODELAY is set on it). Cannot fail. */
void http_conn_init(struct http_conn *conn, int fd, size_t max_body_bytes);
void http_conn_finish(struct http_conn *conn); /* closes fd, frees the buffers */

/* One recv(). > 0: bytes read; 0: the peer's end; -EAGAIN: nothing there; else the connection is
 * dead. */
ssize_t http_conn_read(struct http_conn *conn, int flags);

/* Nothing was read that is not answered: there is nothing to parse. */
static inline bool http_conn_is_empty(const struct http_conn *conn)
{
    return conn->in.len == 0;
}

/* Parses what was read, up to one request; answers Expect: 100-continue by itself. */
enum http_step http_conn_parse(struct http_conn *conn);

/*
 * Answers the current request: header and body in one send. stopping: Connection: close, unless
 * more of a pipeline was read already.
 * 0: all is sent (close if !keep_alive); -EAGAIN: the rest is kept, http_conn_flush() when
 * writable; other: dead. After 0 the next request may be parsed.
 */
int http_conn_reply(struct http_conn *conn, int status, const char *content_type,
                    const uint8_t *body, size_t body_len, bool stopping, int flags);
int http_conn_flush(struct http_conn *conn, int flags); /* same results */

const char *http_parser_version(void); /* of llhttp, for the fingerprint: "8.1.0 strict" */

/* Client side: used for calls to the downstream service and by the load generator. */

/* Appends a request head and body. host is for the Host header. body NULL: the head only, which
 * still announces body_len bytes, for a caller that sends them from where they are. */
void http_request_write(struct bytes *out, const char *method, const char *path, const char *host,
                        const char *content_type, const uint8_t *body, size_t body_len);

struct http_response {
    llhttp_t parser;
    int status;
    bool keep_alive;
    bool head; /* set before parsing if the request was a HEAD: no body follows */
    bool complete;
    bool begun;        /* a first byte was fed */
    struct bytes body; /* collected if collect is set */
    bool collect;
    uint64_t body_bytes; /* counted in any case */
    bool sized;          /* Content-Length alone says where it ends */
};

void http_response_init(struct http_response *response, bool collect);
void http_response_reset(struct http_response *response); /* before the next response */
void http_response_finish(struct http_response *response);
/* Feeds bytes; *used is how many belonged to this response. 0: see complete; -EBADMSG: not HTTP.
 * 1xx responses before the real one are passed over. */
int http_response_feed(struct http_response *response, const uint8_t *data, size_t len,
                       size_t *used);
/* The peer closed: completes a response that is delimited by the end. 0 or -EBADMSG. */
int http_response_eof(struct http_response *response);

#endif
