/* SPDX-License-Identifier: MIT */
/*
 * The whole head of a request stays in the read buffer until llhttp has accepted it; then one scan
 * over its lines takes what is needed (target, Host, Expect) and refuses what a proxy in front
 * might read differently: bare CR or LF, folded lines, several Hosts, transfer codings other than
 * chunked. So no header needs a callback, and a connection needs no room for header names.
 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_SIZE 8192            /* of the first read of a request */
#define READ_MAX ((size_t)65536)  /* of one read */
#define SEND_MAX ((size_t)262144) /* of one send, when a reply did not go out at once */

enum { ROUTE_NONE, ROUTE_WORK, ROUTE_HEALTH, ROUTE_METRICS };

/* A request line or header line without its CRLF. */
struct line {
    const char *at;
    size_t len;
};

static bool is(const struct line *text, const char *what)
{
    size_t len = strlen(what);
    return text->len == len && strncasecmp(text->at, what, len) == 0;
}

/* If the line is a header of this name (lower case), its value without white space around it. */
static bool header(const struct line *line, const char *name, struct line *value)
{
    size_t len = strlen(name);
    if (line->len <= len || line->at[len] != ':' || strncasecmp(line->at, name, len) != 0)
        return false;
    *value = (struct line){line->at + len + 1, line->len - len - 1};
    while (value->len && (*value->at == ' ' || *value->at == '\t'))
        value->at++, value->len--;
    while (value->len && (value->at[value->len - 1] == ' ' || value->at[value->len - 1] == '\t'))
        value->len--;
    return true;
}

/* Cuts the next line off [*at, end); false if none ends there or it holds a bare CR or LF. */
static bool next_line(const char **at, const char *end, struct line *line)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (!lf || lf == *at || lf[-1] != '\r')
        return false;
    *line = (struct line){*at, (size_t)(lf - 1 - *at)};
    *at = lf + 1;
    return !memchr(line->at, '\r', line->len);
}

/* "METHOD TARGET HTTP/1.x" → the route. Also the absolute form, and a query is passed over. */
static uint8_t route_of(const struct line *request_line)
{
    const char *end = request_line->at + request_line->len;
    const char *target = memchr(request_line->at, ' ', request_line->len);
    if (!target)
        return ROUTE_NONE;
    target++;
    const char *stop = memchr(target, ' ', (size_t)(end - target));
    if (!stop)
        return ROUTE_NONE;
    if (*target != '/' && stop - target > 7 && strncasecmp(target, "http://", 7) == 0) {
        const char *slash = memchr(target + 7, '/', (size_t)(stop - target - 7));
        target = slash ? slash : stop;
        if (!slash)
            return ROUTE_WORK;
    }
    const char *query = memchr(target, '?', (size_t)(stop - target));
    struct line path = {target, (size_t)((query ? query : stop) - target)};
    if (path.len == 1 && *target == '/')
        return ROUTE_WORK;
    if (path.len == 7 && memcmp(target, "/health", 7) == 0)
        return ROUTE_HEALTH;
    if (path.len == 8 && memcmp(target, "/metrics", 8) == 0)
        return ROUTE_METRICS;
    return ROUTE_NONE;
}

/* What the head, complete now, is answered with at once; 0: read on. Sets route and body_at. */
static int judge_head(struct http_conn *conn, bool *expects)
{
    const llhttp_t *parser = &conn->parser;
    const char *base = (const char *)conn->in.data + conn->start;
    const char *end = (const char *)conn->in.data + conn->in.len;
    const char *at = base;
    struct line line, value;
    unsigned hosts = 0, codings = 0;
    bool known_coding = true, known_expect = true;

    *expects = false;
    if (!next_line(&at, end, &line))
        return 400;
    conn->route = route_of(&line);
    for (;;) {
        if (!next_line(&at, end, &line))
            return at - base > HTTP_HEAD_MAX ? 431 : 400;
        if (line.len == 0)
            break;
        switch (line.at[0] | 0x20) {
        case ' ': /* folded: obsolete, and read differently by different servers */
        case '\t' | 0x20:
            return 400;
        case 'h':
            hosts += header(&line, "host", &value);
            break;
        case 'e':
            if (header(&line, "expect", &value)) {
                *expects = true;
                known_expect = known_expect && is(&value, "100-continue");
            }
            break;
        case 't':
            if (header(&line, "transfer-encoding", &value)) {
                codings++;
                known_coding = known_coding && is(&value, "chunked");
            }
            break;
        default:
            break;
        }
    }
    conn->body_at = (size_t)(at - base);

    if (conn->body_at > HTTP_HEAD_MAX)
        return 431;
    if (parser->http_major != 1 || parser->http_minor > 1)
        return 505;
    if (codings > 1 || (codings && parser->http_minor == 0))
        return 400;
    if (!known_coding)
        return 501;
    if (hosts > 1 || (hosts == 0 && parser->http_minor == 1))
        return 400;
    if (parser->method == HTTP_CONNECT)
        return 501;
    if (conn->route == ROUTE_NONE)
        return 404;
    bool reads = parser->method == HTTP_GET || parser->method == HTTP_HEAD;
    if (conn->route == ROUTE_WORK ? parser->method != HTTP_POST : !reads)
        return 405;
    if (!known_expect)
        return 417;
    if ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > conn->max_body_bytes)
        return 413;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_conn *conn = parser->data;
    bool expects;
    conn->head = parser->method == HTTP_HEAD;
    conn->status = judge_head(conn, &expects);
    if (conn->status)
        return -1;
    conn->head_done = true;
    conn->chunked = parser->flags & F_CHUNKED;
    /* A small write into an empty socket buffer: that it does not fit all but never happens, and a
     * client that waits for it in vain sends its body anyway (RFC 9110, 10.1.1). */
    bool wants_body = conn->chunked || parser->content_length > 0;
    bool has_all = conn->in.len - conn->start >= conn->body_at + parser->content_length;
    if (expects && wants_body && (conn->chunked || !has_all) && parser->http_minor == 1)
        (void)!send(conn->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL | MSG_DONTWAIT);
    return 0;
}

