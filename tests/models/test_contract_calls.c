/* SPDX-License-Identifier: MIT */
/* Contract: TURN_CALL against a downstream service that refuses, stalls, dies or is too few. */
#include "bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The status that a reply "STATUS:BODY" of the probe tells of. */
static int told_status(struct bed *bed, int client, const char *request)
{
    struct client_reply reply;
    assert_true(client_post(&bed->clients[client], request));
    assert_int_equal(client_reply(&bed->clients[client], &reply), 1);
    assert_int_equal(reply.status, 200);
    return (int)strtol(reply.body, NULL, 10);
}

static void good_answers(struct bed *bed)
{
    static const char *const calls[][2] = {
        {"k0a#hello", "200:hello"},
        {"k0a#", "200:"},
        {"k0a#error 7", "500:error 7"},
        {"k0a#chunks of it", "200:chunks of it"},
        {"k0a#bye", "200:bye"},
        {"k0a#again after bye", "200:again after bye"},
        {"k600000k0w1k0a#four", "200:four"},
        {"f1k0a#from afar", "200:from afar"},
    };
    enum { CALLS = sizeof calls / sizeof calls[0] };
    bed_start_with_service(bed);
    for (int c = 0; c < 3; c++)
        bed_open(bed, c);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < CALLS; i++) {
            struct client *client = &bed->clients[(size_t)round + i > 4 ? i % 3 : 0];
            assert_true(client_post(client, calls[i][0]));
            assert_true(client_expect(client, 200, calls[i][1]));
        }
    bed_stop(bed);
    assert_int_equal(bed->final.call_errors, 0);
    assert_int_equal(bed->final.calls, 3 * (CALLS + 2)); /* "four" is three calls */
    assert_true(atomic_load(&bed->service.open_max) <= 4);
}

static void connections_are_kept(struct bed *bed)
{
    bed->config.downstream_connections = 1;
    bed_start_with_service(bed);
    bed_open(bed, 0);
    for (int i = 0; i < 30; i++) {
        assert_true(client_post(&bed->clients[0], "k0a#same"));
        assert_true(client_expect(&bed->clients[0], 200, "200:same"));
    }
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->service.accepted), 1);
    assert_int_equal(bed->final.calls, 30);
}

static void no_downstream(struct bed *bed)
{
    bed_start(bed);
    bed_open(bed, 0);
    assert_int_equal(told_status(bed, 0, "k0a#"), -ECONNREFUSED);
    bed_stop(bed);
}

static void refuses(struct bed *bed)
{
    /* Bound and not listening: nobody else gets this port, and it refuses. */
    char address[32];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(at.sin_port));
    bed->config.downstream = address;
    bed_start(bed);
    bed_open(bed, 0);
    for (int i = 0; i < 10; i++) /* more than there are connections: none is leaked */
        assert_int_equal(told_status(bed, 0, "k0a#anybody?"), -ECONNREFUSED);
    bed_stop(bed);
    assert_int_equal(bed->final.call_errors, 10);
    close(fd);
}

