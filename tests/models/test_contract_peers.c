/* SPDX-License-Identifier: MIT */
/* Contract: slow, idle, silent and vanishing peers harm nobody but themselves. */
#include "bed.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OTHER = 20 };

/* More than a connection's buffers hold when its reader does not let its own grow. */
static size_t large_bytes(void)
{
    static size_t bytes;
    FILE *file = bytes ? NULL : fopen("/proc/sys/net/ipv4/tcp_wmem", "r");
    unsigned long most = 0;
    if (file && fscanf(file, "%*u %*u %lu", &most) != 1)
        most = 0;
    if (file)
        fclose(file);
    if (!bytes)
        bytes = (most ? most : 4 << 20) + (1 << 20);
    return bytes;
}

static void ask_and_do_not_read(struct bed *bed, int client)
{
    bed_open(bed, client);
    setsockopt(bed->clients[client].fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    char order[32];
    snprintf(order, sizeof order, "b%zu", large_bytes());
    assert_true(client_post(&bed->clients[client], order));
}

/* How many slow peers a model carries while others are still served at once. */
static int bearable(const struct bed *bed)
{
    return (int)bed_expected_overlap(bed, 6) - 1;
}

/* Reads fast from now on. */
static void widen(struct client *client)
{
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &(int){4 << 20}, sizeof(int));
}

static void others_are_served(struct bed *bed, int requests)
{
    for (int c = OTHER; c < OTHER + 3; c++)
        bed_open(bed, c);
    for (int i = 0; i < requests; i++) {
        struct client *client = &bed->clients[OTHER + i % 3];
        assert_true(client_post(client, "+f1f2#others"));
        assert_true(client_expect(client, 200, "+f1f2#others"));
    }
    for (int c = OTHER; c < OTHER + 3; c++)
        client_close(&bed->clients[c]);
}

static void expect_large(struct client *client)
{
    struct client_reply reply;
    uint8_t *pattern = malloc(large_bytes());
    assert_non_null(pattern);
    probe_pattern(pattern, large_bytes());
    widen(client);
    int got = client_reply(client, &reply);
    bool same =
        got == 1 && reply.body_len == large_bytes() && !memcmp(reply.body, pattern, large_bytes());
    free(pattern);
    assert_int_equal(got, 1);
    assert_true(same);
}

static void slow_readers(struct bed *bed)
{
    int slow = bearable(bed);
    if (slow == 0)
        bed_skip(bed, "one takes the only thread: see those who are given up");
    bed_start(bed);
    for (int c = 0; c < slow; c++)
        ask_and_do_not_read(bed, c);
    assert_true(bed_wait_turns(bed, (uint64_t)slow));
    others_are_served(bed, 30);
    for (int c = 0; c < slow; c++) { /* now they read after all */
        assert_true(client_post(&bed->clients[c], "#next"));
        expect_large(&bed->clients[c]);
        assert_true(client_expect(&bed->clients[c], 200, "#next"));
    }
    bed_stop(bed);
}

static void late_reader_gets_all(struct bed *bed)
{
    bed_start(bed);
    ask_and_do_not_read(bed, 0);
    assert_true(client_post(&bed->clients[0], "w1#after"));
    bed_sleep_ms(50);
    expect_large(&bed->clients[0]);
    assert_true(client_expect(&bed->clients[0], 200, "w1#after"));
    bed_stop(bed);
}

/* As many as there are threads, and one more: given up after io_timeout, and all is well again. */
static void deaf_readers_are_given_up(struct bed *bed)
{
    int slow = bearable(bed) + 2;
    bed->config.io_timeout_ns = 200000000;
    bed_start(bed);
    for (int c = 0; c < slow; c++)
        ask_and_do_not_read(bed, c);
    others_are_served(bed, 10);
    assert_true(bed_wait_accepted(bed, (uint64_t)slow + 3));
    assert_true(bed_wait_no_connections(bed));
    for (int c = 0; c < slow; c++) {
        struct client_reply reply;
        widen(&bed->clients[c]);
        assert_int_not_equal(client_reply(&bed->clients[c], &reply), 1);
    }
    bed_stop(bed);
}

static atomic_bool drips;

/* Takes a little now and then, and so for ever. */
static void *drip(void *arg)
{
    const struct client *client = arg;
    char few[512];
    while (atomic_load(&drips)) {
        (void)!recv(client->fd, few, sizeof few, MSG_DONTWAIT);
        bed_sleep_ms(20);
    }
    return NULL;
}

/* A reader who takes some of it from time to time keeps a thread no longer than one who is deaf. */
static void dripping_readers_are_given_up(struct bed *bed)
{
    bed->config.io_timeout_ns = 300000000;
    int slow = (int)bed_expected_overlap(bed, 3);
    pthread_t threads[3];
    bed_start(bed);
    atomic_store(&drips, true);
    for (int c = 0; c < slow; c++) {
        ask_and_do_not_read(bed, c);
        assert_int_equal(pthread_create(&threads[c], NULL, drip, &bed->clients[c]), 0);
    }
    bed_sleep_ms(50);
    others_are_served(bed, 10);
    atomic_store(&drips, false);
    for (int c = 0; c < slow; c++)
        pthread_join(threads[c], NULL);
    bed_stop(bed);
}

