/* SPDX-License-Identifier: MIT */
/* Replies of a server connection: head and body in one send, and what the socket did not take. */
#include "clock.h"
#include "http.h"
#include "spare.h"
#include "syscalls.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SEND_MAX ((size_t)262144) /* of one send, when a reply did not go out at once */
/* Up to this size, head and body are copied together and sent with send(): sendmsg() looks longer
 * at its vector (2 % of a small reply's system call on loopback) than the copy takes. */
#define TOGETHER 2048
#define HEAD_MAX 512

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 417:
        return "Expectation Failed";
    case 422:
        return "Unprocessable Content";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return ""; /* may be empty: RFC 9112, 4 */
    }
}

static char *put(char *to, const char *text)
{
    size_t len = strlen(text);
    memcpy(to, text, len);
    return to + len;
}

static char *put_number(char *to, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n)
        *to++ = digits[--n];
    return to;
}

/* Forgets the request that has been answered, and gives the read buffer back if nothing follows. */
static void next_request(struct http_conn *conn)
{
    conn->begun = conn->complete = conn->head_done = conn->chunked = false;
    conn->body = NULL;
    conn->body_len = conn->body_at = 0;
    conn->framing = 0;
    conn->status = 0;
    conn->start = conn->parsed_to;
    llhttp_reset(&conn->parser);
    if (conn->start == conn->in.len) {
        spare_give(&conn->in);
        conn->start = conn->parsed_to = 0;
    }
}

/* Writes the head of a reply, shorter than HEAD_MAX; returns its end. */
static char *put_head(const struct http_conn *conn, char *at, int status, const char *content_type,
                      size_t body_len)
{
    if (status == 200) {
        at = put(at, "HTTP/1.1 200 OK\r\n");
    } else {
        at = put(at, "HTTP/1.1 ");
        at = put_number(at, (uint64_t)status);
        *at++ = ' ';
        at = put(at, reason(status));
        at = put(at, "\r\n");
    }
    size_t type_len = content_type ? strlen(content_type) : 0;
    if (type_len > 0 && type_len < HEAD_MAX / 2) {
        at = put(at, "Content-Type: ");
        memcpy(at, content_type, type_len);
        at = put(at + type_len, "\r\n");
    }
    if (status == 405)
        at = put(at, conn->route == HTTP_ROUTE_WORK ? "Allow: POST\r\n" : "Allow: GET, HEAD\r\n");
    if (!conn->keep_alive)
        at = put(at, "Connection: close\r\n");
    else if (conn->parser.http_minor == 0)
        at = put(at, "Connection: keep-alive\r\n");
    at = put(at, "Content-Length: ");
    at = put_number(at, body_len);
    return put(at, "\r\n\r\n");
}

static ssize_t send_both(int fd, char *head, size_t head_len, const uint8_t *body, size_t body_len,
                         int flags)
{
    struct iovec parts[2] = {{head, head_len}, {(void *)(uintptr_t)body, body_len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_len ? 2 : 1};
    bool together = body_len <= TOGETHER - HEAD_MAX;
    if (together && body_len)
        memcpy(head + head_len, body, body_len);
    ssize_t sent;
    do {
        syscalls_count();
        sent = together ? send(fd, head, head_len + body_len, flags | MSG_NOSIGNAL)
                        : sendmsg(fd, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

int http_conn_reply(struct http_conn *conn, int status, const char *content_type,
                    const uint8_t *body, size_t body_len, bool stopping, int flags)
{
    char head[TOGETHER];
    /* What was read behind this request is answered, too: the connection ends after the last. */
    if (stopping && conn->in.len == conn->parsed_to)
        conn->keep_alive = false;
    size_t head_len = (size_t)(put_head(conn, head, status, content_type, body_len) - head);
    if (conn->head)
        body_len = 0;
    ssize_t sent = send_both(conn->fd, head, head_len, body, body_len, flags | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        return -errno;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == head_len + body_len) {
        next_request(conn);
        return 0;
    }

    size_t from_head = done < head_len ? done : head_len;
    bytes_append(&conn->out, head + from_head, head_len - from_head);
    if (body_len)
        bytes_append(&conn->out, body + (done - from_head), body_len - (done - from_head));
    next_request(conn);
    return sent < 0 && flags & MSG_DONTWAIT ? -EAGAIN : http_conn_flush(conn, flags);
}

/* Of a blocking socket: until there is room again, and *until_ns at the latest (0: from now on,
 * what SO_SNDTIMEO says). False: that is over. */
static bool await_room(int fd, uint64_t *until_ns)
{
    uint64_t now = clock_now_ns();
    if (!*until_ns) {
        struct timeval timeout = {0};
        socklen_t len = sizeof timeout;
        getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &len);
        uint64_t us = (uint64_t)timeout.tv_sec * 1000000 + (uint64_t)timeout.tv_usec;
        *until_ns = us ? clock_after_ns(now, us * 1000) : CLOCK_NEVER;
    }
    if (now >= *until_ns)
        return false;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    struct timespec left = clock_timespec(*until_ns - now);
    syscalls_count();
    ppoll(&room, 1, *until_ns == CLOCK_NEVER ? NULL : &left, NULL);
    return true;
}

int http_conn_flush(struct http_conn *conn, int flags)
{
    uint64_t until_ns = 0;
    while (conn->sent < conn->out.len) {
        size_t left = conn->out.len - conn->sent;
        syscalls_count();
        ssize_t sent = send(conn->fd, conn->out.data + conn->sent,
                            left < SEND_MAX ? left : SEND_MAX, MSG_DONTWAIT | MSG_NOSIGNAL);
        int error = sent < 0 ? errno : 0;
        if (error == EAGAIN && !(flags & MSG_DONTWAIT) && await_room(conn->fd, &until_ns))
            continue;
        if (error == EINTR)
            continue;
        if (error)
            return -error;
        conn->sent += (size_t)sent;
    }
    bytes_finish(&conn->out);
    conn->sent = 0;
    return 0;
}
