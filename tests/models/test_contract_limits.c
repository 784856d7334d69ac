/* SPDX-License-Identifier: MIT */
/* Contract: queue_limit is exact to the unit, over both doors; beyond it, as configured. */
#include "bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LIMIT = 2 };

/* Can a request be read at all while LIMIT others are held at the gate? One whose reader is held
 * itself cannot be refused: it is answered when the gate opens. */
static bool reads_on(const struct bed *bed)
{
    return bed_expected_overlap(bed, LIMIT + 1) > LIMIT;
}

/* Fills the model to its limit with requests at the gate: over sockets, and from `posted` on. */
static void fill(struct bed *bed, int by_socket, struct posted *posts, int by_post)
{
    for (int i = 0; i < by_socket; i++) {
        bed_open(bed, i);
        assert_true(client_post(&bed->clients[i], "g#inside"));
    }
    assert_true(bed_wait_in_flight(bed, (uint32_t)by_socket));
    for (int i = 0; i < by_post; i++) {
        posted_init(&posts[i], bed, 0, "g#inside");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    assert_int_equal(bed_stats(bed).in_flight, by_socket + by_post);
}

static void empty(struct bed *bed, int by_socket, struct posted *posts, int by_post)
{
    bed_open_gate(bed);
    for (int i = 0; i < by_socket; i++)
        assert_true(client_expect(&bed->clients[i], 200, "g#inside"));
    for (int i = 0; i < by_post; i++)
        assert_true(posted_is(&posts[i], 200, "g#inside"));
}

static void rejects_posts(struct bed *bed)
{
    enum { MORE = 3, MANY = 5 };
    static struct posted inside[MANY], outside[MORE];
    bed->config.queue_limit = MANY;
    bed_start(bed);
    fill(bed, 0, inside, MANY);
    for (int i = 0; i < MORE; i++) {
        posted_init(&outside[i], bed, 0, "#one too many");
        assert_int_equal(posted_post(&outside[i], bed), 0);
        assert_true(posted_is(&outside[i], 503, NULL));
    }
    assert_int_equal(bed_stats(bed).in_flight, MANY);
    empty(bed, 0, inside, MANY);
    assert_int_equal(posted_post(&outside[0], bed), 0); /* there is room again */
    assert_true(bed_wait_int(&outside[0].dones, 2));
    assert_int_equal(outside[0].status, 200);
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, MORE);
    assert_int_equal(bed->final.answered, MANY + 1);
    for (int i = 0; i < MANY; i++)
        posted_finish(&inside[i], bed);
    for (int i = 0; i < MORE; i++)
        posted_finish(&outside[i], bed);
}

static void holds_posts_back(struct bed *bed)
{
    enum { MANY = 5 };
    static struct posted inside[MANY], outside;
    bed->config.queue_limit = MANY;
    bed->config.on_full = MODEL_WAIT;
    bed_start(bed);
    fill(bed, 0, inside, MANY);
    posted_init(&outside, bed, 0, "#later");
    for (int i = 0; i < 3; i++)
        assert_int_equal(posted_post(&outside, bed), -EAGAIN);
    empty(bed, 0, inside, MANY);
    assert_int_equal(atomic_load(&outside.dones), 0); /* it was still ours */
    assert_int_equal(posted_post(&outside, bed), 0);
    assert_true(posted_is(&outside, 200, "#later"));
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 0);
    assert_int_equal(bed->final.answered, MANY + 1);
    for (int i = 0; i < MANY; i++)
        posted_finish(&inside[i], bed);
    posted_finish(&outside, bed);
}

/* by_socket + by_post = LIMIT are inside; what comes then is refused at both doors. */
static void rejects(struct bed *bed, int by_socket, int by_post)
{
    static struct posted inside[LIMIT], outside;
    int owed = 0;
    bed->config.queue_limit = LIMIT;
    bed_start(bed);
    if (!reads_on(bed)) { /* see reads_on(): all the room by post(), the socket waits its turn */
        by_post = LIMIT;
        by_socket = 0;
    }
    fill(bed, by_socket, inside, by_post);
    posted_init(&outside, bed, 0, "#one too many");
    assert_int_equal(posted_post(&outside, bed), 0);
    assert_true(posted_is(&outside, 503, NULL));
    bed_open(bed, 10);
    for (int i = 0; i < 3; i++)
        owed += !bed_ask_when_full(bed, 10, reads_on(bed));
    assert_int_equal(bed_stats(bed).in_flight, LIMIT);
    empty(bed, by_socket, inside, by_post);
    for (int i = 0; i < owed; i++)
        bed_hear_at_last(bed, 10);
    for (int i = 0; i < 5; i++) {
        assert_true(client_post(&bed->clients[10], "#room"));
        assert_true(client_expect(&bed->clients[10], 200, "#room"));
    }
    bed_stop(bed);
    if (reads_on(bed))
        assert_int_equal(bed->final.rejected, 4);
    for (int i = 0; i < by_post; i++)
        posted_finish(&inside[i], bed);
    posted_finish(&outside, bed);
}

