/* SPDX-License-Identifier: MIT */
/* Contract: what one peer can take from a server has a bound. */
#include "bed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NEWCOMER = 40 };

static void newcomers_are_served(struct bed *bed)
{
    for (int c = NEWCOMER; c < NEWCOMER + 6; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "+f1f2#newcomer"));
        assert_true(client_expect(&bed->clients[c], 200, "+f1f2#newcomer"));
        client_close(&bed->clients[c]);
    }
}

enum {
    BODY = 16000,
    AT_EASE_MS = 300, /* no room for so long: the server has most likely stopped reading */
    OWN = 4 << 20,    /* bytes that a model may take into memory of its own */
};

/* Requests with a number, each answered by its like. */
struct flood {
    struct client *client;
    unsigned begun; /* requests */
    char body[BODY + 1], text[BODY + 128];
    size_t len, at;    /* of the one that is being sent */
    size_t sent, most; /* bytes of all */
};

static const char *numbered(struct flood *flood, unsigned number)
{
    char digits[16];
    int len = snprintf(digits, sizeof digits, "#%010u", number);
    memcpy(flood->body, digits, (size_t)len);
    return flood->body;
}

static void flood_init(struct flood *flood, struct client *client, size_t most)
{
    *flood = (struct flood){.client = client, .most = most};
    memset(flood->body, '.', BODY);
}

/* As much as there is room for. False: the connection is broken. */
static bool pour(struct flood *flood)
{
    while (flood->sent < flood->most) {
        if (flood->at == flood->len) {
            const char *body = numbered(flood, flood->begun++);
            flood->len = client_format(flood->text, sizeof flood->text, body);
            flood->at = 0;
        }
        ssize_t sent = send(flood->client->fd, flood->text + flood->at, flood->len - flood->at,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        flood->at += (size_t)sent;
        flood->sent += (size_t)sent;
    }
    return true;
}

static size_t most_of(const char *path, size_t otherwise)
{
    size_t most = 0;
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*u %*u %zu", &most) != 1)
        most = 0;
    if (file)
        fclose(file);
    return most ? most : otherwise;
}

/* What the kernel may hold for a connection, besides the little that the client grants: replies on
 * their way, and as many bytes of requests for them; and requests that nobody has read. */
static size_t kernel_most(void)
{
    return most_of("/proc/sys/net/ipv4/tcp_wmem", 4 << 20) +
           most_of("/proc/sys/net/ipv4/tcp_rmem", 32 << 20);
}

/* A pipeline whose replies nobody reads: the server stops reading it, too. Nothing of it is lost.
 */
static void who_does_not_listen(struct bed *bed)
{
    static struct flood flood;
    const int little = 65536, much = 4 << 20;
    bed_start(bed);
    bed_open(bed, 0);
    struct client *client = &bed->clients[0];
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    flood_init(&flood, client, kernel_most() + OWN);
    struct pollfd room = {.fd = client->fd, .events = POLLOUT};
    do
        assert_true(pour(&flood));
    while (flood.sent < flood.most && poll(&room, 1, AT_EASE_MS) == 1);
    if (flood.sent >= flood.most)
        fail_msg("%zu bytes were taken from who reads no reply", flood.sent);

    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &much, sizeof much);
    unsigned whole = flood.begun - (flood.at < flood.len);
    for (unsigned i = 0; i < whole; i++)
        assert_true(client_expect(client, 200, numbered(&flood, i)));
    if (whole < flood.begun) {
        assert_true(client_send(client, flood.text + flood.at, flood.len - flood.at));
        assert_true(client_expect(client, 200, numbered(&flood, whole)));
    }
    newcomers_are_served(bed);
    bed_stop(bed);
    assert_int_equal(bed->final.answered, flood.begun + 6);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"who does not listen is not listened to", who_does_not_listen, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