static void slow_senders(struct bed *bed)
{
    static const char *const halves[] = {
        "P", "POST / HTTP/1.1\r\nHost: t\r\nContent-Le",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n#a",
        ("POST / HTTP/1.1\r\nHost: t\r\n"
         "Transfer-Encoding: chunked\r\n\r\n5\r\n#a")};
    static const char *const rests[] = {
        "OST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n#abcd", "ngth: 5\r\n\r\n#abcd",
        "bcd", "bcd\r\n0\r\n\r\n"};
    /* inline begins nothing that is not whole. */
    int slow = bed->waits == MODEL_WAITS_ALONE ? 4 : bearable(bed);
    if (slow == 0)
        bed_skip(bed, "one takes the only thread: see those who are given up");
    bed_start(bed);
    for (int c = 0; c < slow; c++) {
        bed_open(bed, c);
        assert_true(client_send(&bed->clients[c], halves[c % 4], strlen(halves[c % 4])));
    }
    bed_sleep_ms(10);
    others_are_served(bed, 30);
    for (int c = 0; c < slow; c++) {
        assert_true(client_send(&bed->clients[c], rests[c % 4], strlen(rests[c % 4])));
        assert_true(client_expect(&bed->clients[c], 200, "#abcd"));
    }
    bed_stop(bed);
}

static void mute_senders_are_given_up(struct bed *bed)
{
    int slow = bearable(bed) + 2;
    bed->config.io_timeout_ns = 200000000;
    bed_start(bed);
    for (int c = 0; c < slow; c++) {
        bed_open(bed, c);
        assert_true(client_say(&bed->clients[c], "POST / HTTP/1.1\r\nHo"));
    }
    others_are_served(bed, 10);
    for (int c = 0; c < slow; c++) {
        struct client_reply reply; /* 408 and the end, or just the end */
        int got = client_reply(&bed->clients[c], &reply);
        assert_true(got == 0 || got == -ECONNRESET || (got == 1 && reply.status == 408));
    }
    bed_stop(bed);
}

/* A byte now and then is not finishing a request. */
static void dribblers_are_given_up(struct bed *bed)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: t\r\nX-Long: ";
    bed->config.io_timeout_ns = 150000000;
    bed_start(bed);
    bed_open(bed, 0);
    assert_true(client_send(&bed->clients[0], head, sizeof head - 1));
    bool open = true;
    for (int ms = 0; open && ms < BED_WAIT_MS; ms += 20) {
        client_say(&bed->clients[0], "x");
        open = client_silent(&bed->clients[0], 20);
    }
    assert_false(open);
    others_are_served(bed, 10);
    bed_stop(bed);
}

/* io_timeout is for peers that keep us waiting, not for those that we keep waiting. */
static void patience_is_for_the_slow(struct bed *bed)
{
    bed->config.io_timeout_ns = 60000000;
    bed_start(bed);
    bed_open(bed, 0);
    bed_sleep_ms(150); /* idle from the start */
    assert_true(client_post(&bed->clients[0], "w150#long work"));
    assert_true(client_expect(&bed->clients[0], 200, "w150#long work"));
    assert_true(client_say(&bed->clients[0], "\r\n")); /* which begins none */
    bed_sleep_ms(150);                                 /* idle between requests */
    assert_true(client_post(&bed->clients[0], "#still here"));
    assert_true(client_expect(&bed->clients[0], 200, "#still here"));
    bed_stop(bed);
}

/* Bytes that are allocated; 0 where nobody says. */
static size_t allocated(void)
{
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd; /* and what is mapped for itself */
#endif
#endif
    return 0;
}

/* Whoever went away in the middle of a request is forgotten at once, not after io_timeout. */
static void the_gone_are_forgotten(struct bed *bed)
{
    enum { WARM = 50, PEERS = 600, BYTES = 300 };
    static const char half[] = "GET /health HTTP/1.1\r\nHost: t\r\n\r\nPOST / HT";
    size_t before = 0;
    bed_start(bed);
    for (int i = 0; i < WARM + PEERS; i++) {
        if (i == WARM) {
            assert_true(bed_wait_no_connections(bed));
            before = allocated();
        }
        bed_open(bed, 0);
        assert_true(client_say(&bed->clients[0], half));
        assert_true(client_expect(&bed->clients[0], 200, NULL)); /* it has read the other, too */
        client_reset(&bed->clients[0]);
    }
    assert_true(bed_wait_no_connections(bed));
    others_are_served(bed, 3);
    assert_true(bed_wait_no_connections(bed));
    size_t after = allocated();
    bed_stop(bed);
    if (after > before + PEERS * BYTES)
        fail_msg("%zu bytes of each are kept", (after - before) / PEERS);
}

/* Whatever was answered at once with much, little of it stays: a burst of large replies must not
 * decide what a server needs for the rest of its life. Where a request goes with its connection
 * nothing can stay. */