static void stalls(struct bed *bed)
{
    bed_start_with_service(bed);
    bed_open(bed, 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(told_status(bed, 0, "k20a#stall"), -ETIMEDOUT);
    assert_true(client_post(&bed->clients[0], "k0a#and on"));
    assert_true(client_expect(&bed->clients[0], 200, "200:and on"));
    bed_stop(bed);
    assert_int_equal(bed->final.call_errors, 6);
}

static void own_deadline(struct bed *bed)
{
    bed->config.call_timeout_ns = 30000000;
    bed_start_with_service(bed);
    bed_open(bed, 0);
    assert_int_equal(told_status(bed, 0, "k0a#stall"), -ETIMEDOUT);
    assert_int_equal(told_status(bed, 0, "k600000a#quick"), 200);
    assert_int_equal(told_status(bed, 0, "k18446744073709a#in 584 years"), 200);
    bed_stop(bed);
}

/* A connection whose call ran out of time may still bring that answer: it is never reused. */
static void late_answers_are_nobodys(struct bed *bed)
{
    bed->config.downstream_connections = 1;
    bed_start_with_service(bed);
    bed_open(bed, 0);
    assert_int_equal(told_status(bed, 0, "k20a#hold the first"), -ETIMEDOUT);
    service_release(&bed->service);
    for (int i = 0; i < 5; i++) {
        assert_true(client_post(&bed->clients[0], "k0a#the second"));
        assert_true(client_expect(&bed->clients[0], 200, "200:the second"));
    }
    bed_stop(bed);
}

static void dies(struct bed *bed)
{
    static const char *const ends[] = {"k0a#die", "k0a#drop", "k0a#noise"};
    bed_start_with_service(bed);
    bed_open(bed, 0);
    for (int i = 0; i < 12; i++) { /* on fresh and on used connections */
        int status = told_status(bed, 0, ends[i % 3]);
        if (status >= 0)
            fail_msg("%s: %d", ends[i % 3], status);
        if (i % 2)
            assert_int_equal(told_status(bed, 0, "k0a#fine"), 200);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.call_errors, 12);
}

/* The service closes what it had promised to keep. Whether the one call that meets this is sent
 * again is the pool's business; the next ones are answered. */
static void leaves(struct bed *bed)
{
    bed_start_with_service(bed);
    bed_open(bed, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(told_status(bed, 0, "k0a#leave"), 200);
        assert_true(bed_wait_int(&bed->service.open, 0));
        if (told_status(bed, 0, "k0a#first try") < 0)
            assert_int_equal(told_status(bed, 0, "k0a#second try"), 200);
    }
    bed_stop(bed);
}

/* The whole service goes away, with calls under way, and comes back. */
static void comes_back(struct bed *bed)
{
    bed_start_with_service(bed);
    bed_open(bed, 0);
    for (int round = 0; round < 3; round++) {
        assert_true(client_post(&bed->clients[0], "k0a#hold"));
        assert_true(bed_wait_int(&bed->service.held, 1));
        service_leave(&bed->service);
        struct client_reply reply;
        assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
        assert_true(reply.body[0] == '-');
        assert_true(bed_wait_int(&bed->service.open, 0));
        for (int i = 0; i < 6; i++)
            assert_int_equal(told_status(bed, 0, "k0a#anybody?"), -ECONNREFUSED);
        service_return(&bed->service);
        for (int i = 0; i < 3; i++)
            assert_int_equal(told_status(bed, 0, "k0a#you again"), 200);
    }
    bed_stop(bed);
}

/* No descriptor for a new connection: the call says so, and nothing else suffers. */
static void out_of_descriptors(struct bed *bed)
{
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    bed_start_with_service(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "#hello")); /* accepted, and all that comes with it */
    assert_true(client_expect(&bed->clients[0], 200, "#hello"));
    for (int round = 0; round < 3; round++) {
        int next = dup(0);
        close(next);
        struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        bool told = client_post(&bed->clients[0], "k0a#no descriptor");
        struct client_reply reply = {0};
        int got = client_reply(&bed->clients[0], &reply);
        int status = got == 1 ? (int)strtol(reply.body, NULL, 10) : 0;
        bool others = client_post(&bed->clients[0], "w1#fine") &&
                      client_expect(&bed->clients[0], 200, "w1#fine");
        setrlimit(RLIMIT_NOFILE, &before);
        assert_true(told && others);
        assert_int_equal(got, 1);
        assert_int_equal(status, -EMFILE);
        assert_int_equal(told_status(bed, 0, "k0a#bye"), 200); /* and the connection goes again */
        assert_true(bed_wait_int(&bed->service.open, 0));
        assert_int_equal(told_status(bed, 0, "k0a#bye"), 200);
        assert_true(bed_wait_int(&bed->service.open, 0));
    }
    bed_stop(bed);
}

