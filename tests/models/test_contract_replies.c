/* SPDX-License-Identifier: MIT */
/* Contract: every request is answered, once, in its connection's order, with the right bytes. */
#include "bed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Settings that change how a model goes about it, and nothing else. */
struct settings {
    unsigned batch;
    uint64_t spin_ns;
};
static const struct settings one_at_a_time = {.batch = 1};
static const struct settings spinning = {.batch = 3, .spin_ns = 300000};

static void start(struct bed *bed)
{
    const struct settings *settings = bed->arg;
    if (settings) {
        bed->config.batch = settings->batch;
        bed->config.spin_ns = settings->spin_ns;
    }
    bed_start(bed);
}

/* Requests whose later ones are ready before the earlier ones. */
static void numbered(char *body, size_t cap, int connection, int i)
{
    static const char *const kinds[] = {"w4", "", "w1", "f1f2w1f3", "d", "w2f2"};
    snprintf(body, cap, "@%d %s #%d.%d", (connection + i) % 4, kinds[i % 6], connection, i);
}

static char *burst(int connection, int requests, size_t *len)
{
    char *text = malloc((size_t)requests * 160), body[64];
    assert_non_null(text);
    *len = 0;
    for (int i = 0; i < requests; i++) {
        numbered(body, sizeof body, connection, i);
        *len += client_format(text + *len, 160, body);
    }
    return text;
}

static void expect_burst(struct client *client, int connection, int requests)
{
    char body[64];
    for (int i = 0; i < requests; i++) {
        numbered(body, sizeof body, connection, i);
        assert_true(client_expect(client, 200, body));
    }
}

static void pipelined_burst(struct bed *bed)
{
    enum { REQUESTS = 60 };
    start(bed);
    bed_open(bed, 0);
    size_t len;
    char *text = burst(0, REQUESTS, &len);
    assert_true(client_send(&bed->clients[0], text, len));
    free(text);
    expect_burst(&bed->clients[0], 0, REQUESTS);
    bed_stop(bed);
    assert_int_equal(bed->final.answered, REQUESTS);
}

static void split_at_odd_bytes(struct bed *bed)
{
    static const size_t pieces[] = {1, 3, 7, 2, 31, 5, 1, 1, 89, 13};
    enum { REQUESTS = 12 };
    bed_start(bed);
    bed_open(bed, 0);
    size_t len, at = 0;
    char *text = burst(0, REQUESTS, &len);
    for (size_t i = 0; at < len; i++) {
        size_t piece = pieces[i % (sizeof pieces / sizeof pieces[0])];
        piece = piece < len - at ? piece : len - at;
        assert_true(client_send(&bed->clients[0], text + at, piece));
        at += piece;
        if (i % 3 == 0)
            bed_sleep_ms(1); /* so that the server sees pieces, too */
    }
    free(text);
    expect_burst(&bed->clients[0], 0, REQUESTS);
    bed_stop(bed);
}

static void several_connections(struct bed *bed)
{
    enum { CONNECTIONS = 8, ROUNDS = 3, REQUESTS = 12 };
    start(bed);
    for (int c = 0; c < CONNECTIONS; c++)
        bed_open(bed, c);
    for (int round = 0; round < ROUNDS; round++) {
        for (int c = 0; c < CONNECTIONS; c++) {
            size_t len;
            char *text = burst(c, REQUESTS, &len);
            /* Half of the connections leave a request cut in two between the rounds of sends. */
            size_t first = c % 2 ? len / 2 + 1 : len;
            assert_true(client_send(&bed->clients[c], text, first));
            assert_true(client_send(&bed->clients[c], text + first, len - first));
            free(text);
        }
        for (int c = CONNECTIONS - 1; c >= 0; c--)
            expect_burst(&bed->clients[c], c, REQUESTS);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.answered, CONNECTIONS * ROUNDS * REQUESTS);
    assert_int_equal(bed->final.connections, CONNECTIONS);
}

static void own_pages_keep_their_place(struct bed *bed)
{
    static const char pages[] = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
                                "GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n"
                                "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";
    char text[1024];
    bed_start(bed);
    bed_open(bed, 0);
    size_t len = client_format(text, sizeof text, "w5 #before");
    memcpy(text + len, pages, sizeof pages - 1);
    len += sizeof pages - 1;
    len += client_format(text + len, sizeof text - len, "#after");
    assert_true(client_send(&bed->clients[0], text, len));

    struct client_reply reply;
    assert_true(client_expect(&bed->clients[0], 200, "w5 #before"));
    assert_true(client_expect(&bed->clients[0], 200, NULL));
    assert_true(client_expect(&bed->clients[0], 404, NULL));
    assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
    assert_int_equal(reply.status, 200);
    assert_non_null(memmem(reply.body, reply.body_len, "# TYPE", 6));
    assert_true(client_expect(&bed->clients[0], 200, "#after"));
    bed_stop(bed);
    assert_int_equal(bed->final.answered, 2); /* pages of its own are no work */
}

