/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void raise_to(_Atomic int *max, int value)
{
    int seen = atomic_load(max);
    while (value > seen && !atomic_compare_exchange_weak(max, &seen, value))
        ;
}

static void hang_up(struct service *service, struct service_connection *connection)
{
    if (connection->held)
        atomic_fetch_sub(&service->held, 1);
    close(connection->fd);
    bytes_finish(&connection->in);
    memset(connection, 0, sizeof *connection);
    connection->fd = -1;
    atomic_fetch_sub(&service->open, 1);
}

/* Replies are moderate and the peer reads them: a blocking send suffices. A peer that is gone is
 * noticed when its connection is read. */
static void say(const struct service_connection *connection, const void *data, size_t len)
{
    (void)!send(connection->fd, data, len, MSG_NOSIGNAL);
}

static void answer(struct service_connection *connection, int status, const char *extra)
{
    struct bytes out = {0};
    char head[128];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n", status,
                     extra, connection->body_len);
    bytes_append(&out, head, (size_t)n);
    bytes_append(&out, connection->body, connection->body_len);
    say(connection, out.data, out.len);
    bytes_finish(&out);
    connection->in.len = 0;
}

static void answer_in_chunks(struct service_connection *connection)
{
    char text[128];
    int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(connection, text, (size_t)n);
    for (size_t i = 0; i < connection->body_len; i++) {
        n = snprintf(text, sizeof text, "1\r\n%c\r\n", connection->body[i]);
        say(connection, text, (size_t)n);
    }
    say(connection, "0\r\n\r\n", 5);
    connection->in.len = 0;
}

static bool asked(const struct service_connection *connection, const char *word)
{
    return connection->body_len >= strlen(word) && !memcmp(connection->body, word, strlen(word));
}

static void serve(struct service *service, struct service_connection *connection)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of";
    atomic_fetch_add(&service->requests, 1);
    if (asked(connection, "hold") && !atomic_load(&service->released)) {
        connection->held = true;
        raise_to(&service->held_max, atomic_fetch_add(&service->held, 1) + 1);
    } else if (asked(connection, "stall")) {
        /* says nothing, listens on */
    } else if (asked(connection, "die")) {
        say(connection, half, sizeof half - 1);
        hang_up(service, connection);
    } else if (asked(connection, "drop")) {
        hang_up(service, connection);
    } else if (asked(connection, "bye")) {
        answer(connection, 200, "Connection: close\r\n");
        hang_up(service, connection);
    } else if (asked(connection, "leave")) {
        answer(connection, 200, "");
        hang_up(service, connection);
    } else if (asked(connection, "chunks")) {
        answer_in_chunks(connection);
    } else if (asked(connection, "error")) {
        answer(connection, 500, "");
    } else if (asked(connection, "noise")) {
        say(connection, "\x16\x03\x01 not HTTP\r\n\r\n", 16);
    } else {
        answer(connection, 200, "");
    }
}

/* One request at a time: a client of ours sends the next one only after the reply. */
static void hear(struct service *service, struct service_connection *connection)
{
    struct bytes *in = &connection->in;
    ssize_t n = recv(connection->fd, bytes_reserve(in, 65537), 65536, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            hang_up(service, connection);
        return;
    }
    in->len += (size_t)n;
    in->data[in->len] = 0; /* the head is text, and its end comes before any zero of the body */
    char *head = (char *)in->data, *head_end = strstr(head, "\r\n\r\n");
    char *length = strcasestr(head, "\r\ncontent-length:");
    if (!head_end || !length || length > head_end)
        return;
    connection->body = (const uint8_t *)head_end + 4;
    connection->body_len = strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    if (in->data + in->len >= connection->body + connection->body_len)
        serve(service, connection);
}

/* Who closed before a new one came is not counted beside it, even if poll() saw it too late. */
static void bury_the_dead(struct service *service)
{
    char byte;
    for (int i = 0; i < SERVICE_CONNECTIONS; i++) {
        struct service_connection *connection = &service->connections[i];
        if (connection->fd < 0)
            continue;
        ssize_t n = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) /* the end, or a reset */
            hang_up(service, connection);
    }
}

