/* SPDX-License-Identifier: MIT */
/* Contract: what one peer, or a shortage of descriptors, can take from a server has a bound, and
 * all is well when it is over. */
#include "bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

/* ---- Who asks and does not listen ---- */

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

/* ---- Descriptors ---- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The lowest descriptor that is free. */
static int lowest_free(void)
{
    int next = dup(0);
    close(next);
    return next;
}

static bool connect_to(const struct client *client, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(client->fd, (struct sockaddr *)&to, sizeof to) == 0;
}

/*
 * No descriptors left for accept(): whoever is here is served as ever, and whoever comes is served
 * later, or, if one descriptor can be spared for that, sees the end at once. Nobody spins
 * meanwhile.
 */
static void out_of_descriptors(struct bed *bed)
{
    enum { WAITING = 5, HERE = 10, SHORTAGE_MS = 300, CALLS = 2000, CALLS_PER_MS = 20 };
    const int *descriptors = bed->arg; /* NULL: as many as are open, of which one can be spared */
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    bed_start(bed);
    for (unsigned c = 0; c < bed->threads; c++) {
        bed_open(bed, HERE + (int)c);
        assert_true(client_post(&bed->clients[HERE + c], "#here"));
        assert_true(client_expect(&bed->clients[HERE + c], 200, "#here"));
    }
    /* Sockets first; connecting them takes no descriptor on this side. */
    for (int c = 0; c < WAITING; c++) {
        bed->clients[c].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(bed->clients[c].fd > 0);
        struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
        setsockopt(bed->clients[c].fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    rlim_t most = (rlim_t)(descriptors ? *descriptors : lowest_free());
    uint64_t calls = bed_stats(bed).syscalls, since_ms = now_ms();
    assert_int_equal(
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = most, .rlim_max = before.rlim_max}),
        0);
    bool connected = true, served = true;
    for (int c = 0; c < WAITING; c++) {
        connected &= connect_to(&bed->clients[c], bed->port);
        client_post(&bed->clients[c], "#at last");
        bed_sleep_ms(10);
    }
    for (unsigned c = 0; served && c < bed->threads; c++)
        served = client_post(&bed->clients[HERE + c], "#still") &&
                 client_expect(&bed->clients[HERE + c], 200, "#still");
    bed_sleep_ms(SHORTAGE_MS);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(connected);
    assert_true(served);
    for (int c = 0; c < WAITING; c++) {
        struct client_reply reply;
        int got = client_reply(&bed->clients[c], &reply);
        bool turned_away = !descriptors && (got == 0 || got == -ECONNRESET);
        assert_true(turned_away || (got == 1 && reply.status == 200));
        client_close(&bed->clients[c]);
    }
    newcomers_are_served(bed);
    calls = bed_stats(bed).syscalls - calls;
    if (calls > CALLS + CALLS_PER_MS * (now_ms() - since_ms))
        fail_msg("%llu system calls while there were no descriptors", (unsigned long long)calls);
    bed_stop(bed);
}

int main(int argc, char **argv)
{
    /* Standard input, output and error: not even what a listener keeps in reserve is of use. */
    static const int standard = 3;
    static const struct bed_property properties[] = {
        {"who does not listen is not listened to", who_does_not_listen, NULL},
        {"accept recovers from EMFILE", out_of_descriptors, NULL},
        {"and serves who waits, if none can be spared", out_of_descriptors, &standard},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