/* A body of known length is contiguous already; chunks are moved together, over their framing. */
static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_conn *conn = parser->data;
    if (len > conn->max_body_bytes - conn->body_len) {
        conn->status = 413;
        return -1;
    }
    uint8_t *to = conn->in.data + conn->start + conn->body_at + conn->body_len;
    if ((const char *)to != at)
        memmove(to, at, len);
    conn->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_conn *conn = parser->data;
    conn->complete = true;
    conn->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t request_settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_conn_init(struct http_conn *conn, int fd, size_t max_body_bytes)
{
    *conn = (struct http_conn){.fd = fd, .keep_alive = true, .max_body_bytes = max_body_bytes};
    llhttp_init(&conn->parser, HTTP_REQUEST, &request_settings);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void http_conn_finish(struct http_conn *conn)
{
    /* Closing with bytes unread resets the connection, which may take the last reply from the
     * client's hands: read what is already there, up to a bound. */
    if (conn->fd >= 0 && !conn->keep_alive) {
        char waste[4096];
        shutdown(conn->fd, SHUT_WR);
        for (int i = 0; i < 64; i++) {
            if (recv(conn->fd, waste, sizeof waste, MSG_DONTWAIT) <= 0)
                break;
        }
    }
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    bytes_finish(&conn->in);
    bytes_finish(&conn->out);
}

ssize_t http_conn_read(struct http_conn *conn, int flags)
{
    if (conn->start > 0) { /* what is left of a pipeline goes to the front */
        conn->in.len -= conn->start;
        conn->parsed_to -= conn->start;
        memmove(conn->in.data, conn->in.data + conn->start, conn->in.len);
        conn->start = 0;
    }
    size_t room = READ_SIZE;
    if (conn->head_done && !conn->chunked && conn->parser.content_length > room)
        room =
            conn->parser.content_length < READ_MAX ? (size_t)conn->parser.content_length : READ_MAX;
    bytes_reserve(&conn->in, room);
    room = conn->in.cap - conn->in.len;
    ssize_t got;
    do {
        got = recv(conn->fd, conn->in.data + conn->in.len, room, flags);
    } while (got < 0 && errno == EINTR);
    conn->drained = got < (ssize_t)room;
    if (got > 0) {
        conn->in.len += (size_t)got;
        return got;
    }
    int error = got == 0 ? 0 : -errno;
    if (conn->in.len == 0)
        bytes_finish(&conn->in);
    return error;
}

/* llhttp stopped: which status says why? */
static int status_of(const struct http_conn *conn, llhttp_errno_t why)
{
    if (conn->status)
        return conn->status;
    const char *at = (const char *)conn->in.data + conn->start;
    size_t len = conn->in.len - conn->start;
    switch (why) {
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        return 505;
    case HPE_INVALID_METHOD: { /* a word, as far as it was read: well-formed, but unknown */
        size_t word = 0;
        while (word < len && ((at[word] >= 'A' && at[word] <= 'Z') || at[word] == '-'))
            word++;
        return word > 0 && (word == len || at[word] == ' ') ? 501 : 400;
    }
    default:
        return 400;
    }
}

static enum http_step refuse(struct http_conn *conn, int status)
{
    conn->status = status;
    conn->keep_alive = false;
    conn->body = NULL;
    conn->body_len = 0;
    return HTTP_REFUSE;
}

enum http_step http_conn_parse(struct http_conn *conn)
{
    const char *data = (const char *)conn->in.data;
    if (!conn->begun) { /* an empty line before a request is passed over (RFC 9112, 2.2) */
        while (conn->parsed_to < conn->in.len &&
               (data[conn->parsed_to] == '\r' || data[conn->parsed_to] == '\n'))
            conn->parsed_to++;
        conn->start = conn->parsed_to;
    }
    size_t len = conn->in.len - conn->parsed_to;
    if (len == 0) {
        if (!conn->begun) {
            bytes_finish(&conn->in);
            conn->start = conn->parsed_to = 0;
        }
        return HTTP_MORE;
    }
    conn->begun = true;
    conn->parser.data = conn;
    size_t body_before = conn->body_len;
    llhttp_errno_t error = llhttp_execute(&conn->parser, data + conn->parsed_to, len);
    if (conn->complete) {
        conn->parsed_to = (size_t)(llhttp_get_error_pos(&conn->parser) - data);
        conn->body = conn->in.data + conn->start + conn->body_at;
        return conn->route == ROUTE_WORK     ? HTTP_WORK
               : conn->route == ROUTE_HEALTH ? HTTP_HEALTH
                                             : HTTP_METRICS;
    }
    if (error != HPE_OK)
        return refuse(conn, status_of(conn, error));

    conn->parsed_to = conn->in.len;
    if (!conn->head_done)
        return conn->in.len - conn->start > HTTP_HEAD_MAX ? refuse(conn, 431) : HTTP_MORE;
    if (conn->chunked) { /* the framing is read and can go; a sender of nothing else is stopped */
        conn->framing += len - (conn->body_len - body_before);
        if (conn->framing > HTTP_HEAD_MAX + 16 * (uint64_t)conn->body_len)
            return refuse(conn, 400);
        conn->in.len = conn->parsed_to = conn->start + conn->body_at + conn->body_len;
    }
    return HTTP_MORE;
}

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
        bytes_finish(&conn->in);
        conn->start = conn->parsed_to = 0;
    }
}

