/* SPDX-License-Identifier: MIT */
/*
 * A server that does next to nothing, to bound load generators and all that is measured with them:
 * whatever one recv() brings is one request, and every one gets the same answer, after which the
 * connection may be closed. No parser, no time-outs, one thread. Right for generators that send
 * small requests one at a time, as load, wrk, wrk2 and h2load --h1 do.
 */
#include "options.h"
#include "process.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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
#define LENGTH "Content-Length: %06zu\r\n\r\n"

struct answers {
    bool same_size, close;
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

static void take_all(int epoll, int listener)
{
    const int one = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            close(fd);
    }
}

/* As many bytes as the request had, if a head goes into that. Returns how many. */
static size_t answer_in_kind(char *answer, size_t cap, size_t request_len, bool closing)
{
    const size_t format_len = closing ? sizeof CLOSING LENGTH : sizeof HEAD LENGTH;
    const size_t head_len = format_len - 1 - strlen("%06zu") + 6;
    size_t body_len = request_len > head_len ? request_len - head_len : 0;
    snprintf(answer, cap, closing ? CLOSING LENGTH : HEAD LENGTH, body_len);
    memset(answer + head_len, 'x', body_len);
    return head_len + body_len;
}

static void serve(int fd, const struct answers *answers)
{
    char request[16384], answer[sizeof request + 256];
    const char *greeting = answers->close ? CLOSING GREETING : HEAD GREETING;
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n > 0 && answers->same_size)
        n = send(fd, answer, answer_in_kind(answer, sizeof answer, (size_t)n, answers->close),
                 MSG_NOSIGNAL);
    else if (n > 0)
        n = send(fd, greeting, strlen(greeting), MSG_NOSIGNAL);
    if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && answers->close))
        close(fd);
}

int main(int argc, char **argv)
{
    struct answers answers = {false, false};
    struct options_entry entries[] = {
        OPTIONS_FLAG("--same-size", &answers.same_size, "answers are as long as the requests"),
        OPTIONS_FLAG("--close", &answers.close, "every answer closes its connection"),
        {0},
    };
    const struct options options = {"bare", "the same answer to everything, on any free port",
                                    entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    process_prepare();
    uint16_t port;
    int listener = listen_anywhere(&port), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        fprintf(stderr, "bare: %s\n", strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                take_all(epoll, listener);
            else
                serve(events[i].data.fd, &answers);
        }
    }
}