static void statuses_and_refusals(struct bed *bed)
{
    static const struct {
        const char *request;
        int status;
        bool closes; /* must; any refusal may, and then says so */
    } cases[] = {
        {"GET /health HTTP/1.1\r\nHost: t\r\n\r\n", 200, false},
        {"GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n", 404, false},
        {"PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", 405, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\ns201", 201, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx", 503, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nw1 x", 503, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\n#c\r\n4\r\nhunk\r\n0\r\n\r\n",
         200, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", 200, false},
        {"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 1\r\n\r\n#", 200,
         true},
        {"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999\r\n\r\n", 413, true},
        {"what is this\r\n\r\n", 400, true},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n#", 200, true},
    };
    bed_start(bed);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client *client = &bed->clients[0];
        bed_open(bed, 0);
        assert_true(client_send(client, cases[i].request, strlen(cases[i].request)));
        struct client_reply reply;
        if (client_reply(client, &reply) != 1 || reply.status != cases[i].status)
            fail_msg("%d to %s", reply.status, cases[i].request);
        assert_true(reply.close || !cases[i].closes);
        assert_true(!reply.close || cases[i].closes || reply.status >= 400);
        if (reply.close) {
            assert_true(client_expect_end(client, true));
        } else if (!client_post(client, "#still there") ||
                   !client_expect(client, 200, "#still there")) {
            fail_msg("closed after %s", cases[i].request);
        }
        client_close(client);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 2); /* in the first turn, and in a later one */
}

static void head_and_continue(struct bed *bed)
{
    static const char head[] = "HEAD /health HTTP/1.1\r\nHost: t\r\n\r\n";
    static const char ask[] =
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    struct client_reply reply;
    bed_start(bed);
    bed_open(bed, 0);
    assert_true(client_send(&bed->clients[0], head, sizeof head - 1));
    assert_int_equal(client_reply_head(&bed->clients[0], &reply), 1);
    assert_int_equal(reply.status, 200);
    assert_true(client_send(&bed->clients[0], ask, sizeof ask - 1));
    assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
    assert_int_equal(reply.status, 100);
    assert_true(client_say(&bed->clients[0], "#go"));
    assert_true(client_expect(&bed->clients[0], 200, "#go"));
    bed_stop(bed);
}

static void large_both_ways(struct bed *bed)
{
    enum { SIZE = 3 << 20 };
    bed->config.max_body_bytes = SIZE;
    bed->config.workload = &probe_plain;
    bed_start(bed);
    char *body = malloc(SIZE + 1), *pattern = malloc(SIZE);
    assert_non_null(body);
    assert_non_null(pattern);
    probe_pattern((uint8_t *)pattern, SIZE);
    memset(body, 'z', SIZE);
    body[0] = '#';
    body[SIZE] = 0;
    for (int i = 0; i < 2; i++) {
        struct client_reply reply;
        char order[32];
        bed_open(bed, i);
        assert_true(client_post(&bed->clients[i], body));
        assert_true(client_expect(&bed->clients[i], 200, body));
        snprintf(order, sizeof order, "b%d", SIZE);
        assert_true(client_post(&bed->clients[i], order));
        assert_int_equal(client_reply(&bed->clients[i], &reply), 1);
        assert_int_equal(reply.body_len, SIZE);
        assert_memory_equal(reply.body, pattern, SIZE);
    }
    free(body);
    free(pattern);
    bed_stop(bed);
}

static void body_limit_is_exact(struct bed *bed)
{
    bed->config.max_body_bytes = 100;
    bed_start(bed);
    char body[102];
    memset(body, '#', sizeof body);
    body[100] = 0;
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], body));
    assert_true(client_expect(&bed->clients[0], 200, body));
    body[100] = '#';
    body[101] = 0;
    assert_true(client_post(&bed->clients[0], body));
    assert_true(client_expect(&bed->clients[0], 413, NULL));
    bed_stop(bed);
    assert_int_equal(bed->final.answered, 1);
    assert_int_equal(bed->final.bad_requests, 1);
}

