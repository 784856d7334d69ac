/* SPDX-License-Identifier: MIT */
/*
 * The whole head of a request stays in the read buffer until llhttp has accepted it; then one scan
 * over its lines takes what is needed (target, Host, Expect) and refuses what a proxy in front
 * might read differently: bare CR or LF, folded lines, several Hosts, transfer codings other than
 * chunked. So no header needs a callback, and a connection needs no room for header names.
 */
#include "http.h"
#include "spare.h"
#include "syscalls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE SPARE_SIZE     /* of the first read of a request */
#define READ_MAX ((size_t)65536) /* of one read */

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
static inline bool header(const struct line *line, const char *name, struct line *value)
{
    size_t len = strlen(name);
    if (line->len <= len || line->at[len] != ':')
        return false;
    for (size_t i = 0; i < len; i++) { /* a CR would pass for a '-', but a line holds none */
        if ((line->at[i] | 0x20) != name[i])
            return false;
    }
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
    static const char usual[] = "POST / HTTP/1."; /* said at once */
    if (request_line->len > sizeof usual - 1 &&
        memcmp(request_line->at, usual, sizeof usual - 1) == 0)
        return HTTP_ROUTE_WORK;
    const char *end = request_line->at + request_line->len;
    const char *target = memchr(request_line->at, ' ', request_line->len);
    if (!target)
        return HTTP_ROUTE_NONE;
    target++;
    const char *stop = memchr(target, ' ', (size_t)(end - target));
    if (!stop)
        return HTTP_ROUTE_NONE;
    if (*target != '/' && stop - target > 7 && strncasecmp(target, "http://", 7) == 0) {
        const char *slash = memchr(target + 7, '/', (size_t)(stop - target - 7));
        target = slash ? slash : stop;
        if (!slash)
            return HTTP_ROUTE_WORK;
    }
    const char *query = memchr(target, '?', (size_t)(stop - target));
    struct line path = {target, (size_t)((query ? query : stop) - target)};
    if (path.len == 1 && *target == '/')
        return HTTP_ROUTE_WORK;
    if (path.len == 7 && memcmp(target, "/health", 7) == 0)
        return HTTP_ROUTE_HEALTH;
    if (path.len == 8 && memcmp(target, "/metrics", 8) == 0)
        return HTTP_ROUTE_METRICS;
    return HTTP_ROUTE_NONE;
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
    if (conn->route == HTTP_ROUTE_NONE)
        return 404;
    bool reads = parser->method == HTTP_GET || parser->method == HTTP_HEAD;
    if (conn->route == HTTP_ROUTE_WORK ? parser->method != HTTP_POST : !reads)
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
    /* Asked of the wrong place, and this is all of it: the connection goes on. */
    bool whole = !(parser->flags & F_CHUNKED) && parser->content_length == 0;
    if (conn->status && !(whole && (conn->status == 404 || conn->status == 405)))
        return -1;
    conn->head_done = true;
    conn->chunked = parser->flags & F_CHUNKED;
    /* A small write into an empty socket buffer: that it does not fit all but never happens, and a
     * client that waits for it in vain sends its body anyway (RFC 9110, 10.1.1). */
    bool wants_body = conn->chunked || parser->content_length > 0;
    bool has_all = conn->in.len - conn->start >= conn->body_at + parser->content_length;
    if (expects && wants_body && (conn->chunked || !has_all) && parser->http_minor == 1) {
        syscalls_count();
        (void)!send(conn->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
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
            syscalls_count();
            if (recv(conn->fd, waste, sizeof waste, MSG_DONTWAIT) <= 0)
                break;
        }
    }
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    spare_give(&conn->in);
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
    if (!conn->in.data)
        spare_take(&conn->in);
    bytes_reserve(&conn->in, room);
    room = conn->in.cap - conn->in.len;
    ssize_t got;
    do {
        syscalls_count();
        got = recv(conn->fd, conn->in.data + conn->in.len, room, flags);
    } while (got < 0 && errno == EINTR);
    conn->drained = got < (ssize_t)room;
    if (got > 0) {
        conn->in.len += (size_t)got;
        return got;
    }
    int error = got == 0 ? 0 : -errno;
    if (conn->in.len == 0)
        spare_give(&conn->in);
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
            spare_give(&conn->in);
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
        if (conn->status)
            return HTTP_REFUSE;
        conn->body = conn->in.data + conn->start + conn->body_at;
        return conn->route == HTTP_ROUTE_WORK     ? HTTP_WORK
               : conn->route == HTTP_ROUTE_HEALTH ? HTTP_HEALTH
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

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *http_parser_version(void)
{
    return TEXT(LLHTTP_VERSION_MAJOR) "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH);
}