static void welcome(struct service *service)
{
    int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    bury_the_dead(service);
    for (int i = 0; i < SERVICE_CONNECTIONS; i++)
        if (service->connections[i].fd < 0) {
            service->connections[i].fd = fd;
            atomic_fetch_add(&service->accepted, 1);
            raise_to(&service->open_max, atomic_fetch_add(&service->open, 1) + 1);
            return;
        }
    raise_to(&service->open_max, SERVICE_CONNECTIONS + 1);
    close(fd);
}

static void answer_held(struct service *service)
{
    for (int i = 0; i < SERVICE_CONNECTIONS; i++)
        if (service->connections[i].fd >= 0 && service->connections[i].held) {
            service->connections[i].held = false;
            atomic_fetch_sub(&service->held, 1);
            answer(&service->connections[i], 200, "");
        }
}

static void *service_main(void *arg)
{
    struct service *service = arg;
    struct pollfd polled[SERVICE_CONNECTIONS + 2];
    while (!atomic_load(&service->stop)) {
        for (int i = 0; i < SERVICE_CONNECTIONS; i++)
            polled[i] = (struct pollfd){.fd = service->connections[i].fd, .events = POLLIN};
        bool away = atomic_load(&service->away);
        polled[SERVICE_CONNECTIONS] =
            (struct pollfd){.fd = away ? -1 : service->listener, .events = POLLIN};
        polled[SERVICE_CONNECTIONS + 1] = (struct pollfd){.fd = service->wake[0], .events = POLLIN};
        if (poll(polled, SERVICE_CONNECTIONS + 2, -1) < 0) {
            if (errno == EINVAL) /* a test has the process out of descriptors, for a moment */
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            else if (errno != EINTR)
                break;
            continue;
        }
        /* Ends before beginnings: a connection that was replaced is not counted twice. */
        for (int i = 0; i < SERVICE_CONNECTIONS; i++)
            if (polled[i].revents && service->connections[i].fd >= 0)
                hear(service, &service->connections[i]);
        if (polled[SERVICE_CONNECTIONS].revents)
            welcome(service);
        char byte;
        for (int i = 0; i < SERVICE_CONNECTIONS && atomic_load(&service->away); i++)
            if (service->connections[i].fd >= 0)
                hang_up(service, &service->connections[i]);
        if (polled[SERVICE_CONNECTIONS + 1].revents && read(service->wake[0], &byte, 1) == 1 &&
            atomic_load(&service->released))
            answer_held(service);
    }
    return NULL;
}

/* Port 0 becomes one that was free. One that was asked for by its number stays this socket's even
 * when it is shut down (service_leave), so the second of two sockets listens. */
static int bound(struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)at, len) == 0 &&
        getsockname(fd, (struct sockaddr *)at, &len) == 0)
        return fd;
    close(fd);
    return -1;
}

int service_start(struct service *service)
{
    memset(service, 0, sizeof *service);
    for (int i = 0; i < SERVICE_CONNECTIONS; i++)
        service->connections[i].fd = -1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int any = bound(&at);
    service->listener = any < 0 ? -1 : bound(&at);
    if (any >= 0)
        close(any);
    if (service->listener < 0 || listen(service->listener, 128) < 0 || pipe(service->wake) < 0)
        return -errno;
    service->port = ntohs(at.sin_port);
    snprintf(service->address, sizeof service->address, "127.0.0.1:%u", service->port);
    return -pthread_create(&service->thread, NULL, service_main, service);
}

static void wake(struct service *service)
{
    while (write(service->wake[1], "", 1) < 0 && errno == EINTR)
        ;
}

void service_release(struct service *service)
{
    atomic_store(&service->released, true);
    wake(service);
}

/* Shut down, a listening socket keeps its port and refuses. */
void service_leave(struct service *service)
{
    atomic_store(&service->away, true);
    shutdown(service->listener, SHUT_RDWR);
    wake(service);
}

void service_return(struct service *service)
{
    listen(service->listener, 128);
    atomic_store(&service->away, false);
    wake(service);
}

void service_stop(struct service *service)
{
    atomic_store(&service->stop, true);
    wake(service);
    pthread_join(service->thread, NULL);
    for (int i = 0; i < SERVICE_CONNECTIONS; i++)
        if (service->connections[i].fd >= 0)
            hang_up(service, &service->connections[i]);
    close(service->listener);
    close(service->wake[0]);
    close(service->wake[1]);
}