static void rejects_sockets(struct bed *bed)
{
    rejects(bed, LIMIT, 0);
}

static void rejects_with_both_doors(struct bed *bed)
{
    rejects(bed, 1, LIMIT - 1);
}

static void holds_back(struct bed *bed, int by_socket, int by_post)
{
    enum { MORE = 6 };
    static struct posted inside[LIMIT], outside;
    bed->config.queue_limit = LIMIT;
    bed->config.on_full = MODEL_WAIT;
    bed_start(bed);
    if (!reads_on(bed)) {
        by_post = LIMIT;
        by_socket = 0;
    }
    fill(bed, by_socket, inside, by_post);
    for (int i = 0; i < MORE; i++) {
        bed_open(bed, 10 + i);
        assert_true(client_post(&bed->clients[10 + i], "g#held back"));
    }
    for (int i = 0; i < MORE; i++)
        assert_true(client_silent(&bed->clients[10 + i], 10));
    posted_init(&outside, bed, 0, "#no");
    assert_int_equal(posted_post(&outside, bed), -EAGAIN);
    assert_int_equal(bed_stats(bed).in_flight, LIMIT);
    if (reads_on(bed)) { /* what takes no room does not wait for it */
        bed_open(bed, 30);
        assert_true(client_get(&bed->clients[30], "/health"));
        assert_true(client_expect(&bed->clients[30], 200, NULL));
        assert_true(client_say(&bed->clients[30], "POST / HTTP/1.1\r\nHost: t\r\nCo"));
        assert_true(client_settle(&bed->clients[30]));
    }
    empty(bed, by_socket, inside, by_post);
    for (int i = 0; i < MORE; i++)
        assert_true(client_expect(&bed->clients[10 + i], 200, "g#held back"));
    if (reads_on(bed)) {
        assert_true(client_say(&bed->clients[30], "ntent-Length: 1\r\n\r\n#"));
        assert_true(client_expect(&bed->clients[30], 200, "#"));
    }
    bed_stop(bed);
    assert_true(atomic_load(&bed->probe.gated_max) <= LIMIT);
    assert_int_equal(bed->final.rejected, 0);
    assert_int_equal(bed->final.answered, LIMIT + MORE + reads_on(bed));
    for (int i = 0; i < by_post; i++)
        posted_finish(&inside[i], bed);
    posted_finish(&outside, bed);
}

static void holds_sockets_back(struct bed *bed)
{
    holds_back(bed, LIMIT, 0);
}

/* Room is made by a post() that ends: whoever holds sockets back must hear of it. */
static void holds_back_until_a_post_ends(struct bed *bed)
{
    holds_back(bed, 0, LIMIT);
}

/* Full and not full again, hundreds of times: one lost wake-up and somebody is never answered. */
static void full_over_and_over(struct bed *bed)
{
    enum { CONNECTIONS = 8 };
    unsigned requests = bed_scale(60);
    char text[64 * 1024], body[64];
    bed->config.queue_limit = 1;
    bed->config.on_full = MODEL_WAIT;
    bed_start(bed);
    for (int c = 0; c < CONNECTIONS; c++) {
        size_t len = 0;
        bed_open(bed, c);
        for (unsigned i = 0; i < requests; i++) {
            snprintf(body, sizeof body, "%s#%d.%u", i % 9 ? "" : "w1", c, i);
            len += client_format(text + len, sizeof text - len, body);
        }
        assert_true(client_send(&bed->clients[c], text, len));
    }
    for (int c = 0; c < CONNECTIONS; c++)
        for (unsigned i = 0; i < requests; i++) {
            snprintf(body, sizeof body, "%s#%d.%u", i % 9 ? "" : "w1", c, i);
            assert_true(client_expect(&bed->clients[c], 200, body));
        }
    bed_stop(bed);
    assert_int_equal(bed->final.answered, CONNECTIONS * requests);
    assert_true(atomic_load(&bed->probe.in_turn_max) <= 1);
}