static void large_replies_leave_little(struct bed *bed)
{
    enum { MANY = 12, LARGE = 4 << 20, LITTLE = 256 << 10 };
    bed_start(bed);
    others_are_served(bed, 3);
    assert_true(bed_wait_no_connections(bed));
    size_t before = allocated();
    for (int c = 0; c < MANY; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "gb4194304"));
    }
    assert_true(bed_wait_overlap(bed, &bed->probe.gated, (int)bed_expected_overlap(bed, MANY)));
    bed_open_gate(bed);
    for (int c = 0; c < MANY; c++) {
        struct client_reply reply;
        assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
        assert_int_equal(reply.body_len, LARGE);
    }
    for (int c = 0; c < MANY; c++)
        client_close(&bed->clients[c]);
    assert_true(bed_wait_no_connections(bed));
    size_t after = allocated();
    bed_stop(bed);
    if (after > before + (size_t)MANY * LITTLE)
        fail_msg("%zu bytes of each are kept", (after - before) / MANY);
}

enum { DESCRIPTORS = 24000, IDLE = 10000, LOT = 500 };

static int raised_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < DESCRIPTORS) {
        struct rlimit more = {.rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* privileged */
            return DESCRIPTORS;
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < DESCRIPTORS ? (int)limit.rlim_cur : DESCRIPTORS;
}

/* As many as the machine gives descriptors for: it tells how many, and fewer than a tenth are not
 * thousands. */
static void thousands_are_idle(struct bed *bed)
{
    int most = (raised_limit() - 300) / 2; /* both ends are ours */
    int idle = (int)bed_scale(IDLE);
    idle = idle < most ? idle : most;
    print_message("%s: %d of %d connections%s\n", bed->name, idle, IDLE,
                  idle == most ? ", for want of descriptors" : "");
    if (idle < IDLE / 10)
        skip();
    int *fds = malloc((size_t)idle * sizeof *fds);
    assert_non_null(fds);
    bed_start(bed);
    int opened = 0;
    for (; opened < idle; opened++) {
        struct client client;
        if (!client_open(&client, bed->port))
            break;
        fds[opened] = client.fd;
    }
    if (opened == idle)
        others_are_served(bed, 30);
    /* All wake up: asked in lots, so that many are busy at once. One after the other, a few do. */
    int answered = 0, all = bed->threads > 1 ? opened : LOT < opened ? LOT : opened;
    for (int lot = 0; lot < all; lot += LOT) {
        int end = lot + LOT < all ? lot + LOT : all;
        for (int i = lot; i < end; i++)
            client_post(&(struct client){.fd = fds[i]}, "#awake");
        for (int i = lot; i < end; i++) {
            struct client client = {.fd = fds[i]};
            answered += client_expect(&client, 200, "#awake");
            free(client.in);
        }
    }
    for (int i = 0; i < opened; i++)
        close(fds[i]);
    free(fds);
    assert_int_equal(opened, idle);
    assert_int_equal(answered, all);
    assert_true(bed_wait_no_connections(bed));
    bed_stop(bed);
    assert_int_equal(bed->final.connections, idle + 3);
}

/* Peers that go away with RST: before, during and after their request. */
static void resets(struct bed *bed)
{
    bed_start(bed);
    for (int round = 0; round < 5; round++) {
        for (int c = 0; c < 8; c++)
            bed_open(bed, c);
        assert_true(client_say(&bed->clients[1], "POST / HT"));
        assert_true(client_post(&bed->clients[2], "w5f1#gone"));
        assert_true(client_post(&bed->clients[3], "w5w1#gone"));
        assert_true(client_post(&bed->clients[3], "#gone with more"));
        assert_true(client_post(&bed->clients[4], "#answered, not read"));
        assert_true(client_post(&bed->clients[5], "b2000000"));
        assert_true(client_get(&bed->clients[6], "/metrics"));
        if (round % 2)
            bed_sleep_ms(2);
        for (int c = 0; c < 8; c++)
            client_reset(&bed->clients[c]);
        others_are_served(bed, 6);
    }
    assert_true(bed_wait_in_flight(bed, 0));
    assert_true(bed_wait_no_connections(bed));
    bed_stop(bed);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"slow readers stall a worker each at most", slow_readers, NULL},
        {"a late reader gets every byte", late_reader_gets_all, NULL},
        {"deaf readers are given up", deaf_readers_are_given_up, NULL},
        {"dripping readers are given up", dripping_readers_are_given_up, NULL},
        {"slow senders stall a worker each at most", slow_senders, NULL},
        {"mute senders are given up", mute_senders_are_given_up, NULL},
        {"a dribbling sender is given up", dribblers_are_given_up, NULL},
        {"io_timeout is not for idle or waiting peers", patience_is_for_the_slow, NULL},
        {"10,000 idle connections occupy nobody, then all ask", thousands_are_idle, NULL},
        {"resets", resets, NULL},
        {"who is gone is forgotten", the_gone_are_forgotten, NULL},
        {"large replies leave little memory", large_replies_leave_little, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