int http_conn_reply(struct http_conn *conn, int status, const char *content_type,
                    const uint8_t *body, size_t body_len, bool stopping, int flags)
{
    char head[512];
    char *at = head;
    /* What was read behind this request is answered, too: the connection ends after the last. */
    if (stopping && conn->in.len == conn->parsed_to)
        conn->keep_alive = false;
    if (status == 200) {
        at = put(at, "HTTP/1.1 200 OK\r\n");
    } else {
        at = put(at, "HTTP/1.1 ");
        at = put_number(at, (uint64_t)status);
        *at++ = ' ';
        at = put(at, reason(status));
        at = put(at, "\r\n");
    }
    if (content_type && strlen(content_type) < 256) {
        at = put(at, "Content-Type: ");
        at = put(at, content_type);
        at = put(at, "\r\n");
    }
    if (status == 405)
        at = put(at, conn->route == ROUTE_WORK ? "Allow: POST\r\n" : "Allow: GET, HEAD\r\n");
    if (!conn->keep_alive)
        at = put(at, "Connection: close\r\n");
    else if (conn->parser.http_minor == 0)
        at = put(at, "Connection: keep-alive\r\n");
    at = put(at, "Content-Length: ");
    at = put_number(at, body_len);
    at = put(at, "\r\n\r\n");
    if (conn->head)
        body_len = 0;

    struct iovec parts[2] = {{head, (size_t)(at - head)}, {(void *)(uintptr_t)body, body_len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_len ? 2 : 1};
    size_t total = parts[0].iov_len + body_len;
    ssize_t sent;
    do {
        sent = sendmsg(conn->fd, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        return -errno;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == total) {
        next_request(conn);
        return 0;
    }

    size_t from_head = done < parts[0].iov_len ? done : parts[0].iov_len;
    bytes_append(&conn->out, head + from_head, parts[0].iov_len - from_head);
    if (body_len)
        bytes_append(&conn->out, body + (done - from_head), body_len - (done - from_head));
    next_request(conn);
    return sent < 0 ? -EAGAIN : http_conn_flush(conn, flags);
}

int http_conn_flush(struct http_conn *conn, int flags)
{
    while (conn->sent < conn->out.len) {
        size_t left = conn->out.len - conn->sent;
        ssize_t sent = send(conn->fd, conn->out.data + conn->sent,
                            left < SEND_MAX ? left : SEND_MAX, flags | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        conn->sent += (size_t)sent;
    }
    bytes_finish(&conn->out);
    conn->sent = 0;
    return 0;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *http_parser_version(void)
{
    return TEXT(LLHTTP_VERSION_MAJOR) "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH);
}