/* More calls than connections: the bound holds over all threads, and all are answered. */
static void bound_holds(struct bed *bed)
{
    enum { CALLS = 12, CONNECTIONS = 2 };
    static struct posted posts[CALLS];
    bed->config.downstream_connections = CONNECTIONS;
    bed_start_with_service(bed);
    for (int i = 0; i < CALLS; i++) {
        posted_init(&posts[i], bed, (uint32_t)i % 4, "k0k0a#hold");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    int expected = (int)bed_expected_posted_overlap(bed, CONNECTIONS);
    assert_true(bed_wait_overlap(bed, &bed->service.held, expected));
    bed_sleep_ms(30);
    assert_true(bed_is_overlap(bed, atomic_load(&bed->service.held_max), expected));
    service_release(&bed->service);
    for (int i = 0; i < CALLS; i++)
        assert_true(posted_is(&posts[i], 200, "200:hold"));
    bed_stop(bed);
    assert_true(atomic_load(&bed->service.open_max) <= CONNECTIONS);
    assert_int_equal(bed->final.calls, 2 * CALLS);
    for (int i = 0; i < CALLS; i++)
        posted_finish(&posts[i], bed);
}

/* Calls overlap like waits do. */
static void calls_overlap(struct bed *bed)
{
    enum { CALLS = 8 };
    int expected = (int)bed_expected_overlap(bed, CALLS);
    bed->config.downstream_connections = CALLS;
    bed_start_with_service(bed);
    for (int i = 0; i < CALLS; i++) {
        bed_open(bed, i);
        assert_true(client_post(&bed->clients[i], "@1k0a#hold"));
    }
    assert_true(bed_wait_overlap(bed, &bed->service.held, expected));
    bed_sleep_ms(20);
    assert_true(bed_is_overlap(bed, atomic_load(&bed->service.held_max), expected));
    service_release(&bed->service);
    for (int i = 0; i < CALLS; i++)
        assert_true(client_expect(&bed->clients[i], 200, "200:hold"));
    bed_stop(bed);
}

/* A deadline includes the time in the queue for a connection: the first call has the only one. */
static void queueing_counts(struct bed *bed)
{
    enum { CALLS = 6 };
    static struct posted posts[CALLS];
    char timed_out[16];
    snprintf(timed_out, sizeof timed_out, "%d:", -ETIMEDOUT);
    bool others_run = bed_expected_posted_overlap(bed, 2) == 2; /* beside one that waits */
    bed->config.downstream_connections = 1;
    bed_start_with_service(bed);
    for (int i = 0; i < CALLS; i++) {
        posted_init(&posts[i], bed, (uint32_t)i % 4, i == 0 ? "k0a#hold" : "k60a#stall");
        assert_int_equal(posted_post(&posts[i], bed), 0);
        if (i == 0)
            assert_true(bed_wait_int(&bed->service.held, 1));
    }
    if (!others_run)
        service_release(&bed->service);
    for (int i = CALLS - 1; i > 0; i--)
        assert_true(posted_is(&posts[i], 200, timed_out));
    if (others_run) { /* none of them was ever sent */
        assert_int_equal(atomic_load(&bed->service.requests), 1);
        assert_int_equal(atomic_load(&posts[0].dones), 0);
        service_release(&bed->service);
    }
    assert_true(posted_is(&posts[0], 200, "200:hold"));
    bed_stop(bed);
    assert_true(atomic_load(&bed->service.open_max) <= 1);
    assert_int_equal(bed->final.call_errors, CALLS - 1);
    for (int i = 0; i < CALLS; i++)
        posted_finish(&posts[i], bed);
}

/* All kinds at once, from everywhere: every request has its answer. */
static void chaos(struct bed *bed)
{
    static const char *const kinds[] = {"k200a#fine",  "k5a#stall",    "k200a#drop", "k0f2k0a#good",
                                        "k200a#die",   "k200a#chunks", "k0a#bye",    "k0w2a#leave",
                                        "w1k0a#error", "k200a#noise"};
    enum { MOST = 200 };
    static struct posted posts[MOST];
    unsigned count = bed_scale(MOST);
    bed->config.downstream_connections = 3;
    bed_start_with_service(bed);
    for (unsigned i = 0; i < count; i++) {
        posted_init(&posts[i], bed, i % 4, kinds[i % 10]);
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    for (unsigned i = 0; i < count; i++)
        assert_true(posted_is(&posts[i], 200, NULL));
    bed_stop(bed);
    assert_int_equal(bed->final.answered, count);
    assert_true(atomic_load(&bed->service.open_max) <= 3);
    for (unsigned i = 0; i < count; i++)
        posted_finish(&posts[i], bed);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"answers of many kinds", good_answers, NULL},
        {"connections are kept and reused", connections_are_kept, NULL},
        {"no downstream: -ECONNREFUSED", no_downstream, NULL},
        {"a downstream that refuses", refuses, NULL},
        {"a downstream that stalls: -ETIMEDOUT", stalls, NULL},
        {"the model's own deadline", own_deadline, NULL},
        {"a late answer is nobody's", late_answers_are_nobodys, NULL},
        {"a downstream that dies", dies, NULL},
        {"a downstream that leaves", leaves, NULL},
        {"a downstream that comes back", comes_back, NULL},
        {"no descriptors for calls: -EMFILE, and recovered", out_of_descriptors, NULL},
        {"the bound on connections holds", bound_holds, NULL},
        {"calls overlap", calls_overlap, NULL},
        {"a deadline includes queueing", queueing_counts, NULL},
        {"all of it at once", chaos, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