/* A client that sends thousands before it reads the first reply. */
static void thousands_in_a_pipeline(struct bed *bed)
{
    enum { REQUESTS = 3000 };
    bed_start(bed);
    bed_open(bed, 0);
    bed_open(bed, 1);
    char *text = malloc(REQUESTS * 128), body[32];
    assert_non_null(text);
    size_t len = 0;
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(body, sizeof body, "+#%d", i);
        len += client_format(text + len, 128, body);
    }
    assert_true(client_send(&bed->clients[0], text, len));
    assert_true(client_send(&bed->clients[1], text, len));
    free(text);
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(body, sizeof body, "+#%d", i);
        assert_true(client_expect(&bed->clients[1], 200, body));
    }
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(body, sizeof body, "+#%d", i);
        assert_true(client_expect(&bed->clients[0], 200, body));
    }
    bed_stop(bed);
    assert_int_equal(bed->final.turns, 2 * REQUESTS);
}

static void every_kind_of_cell(struct bed *bed)
{
    static const struct workload *const kinds[] = {&probe_cells, &probe_routed, &probe_plain};
    for (size_t k = 0; k < 3; k++) {
        bed->config.workload = kinds[k];
        bed_start(bed);
        for (int c = 0; c < 4; c++) {
            bed_open(bed, c);
            for (int i = 0; i < 5; i++) {
                assert_true(client_post(&bed->clients[c], "+w1#same"));
                assert_true(client_expect(&bed->clients[c], 200, "+w1#same"));
            }
        }
        bed_stop(bed);
        assert_int_equal(bed->final.answered, 20);
        assert_int_equal(bed->final.turns, 40);
        for (int c = 0; c < 4; c++)
            client_close(&bed->clients[c]);
    }
    /* What a frame holds is freed with it. */
    assert_int_equal(atomic_load(&bed->probe.frames_used), atomic_load(&bed->probe.frames_closed));
}

static void half_closed_is_answered(struct bed *bed)
{
    enum { REQUESTS = 9 };
    bed_start(bed);
    for (int c = 0; c < 3; c++) {
        bed_open(bed, c);
        size_t len;
        char *text = burst(c, REQUESTS, &len);
        assert_true(client_send(&bed->clients[c], text, len));
        free(text);
        shutdown(bed->clients[c].fd, SHUT_WR);
    }
    for (int c = 0; c < 3; c++) {
        expect_burst(&bed->clients[c], c, REQUESTS);
        assert_true(client_expect_end(&bed->clients[c], false));
    }
    bed_stop(bed);
}

/* Closed on one side while its request waits, calls, or is large; or before it is whole. */
static void half_closed_meanwhile(struct bed *bed)
{
    static const char *const programs[] = {"w20#late", "f1w5f2w5#moved", "b3000000", "#"};
    static const char *const halves[] = {
        "P", "POST / HTTP/1.1\r\nHost: t\r\nContent-Len",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n#"};
    bed_start(bed);
    for (int c = 0; c < 4; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], programs[c]));
        shutdown(bed->clients[c].fd, SHUT_WR);
    }
    for (int c = 4; c < 7; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "#whole"));
        assert_true(client_say(&bed->clients[c], halves[c - 4]));
        shutdown(bed->clients[c].fd, SHUT_WR);
    }
    for (int c = 0; c < 7; c++) {
        struct client_reply reply;
        assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
        assert_int_equal(reply.status, 200);
        if (c == 2)
            assert_int_equal(reply.body_len, 3000000);
        int got = client_reply(&bed->clients[c], &reply); /* 400, or just the end */
        assert_true(got == 0 || (c >= 4 && got == 1 && reply.status == 400));
    }
    assert_true(bed_wait_no_connections(bed));
    bed_stop(bed);
    assert_int_equal(bed->final.answered, 7);
}

/* Both doors at once, four threads posting, N in are N out. */
enum { POSTERS = 4, POSTS_EACH = 200 };

struct poster {
    struct bed *bed;
    struct posted *posts;
    unsigned count;
    int refused;
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (unsigned i = 0; i < poster->count; i++)
        poster->refused += posted_post(&poster->posts[i], poster->bed) != 0;
    return NULL;
}