/* Beyond the limit every request has an answer all the same, 200 or 503, and the books agree. */
static void books_agree(struct bed *bed)
{
    enum { CONNECTIONS = 8 };
    unsigned requests = bed_scale(60), good = 0, refused = 0;
    char text[64 * 1024];
    bed->config.queue_limit = LIMIT;
    bed_start(bed);
    for (int c = 0; c < CONNECTIONS; c++) {
        size_t len = 0;
        bed_open(bed, c);
        for (unsigned i = 0; i < requests; i++)
            len += client_format(text + len, sizeof text - len, i % 3 ? "#a" : "w1#a");
        assert_true(client_send(&bed->clients[c], text, len));
    }
    for (int c = 0; c < CONNECTIONS; c++)
        for (unsigned i = 0; i < requests; i++) {
            struct client_reply reply;
            assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
            good += reply.status == 200;
            refused += reply.status == 503;
        }
    assert_int_equal(good + refused, CONNECTIONS * requests);
    bed_stop(bed);
    assert_int_equal(bed->final.answered, good);
    assert_int_equal(bed->final.rejected, refused);
}

/* What is not a whole request yet takes no room, nor does an idle connection. */
static void half_is_outside(struct bed *bed)
{
    bed->config.queue_limit = LIMIT;
    bed_start(bed);
    if (bed_expected_overlap(bed, LIMIT + 1) <= LIMIT)
        bed_skip(bed, "half a request may hold the only thread, and limits need others");
    bed_open(bed, 20);
    bed_open(bed, 21);
    assert_true(client_say(&bed->clients[20], "POST / HTTP/1.1\r\nHo"));
    bed_sleep_ms(20);
    assert_true(bed_wait_in_flight(bed, 0)); /* it was, perhaps, until it was read */
    for (int i = 0; i < 10; i++) {
        assert_true(client_post(&bed->clients[21], "#room"));
        assert_true(client_expect(&bed->clients[21], 200, "#room"));
    }
    assert_true(client_say(&bed->clients[20], "st: t\r\nContent-Length: 1\r\n\r\n#"));
    assert_true(client_expect(&bed->clients[20], 200, "#"));
    bed_stop(bed);
}

/* Nor does an empty line, which is no request at all, nor keep anybody waiting. */
static void nothing_is_outside(struct bed *bed)
{
    bed->config.queue_limit = 1;
    bed->config.on_full = MODEL_WAIT; /* it may take room while it is read */
    bed->config.io_timeout_ns = 900000000000u;
    bed_start(bed);
    for (int c = 20; c < 24; c++) {
        bed_open(bed, c);
        assert_true(client_say(&bed->clients[c], "\r\n"));
        assert_true(client_settle(&bed->clients[c]));
    }
    bed_open(bed, 0);
    for (int c = 20; c < 24; c++) {
        assert_true(client_post(&bed->clients[0], "#room"));
        assert_true(client_expect(&bed->clients[0], 200, "#room"));
        assert_true(client_post(&bed->clients[c], "#at last"));
        assert_true(client_expect(&bed->clients[c], 200, "#at last"));
    }
    bed_stop(bed);
}

/* Nor does a connection that is being closed. */
static void leaving_takes_no_room(struct bed *bed)
{
    bed->config.queue_limit = 1;
    bed_start(bed);
    for (int i = 0; i < 200; i++) {
        bed_open(bed, i % 2);
        assert_true(client_post(&bed->clients[i % 2], "#come and go"));
        assert_true(client_expect(&bed->clients[i % 2], 200, "#come and go"));
        bed_open(bed, 10);
        client_close(&bed->clients[i % 2]);
        assert_true(client_post(&bed->clients[10], "#come and go"));
        assert_true(client_expect(&bed->clients[10], 200, "#come and go"));
        client_close(&bed->clients[10]);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 0);
}

