/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

bool client_open(struct client *client, uint16_t port)
{
    memset(client, 0, sizeof *client);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return false;
    struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        client_close(client);
        return false;
    }
    return true;
}

void client_close(struct client *client)
{
    if (client->fd > 0)
        close(client->fd);
    free(client->in);
    memset(client, 0, sizeof *client);
}

void client_reset(struct client *client)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_close(client);
}

bool client_send(struct client *client, const void *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(client->fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

bool client_settle(struct client *client)
{
    for (int ms = 0; ms < CLIENT_PATIENCE_S * 1000; ms++) {
        int left; /* sent and not acknowledged, or not even sent */
        if (ioctl(client->fd, SIOCOUTQ, &left) < 0)
            return false;
        if (left == 0)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

bool client_say(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

size_t client_format(char *text, size_t cap, const char *body)
{
    int n = snprintf(text, cap, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(body), body);
    return (size_t)n;
}

bool client_post(struct client *client, const char *body)
{
    size_t cap = strlen(body) + 128;
    char *text = malloc(cap);
    if (!text)
        return false;
    bool sent = client_send(client, text, client_format(text, cap, body));
    free(text);
    return sent;
}

bool client_get(struct client *client, const char *path)
{
    char text[256];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    return client_send(client, text, (size_t)n);
}

/* 1: more bytes; 0: the end; < 0: an errno. */
static int read_more(struct client *client)
{
    if (client->at > 0) {
        memmove(client->in, client->in + client->at, client->len - client->at);
        client->len -= client->at;
        client->at = 0;
    }
    if (client->cap - client->len < 4096) {
        size_t cap = client->cap * 2 + 65536;
        char *in = realloc(client->in, cap);
        if (!in)
            return -ENOMEM;
        client->in = in;
        client->cap = cap;
    }
    ssize_t n = recv(client->fd, client->in + client->len, client->cap - client->len - 1, 0);
    if (n < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    client->len += (size_t)n;
    client->in[client->len] = 0;
    return n > 0;
}

/* Length of the head at `at`, 0 if it is not complete yet. */
static size_t head_length(const struct client *client)
{
    if (client->len <= client->at)
        return 0;
    const char *from = client->in + client->at;
    const char *end = memmem(from, client->len - client->at, "\r\n\r\n", 4);
    return end ? (size_t)(end - from) + 4 : 0;
}

/* The value of a header in the head, or NULL. */
static const char *header(const char *head, size_t head_len, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *line = head; line && line < head + head_len;) {
        if (!strncasecmp(line, name, name_len) && line[name_len] == ':') {
            const char *value = line + name_len + 1;
            return value + strspn(value, " ");
        }
        line = memmem(line, (size_t)(head + head_len - line), "\r\n", 2);
        line = line ? line + 2 : NULL;
    }
    return NULL;
}

static int next_reply(struct client *client, struct client_reply *reply, bool to_head)
{
    size_t head_len;
    while (!(head_len = head_length(client))) {
        int more = read_more(client);
        if (more < 0)
            return more;
        if (more == 0)
            return client->len > client->at ? -EBADMSG : 0;
    }
    const char *head = client->in + client->at;
    memset(reply, 0, sizeof *reply);
    if (sscanf(head, "HTTP/1.1 %3d ", &reply->status) != 1)
        return -EBADMSG;
    const char *connection = header(head, head_len, "Connection");
    reply->close = connection && !strncasecmp(connection, "close", 5);
    const char *length = header(head, head_len, "Content-Length");
    if (!length && reply->status >= 200 && !to_head)
        return -EBADMSG;
    size_t body_len = length && !to_head ? strtoul(length, NULL, 10) : 0;

    while (client->len - client->at < head_len + body_len) {
        int more = read_more(client);
        if (more < 0)
            return more;
        if (more == 0)
            return -EBADMSG;
    }
    reply->body = client->in + client->at + head_len;
    reply->body_len = body_len;
    client->at += head_len + body_len;
    return 1;
}

int client_reply(struct client *client, struct client_reply *reply)
{
    return next_reply(client, reply, false);
}

int client_reply_head(struct client *client, struct client_reply *reply)
{
    return next_reply(client, reply, true);
}

bool client_expect(struct client *client, int status, const char *body)
{
    struct client_reply reply;
    int got = client_reply(client, &reply);
    if (got != 1) {
        fprintf(stderr, "expected %d '%.60s', got %s\n", status, body ? body : "",
                got == 0 ? "the end" : strerror(-got));
        return false;
    }
    if (reply.status != status || (body && (reply.body_len != strlen(body) ||
                                            memcmp(reply.body, body, reply.body_len) != 0))) {
        fprintf(stderr, "expected %d '%.60s', got %d '%.*s'\n", status, body ? body : "",
                reply.status, (int)(reply.body_len > 60 ? 60 : reply.body_len), reply.body);
        return false;
    }
    return true;
}

bool client_expect_end(struct client *client, bool may_reset)
{
    int more = client->len > client->at ? 1 : read_more(client);
    if (more == 0 || (may_reset && (more == -ECONNRESET || more == -EPIPE)))
        return true;
    fprintf(stderr, "expected the end, got %s\n",
            more == 1 ? client->in + client->at : strerror(-more));
    return false;
}

bool client_silent(struct client *client, int ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    return client->len == client->at && poll(&ready, 1, ms) == 0;
}
