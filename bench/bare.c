/* SPDX-License-Identifier: MIT */
/*
 * A server that does next to nothing, to bound load generators and all that is measured with them:
 * of a request it looks for its length, and for nothing else, and every one gets the same answer,
 * after which the connection may be closed. No parser, no time-outs, one thread. Right for
 * generators that send one request at a time and its head in one piece, as load, wrk, wrk2 and
 * h2load --h1 do.
 */
#include "options.h"
#include "process.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 128

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\n"                                                                          \
    "Server: bare\r\n"                                                                             \
    "Content-Type: text/plain\r\n"
#define CLOSING HEAD "Connection: close\r\n"
#define GREETING "Content-Length: 13\r\n\r\nHello, World!"
#define LENGTH "Content-Length: %010zu\r\n\r\n"
#define LENGTH_DIGITS 10

/* What a connection is in the middle of; all 0 between two requests. */
struct connection {
    size_t to_come; /* bytes of the request */
    size_t request_len, sent;
    bool waits; /* for room to go on sending: nothing is read meanwhile */
};

struct bare {
    bool same_size, close;
    int epoll, listener;
    struct connection *connections; /* by descriptor */
    size_t cap;
    char request[1 << 16];
    char answer[1 << 20]; /* in kind: a head, and then one byte over and over */
};

static int listen_anywhere(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

/* false: no memory. */
static bool begin(struct bare *bare, int fd)
{
    if ((size_t)fd >= bare->cap) {
        size_t cap = 2 * (size_t)fd + 64;
        struct connection *more = realloc(bare->connections, cap * sizeof *more);
        if (!more)
            return false;
        bare->connections = more;
        bare->cap = cap;
    }
    bare->connections[fd] = (struct connection){0};
    return true;
}

static void take_all(struct bare *bare)
{
    const int one = 1;
    for (int fd; (fd = accept4(bare->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (!begin(bare, fd) || epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            close(fd);
    }
}

/* Of the request whose first bytes these are: what its head says, or, if that says nothing, what is
 * here. data ends with a 0. */
static size_t whole_len(const char *data, size_t len)
{
    static const char name[] = "\ncontent-length:";
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return len;
    for (const char *line = data; (line = memchr(line, '\n', (size_t)(end - line))); line++) {
        if (strncasecmp(line, name, sizeof name - 1) == 0)
            return (size_t)(end + 4 - data) + strtoul(line + sizeof name - 1, NULL, 10);
    }
    return len;
}

/* Is a request complete? If not, more is to come, or errno is not EAGAIN: the connection is
 * over. */
static bool receive(struct bare *bare, int fd, struct connection *c)
{
    do {
        ssize_t n = recv(fd, bare->request, sizeof bare->request - 1, 0);
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            return false;
        }
        bare->request[n] = '\0';
        if (c->to_come == 0)
            c->to_come = c->request_len = whole_len(bare->request, (size_t)n);
        c->to_come -= (size_t)n < c->to_come ? (size_t)n : c->to_come;
    } while (c->to_come > 0);
    return true;
}

/* As many bytes as the request had, if a head goes into that. Returns how many. */
static size_t answer_in_kind(struct bare *bare, size_t request_len)
{
    const char *format = bare->close ? CLOSING LENGTH : HEAD LENGTH;
    const size_t head_len = strlen(format) - strlen("%010zu") + LENGTH_DIGITS;
    const size_t body_len = request_len > head_len ? request_len - head_len : 0;
    snprintf(bare->answer, head_len + 1, format, body_len);
    bare->answer[head_len] = 'x'; /* the text's end */
    return head_len + body_len;
}

/* Is the answer sent? As with receive(). */
static bool answer(struct bare *bare, int fd, struct connection *c)
{
    const char *greeting = bare->close ? CLOSING GREETING : HEAD GREETING;
    const char *data = bare->same_size ? bare->answer : greeting;
    size_t len = bare->same_size ? answer_in_kind(bare, c->request_len) : strlen(greeting);
    while (c->sent < len) {
        /* What lies behind the buffer's end is as what lies in its second half. */
        size_t from = c->sent, left = len - c->sent;
        if (bare->same_size && from > sizeof bare->answer / 2)
            from = sizeof bare->answer / 2;
        if (bare->same_size && left > sizeof bare->answer - from)
            left = sizeof bare->answer - from;
        ssize_t n = send(fd, data + from, left, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        c->sent += (size_t)n;
    }
    return true;
}

/* Of what it is told: when there is something to read, or when there is room. */
static bool tell(const struct bare *bare, int fd, struct connection *c, bool room)
{
    struct epoll_event event = {.events = room ? EPOLLOUT : EPOLLIN, .data.fd = fd};
    c->waits = room;
    return epoll_ctl(bare->epoll, EPOLL_CTL_MOD, fd, &event) == 0;
}

/* Goes on with a connection. Is it to stay? */
static bool serve(struct bare *bare, int fd, struct connection *c)
{
    const bool waited = c->waits;
    if (!waited && !receive(bare, fd, c))
        return errno == EAGAIN;
    if (!answer(bare, fd, c))
        return errno == EAGAIN && (waited || tell(bare, fd, c, true));
    *c = (struct connection){0};
    return !bare->close && (!waited || tell(bare, fd, c, false));
}

int main(int argc, char **argv)
{
    static struct bare bare;
    struct options_entry entries[] = {
        OPTIONS_FLAG("--same-size", &bare.same_size, "answers are as long as the requests"),
        OPTIONS_FLAG("--close", &bare.close, "every answer closes its connection"),
        {0},
    };
    const struct options options = {"bare", "the same answer to everything, on any free port",
                                    entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    process_prepare();
    memset(bare.answer, 'x', sizeof bare.answer);
    uint16_t port = 0;
    bare.listener = listen_anywhere(&port);
    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = bare.listener};
    if (bare.listener < 0 || bare.epoll < 0 ||
        epoll_ctl(bare.epoll, EPOLL_CTL_ADD, bare.listener, &event) != 0) {
        fprintf(stderr, "bare: %s\n", strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(bare.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == bare.listener)
                take_all(&bare);
            else if (!serve(&bare, fd, &bare.connections[fd]))
                close(fd);
        }
    }
}