static void both_doors(struct bed *bed)
{
    enum { REQUESTS = 20 };
    static struct posted posts[POSTERS][POSTS_EACH];
    unsigned each = bed_scale(POSTS_EACH);
    bed->config.queue_limit = POSTERS * each + 8;
    bed_start(bed);
    bed_open(bed, 0);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    for (int p = 0; p < POSTERS; p++) {
        posters[p] = (struct poster){.bed = bed, .posts = posts[p], .count = each};
        for (unsigned i = 0; i < each; i++) {
            char text[64];
            snprintf(text, sizeof text, "+ %s #%d.%u", i % 5 ? "" : "w1f3", p, i);
            posted_init(&posts[p][i], bed, i % 4, text);
        }
    }
    size_t len;
    char *text = burst(0, REQUESTS, &len);
    for (int p = 0; p < POSTERS; p++)
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, &posters[p]), 0);
    bool sent = client_send(&bed->clients[0], text, len);
    free(text);
    for (int p = 0; p < POSTERS; p++) /* first: whatever fails, nobody posts any more */
        pthread_join(threads[p], NULL);
    assert_true(sent);
    expect_burst(&bed->clients[0], 0, REQUESTS);
    for (int p = 0; p < POSTERS; p++) {
        assert_int_equal(posters[p].refused, 0);
        for (unsigned i = 0; i < each; i++)
            assert_true(posted_is(&posts[p][i], 200, posts[p][i].text));
    }
    bed_stop(bed);
    assert_int_equal(bed->final.answered, POSTERS * each + REQUESTS);
    assert_int_equal(atomic_load(&bed->probe.additions), POSTERS * each);
    for (int p = 0; p < POSTERS; p++)
        for (unsigned i = 0; i < each; i++) {
            assert_int_equal(atomic_load(&posts[p][i].dones), 1);
            posted_finish(&posts[p][i], bed);
        }
}

/* A request that is posted again from its own done(), many times: no recursion, no loss. */
struct again {
    struct bed *bed;
    struct posted posted;
    unsigned left; /* written in done() only, which for one request is never twice at once */
    _Atomic int ended, failed;
};

static void post_again(struct request *request)
{
    struct again *again = request->arg;
    if (request->status != 200 || request->out.len != request->in_len ||
        memcmp(request->out.data, request->in, request->in_len) != 0)
        atomic_fetch_add(&again->failed, 1);
    if (--again->left == 0)
        atomic_store(&again->ended, 1);
    else if (again->bed->model->post(again->bed->run, request) != 0) {
        atomic_fetch_add(&again->failed, 1);
        atomic_store(&again->ended, 1);
    }
}

static void post_from_done(struct bed *bed)
{
    enum { CHAINS = 5 };
    static struct again chains[CHAINS];
    unsigned times = bed_scale(20000);
    bed->config.queue_limit = CHAINS; /* a chain is one inside: done() must find room again */
    bed->config.listen = NULL;
    bed_start(bed);
    for (int c = 0; c < CHAINS; c++) {
        chains[c] = (struct again){.bed = bed, .left = times};
        posted_init(&chains[c].posted, bed, (uint32_t)c % 4, "+f2#again");
        chains[c].posted.request->done = post_again;
        chains[c].posted.request->arg = &chains[c];
    }
    for (int c = 0; c < CHAINS; c++)
        assert_int_equal(bed->model->post(bed->run, chains[c].posted.request), 0);
    for (int c = 0; c < CHAINS; c++) {
        assert_true(bed_wait_int(&chains[c].ended, 1));
        assert_int_equal(atomic_load(&chains[c].failed), 0);
    }
    bed_stop(bed);
    for (int c = 0; c < CHAINS; c++)
        posted_finish(&chains[c].posted, bed);
    assert_int_equal(bed->final.answered, CHAINS * times);
    assert_int_equal(atomic_load(&bed->probe.additions), CHAINS * times);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"a pipelined burst is answered in order", pipelined_burst, NULL},
        {"a pipelined burst, in batches of one", pipelined_burst, &one_at_a_time},
        {"a pipelined burst, spinning", pipelined_burst, &spinning},
        {"requests split at odd bytes", split_at_odd_bytes, NULL},
        {"several connections, each in its order", several_connections, NULL},
        {"several connections, in batches of one", several_connections, &one_at_a_time},
        {"several connections, spinning", several_connections, &spinning},
        {"health and metrics keep their place", own_pages_keep_their_place, NULL},
        {"statuses and refusals", statuses_and_refusals, NULL},
        {"HEAD and 100-continue", head_and_continue, NULL},
        {"megabytes both ways, byte for byte", large_both_ways, NULL},
        {"max_body_bytes is exact", body_limit_is_exact, NULL},
        {"thousands in a pipeline", thousands_in_a_pipeline, NULL},
        {"shared, routed and no cells", every_kind_of_cell, NULL},
        {"half-closed connections are answered", half_closed_is_answered, NULL},
        {"half-closed while it waits, or too early", half_closed_meanwhile, NULL},
        {"both doors, four posting threads", both_doors, NULL},
        {"post again from done()", post_from_done, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