/* Nor does one whose reader does not read its reply, though more of it is here. */
static void a_deaf_reader_takes_no_room(struct bed *bed)
{
    char text[256], large[32];
    snprintf(large, sizeof large, "b%d", 16 << 20); /* more than the sockets hold */
    bed->config.queue_limit = 1;
    bed_start(bed);
    if (bed_expected_overlap(bed, 2) < 2)
        bed_skip(bed, "it has the only thread");
    bed_open(bed, 0);
    setsockopt(bed->clients[0].fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    size_t len = client_format(text, sizeof text, large);
    len += client_format(text + len, sizeof text - len, "#more");
    assert_true(client_send(&bed->clients[0], text, len));
    assert_true(bed_wait_turns(bed, 1));
    assert_true(bed_wait_in_flight(bed, 0));
    bed_open(bed, 1);
    for (int i = 0; i < 5; i++) {
        assert_true(client_post(&bed->clients[1], "#room"));
        assert_true(client_expect(&bed->clients[1], 200, "#room"));
    }
    client_reset(&bed->clients[0]);
    assert_true(bed_wait_in_flight(bed, 0));
    bed_stop(bed);
}

/* Whoever waited when there was no room goes before those who ask later, and before those who ask
 * again: in the first WAITING turns each of them has one. */
static void first_come_first_served(struct bed *bed)
{
    enum { WAITING = 8, ROUNDS = 3 };
    struct client_reply reply;
    char text[1024];
    size_t len = 0;
    for (int i = 0; i < ROUNDS; i++)
        len += client_format(text + len, sizeof text - len, "@1+n"); /* the how-manieth turn */
    bed->config.queue_limit = 1;
    bed->config.on_full = MODEL_WAIT;
    bed->config.batch = 1;
    bed_start(bed);
    if (bed->waits == MODEL_WAITS_ALONE || bed->waits == MODEL_WAITS_UNTOLD)
        bed_skip(bed, "one thread has all of them; and how many wait, need not be told");
    bed_open(bed, 20);
    assert_true(client_post(&bed->clients[20], "@0g#"));
    assert_true(bed_wait_in_flight(bed, 1));
    for (int c = 0; c < WAITING; c++) {
        bed_open(bed, c);
        assert_true(client_send(&bed->clients[c], text, len));
    }
    for (int ms = 0; bed_stats(bed).held_back < WAITING; ms++) {
        assert_true(ms < BED_WAIT_MS);
        bed_sleep_ms(1);
    }
    bed_open_gate(bed);
    unsigned first = 0;
    for (int c = 0; c < WAITING; c++)
        for (int i = 0; i < ROUNDS; i++) {
            assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
            assert_int_equal(reply.status, 200);
            if (i == 0 && strtol(reply.body, NULL, 10) <= WAITING)
                first++;
        }
    bed_stop(bed);
    assert_int_equal(first, WAITING);
    assert_int_equal(bed->final.answered, 1 + WAITING * ROUNDS);
}

/* Once a reply has been seen, its request is no longer inside. */
static void answered_is_outside(struct bed *bed)
{
    bed->config.queue_limit = 1;
    bed_start(bed);
    for (int c = 0; c < 3; c++)
        bed_open(bed, c);
    for (int i = 0; i < 100; i++) {
        assert_true(client_post(&bed->clients[i % 3], "#one by one"));
        assert_true(client_expect(&bed->clients[i % 3], 200, "#one by one"));
    }
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 0);
}

/* More connections than any model has counters of their own for them, all at once, at a door that
 * is too small for them: what is counted is what was answered, to the unit. */
static void counts_what_many_get(struct bed *bed)
{
    enum { MANY = 48 };
    const int each = (int)bed_scale(60);
    uint64_t answered = 0, refused = 0, bad = 0;
    bed->config.queue_limit = 4;
    bed_start(bed);
    for (int i = 0; i < MANY; i++)
        bed_open(bed, i);
    char request[128];
    size_t len = client_format(request, sizeof request, "#many");
    for (int n = 0; n < each; n++)
        for (int i = 0; i < MANY; i++)
            assert_true(client_send(&bed->clients[i], request, len));
    for (int i = 0; i < MANY; i++)
        assert_true(client_say(&bed->clients[i], "no request at all\r\n\r\n"));
    for (int i = 0; i < MANY; i++) {
        struct client_reply reply;
        for (int n = 0; n < each; n++) {
            assert_int_equal(client_reply(&bed->clients[i], &reply), 1);
            answered += reply.status == 200;
            refused += reply.status == 503;
        }
        assert_int_equal(client_reply(&bed->clients[i], &reply), 1);
        bad += reply.status == 400;
        client_close(&bed->clients[i]);
    }
    assert_int_equal(bad, MANY);
    assert_int_equal(answered + refused, MANY * each);
    bed_stop(bed);
    assert_int_equal(bed->final.requests, answered);
    assert_int_equal(bed->final.answered, answered);
    assert_int_equal(bed->final.turns, answered);
    assert_int_equal(bed->final.rejected, refused);
    assert_int_equal(bed->final.bad_requests, bad);
    assert_int_equal(bed->final.connections, MANY);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"reject: posts beyond the limit", rejects_posts, NULL},
        {"reject: sockets beyond the limit", rejects_sockets, NULL},
        {"reject: one limit for both doors", rejects_with_both_doors, NULL},
        {"wait: post() says -EAGAIN", holds_posts_back, NULL},
        {"wait: sockets are held back", holds_sockets_back, NULL},
        {"wait: a post that ends makes room for sockets", holds_back_until_a_post_ends, NULL},
        {"wait: full over and over", full_over_and_over, NULL},
        {"wait: first come, first served", first_come_first_served, NULL},
        {"reject: the books agree", books_agree, NULL},
        {"half a request is outside", half_is_outside, NULL},
        {"an empty line is outside", nothing_is_outside, NULL},
        {"a leaving connection is outside", leaving_takes_no_room, NULL},
        {"an answered request is outside", answered_is_outside, NULL},
        {"a reader who does not read is outside", a_deaf_reader_takes_no_room, NULL},
        {"counts are exact, however many ask", counts_what_many_get, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
