/* SPDX-License-Identifier: MIT */
/* Contract: stop() loses nothing whose first byte was read, serves the backlog, leaves nothing.
 * When drain_ns runs out before that: test_contract_give_up.c. */
#include "bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The reply, then the end, of which a reply that was made after stop() began may warn. */
static void expect_last(struct client *client, const char *body)
{
    struct client_reply reply;
    assert_int_equal(client_reply(client, &reply), 1);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_len, strlen(body));
    assert_memory_equal(reply.body, body, reply.body_len);
    assert_true(client_expect_end(client, false));
}

static void in_flight(struct bed *bed)
{
    enum { REQUESTS = 6 };
    bed_start(bed);
    for (int c = 0; c < REQUESTS; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "g#in flight"));
    }
    assert_true(bed_wait_overlap(bed, &bed->probe.gated, (int)bed_expected_overlap(bed, REQUESTS)));
    for (int c = 0; c < REQUESTS; c++)
        assert_true(client_settle(&bed->clients[c]));
    bed_begin_stop(bed);
    bed_sleep_ms(50);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    bed_open_gate(bed);
    for (int c = 0; c < REQUESTS; c++)
        expect_last(&bed->clients[c], "g#in flight");
    bed_end_stop(bed);
    assert_int_equal(bed->final.answered, REQUESTS);
}

static void posts_in_flight(struct bed *bed)
{
    enum { REQUESTS = 10 };
    static struct posted posts[REQUESTS];
    bed_start(bed);
    for (int i = 0; i < REQUESTS; i++) {
        posted_init(&posts[i], bed, (uint32_t)i % 4, i % 2 ? "gf2w5f1#" : "w20#");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    bed_begin_stop(bed);
    bed_sleep_ms(30);
    bed_open_gate(bed);
    bed_end_stop(bed);
    for (int i = 0; i < REQUESTS; i++)
        posted_join(&posts[i]);
    for (int i = 0; i < REQUESTS; i++) { /* all of them before stop() returned */
        assert_int_equal(atomic_load(&posts[i].dones), 1);
        assert_int_equal(posts[i].status, 200);
        posted_finish(&posts[i], bed);
    }
}

/* A request is half here when stop() begins; its sender goes on. */
static void half_read(struct bed *bed)
{
    static const char first[] = "POST / HTTP/1.1\r\nHost: t\r\nContent-Le";
    static const char rest[] = "ngth: 9\r\n\r\n#finished";
    static const char body_cut[] = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n#fini";
    int senders = bed_expected_overlap(bed, 2) == 2 ? 2 : 1;
    bed_start(bed);
    bed_open(bed, 0);
    bed_open(bed, 1);
    assert_true(client_post(&bed->clients[0], "#warm"));
    assert_true(client_expect(&bed->clients[0], 200, "#warm"));
    assert_true(client_send(&bed->clients[0], first, sizeof first - 1));
    if (senders == 2)
        assert_true(client_send(&bed->clients[1], body_cut, sizeof body_cut - 1));
    for (int c = 0; c < senders; c++)
        assert_true(client_settle(&bed->clients[c]));
    bed_sleep_ms(50); /* it has most likely read that by now, or reads it in its drain */
    bed_begin_stop(bed);
    bed_sleep_ms(50);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    assert_true(client_send(&bed->clients[0], rest, sizeof rest - 1));
    expect_last(&bed->clients[0], "#finished");
    if (senders == 2) {
        assert_true(client_say(&bed->clients[1], "shed"));
        expect_last(&bed->clients[1], "#finished");
    }
    bed_end_stop(bed);
}

/* Whoever never finishes delays stop() by io_timeout and no longer. */
static void never_finished(struct bed *bed)
{
    bed->config.io_timeout_ns = 150000000;
    bed_start(bed);
    for (int c = 0; c < 3; c++) {
        bed_open(bed, c);
        assert_true(client_say(&bed->clients[c], "POST / HTTP/1.1\r\nHost"));
    }
    bed_sleep_ms(20);
    bed_begin_stop(bed);
    assert_true(bed_wait_int(&bed->stop_ended, 1));
    bed_end_stop(bed);
}

/* Connected and sent just before. Whoever runs turns is in one that does not end before stop() has
 * come: where it accepts as well, all of them are in the backlog until then. */
static void backlog(struct bed *bed)
{
    enum { CONNECTIONS = 30, BUSY = 40 };
    static const char *const turns[] = {"@0p#busy", "@1p#busy", "@2p#busy"};
    int busy = (int)bed_expected_overlap(bed, bed->threads);
    bed_start(bed);
    for (int i = 0; i < busy; i++)
        bed_open(bed, BUSY + i);
    assert_true(bed_wait_accepted(bed, (uint64_t)busy));
    for (int i = 0; i < busy; i++) {
        assert_true(client_post(&bed->clients[BUSY + i], turns[i]));
        assert_true(bed_wait_int(&bed->probe.in_turn, i + 1));
    }
    for (int c = 0; c < CONNECTIONS; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "#from the backlog"));
    }
    for (int c = 0; c < CONNECTIONS; c++)
        assert_true(client_settle(&bed->clients[c]));
    bed_begin_stop(bed);
    bed_sleep_ms(50);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    bed_open_gate(bed);
    for (int c = 0; c < CONNECTIONS; c++)
        expect_last(&bed->clients[c], "#from the backlog");
    for (int i = 0; i < busy; i++)
        expect_last(&bed->clients[BUSY + i], turns[i]);
    bed_end_stop(bed);
    assert_int_equal(bed->final.answered, CONNECTIONS + busy);
}

static void idle_connections_end(struct bed *bed)
{
    bed_start(bed);
    for (int c = 0; c < 6; c++) {
        bed_open(bed, c);
        if (c % 2 == 0)
            continue; /* never sent anything */
        assert_true(client_post(&bed->clients[c], "#then idle"));
        assert_true(client_expect(&bed->clients[c], 200, "#then idle"));
    }
    bed_sleep_ms(20);
    bed_begin_stop(bed);
    for (int c = 0; c < 6; c++)
        assert_true(client_expect_end(&bed->clients[c], false));
    assert_true(bed_wait_int(&bed->stop_ended, 1));
    bed_end_stop(bed);
}

/* Pipelined: what is answered is answered whole and in order, then comes the end. What had been
 * read is answered; a later request that was not begun may be left (its sender sees the end). */
static void in_a_pipeline(struct bed *bed)
{
    char text[1024];
    bed_start(bed);
    bed_open(bed, 0);
    size_t len = client_format(text, sizeof text, "w40#one");
    len += client_format(text + len, sizeof text - len, "#two");
    assert_true(client_send(&bed->clients[0], text, len));
    assert_true(bed_wait_turns(bed, 1));
    bed_begin_stop(bed);
    /* Both came in one segment, so the first byte of the second was read with the first. */
    assert_true(client_expect(&bed->clients[0], 200, "w40#one"));
    expect_last(&bed->clients[0], "#two");
    bed_end_stop(bed);
}

static void during_calls(struct bed *bed)
{
    enum { CALLS = 5 };
    bed->config.downstream_connections = 2;
    bed_start_with_service(bed);
    for (int c = 0; c < CALLS; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "k0w2k0a#hold"));
    }
    assert_true(bed_wait_overlap(bed, &bed->service.held, (int)bed_expected_overlap(bed, 2)));
    for (int c = 0; c < CALLS; c++)
        assert_true(client_settle(&bed->clients[c]));
    bed_begin_stop(bed);
    bed_sleep_ms(40);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    service_release(&bed->service);
    for (int c = 0; c < CALLS; c++)
        expect_last(&bed->clients[c], "200:hold");
    bed_end_stop(bed);
}

/* Held back at the limit: read already, so answered. */
static void held_back(struct bed *bed)
{
    enum { REQUESTS = 5 };
    bed->config.queue_limit = 1;
    bed->config.on_full = MODEL_WAIT;
    bed_start(bed);
    for (int c = 0; c < REQUESTS; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "g#held back"));
    }
    assert_true(bed_wait_int(&bed->probe.gated, 1));
    for (int c = 0; c < REQUESTS; c++)
        assert_true(client_settle(&bed->clients[c]));
    bed_sleep_ms(20);
    bed_begin_stop(bed);
    bed_sleep_ms(20);
    bed_open_gate(bed);
    for (int c = 0; c < REQUESTS; c++)
        expect_last(&bed->clients[c], "g#held back");
    bed_end_stop(bed);
}

static void late_reader(struct bed *bed)
{
    struct client_reply reply;
    bed_start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "b16777216"));
    assert_true(bed_wait_turns(bed, 1));
    bed_begin_stop(bed);
    bed_sleep_ms(50);
    assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
    assert_int_equal(reply.body_len, 16777216);
    assert_true(client_expect_end(&bed->clients[0], false));
    bed_end_stop(bed);
}

/* stop() comes while a done() runs, which then posts again: that is answered, or stays ours. */
struct talker {
    struct bed *bed;
    struct model_run *run;
    struct posted posted; /* by the bed for the first time, then by done() */
    _Atomic int told;     /* times */
    int refused, wrong;   /* posts; replies. Written in done(), which is never twice at once */
};

enum { TALKS = 12 };

/* Every second one sends a message besides, which is under way for itself. */
static void set_talk(struct request *request, int told)
{
    const char *text = told % 2 ? "f1c2{+}!#" : "f1#";
    request->in = (const uint8_t *)text;
    request->in_len = strlen(text);
    request->cell = (uint32_t)told % 4;
}

/* The first time it stays until the gate is open. */
static void talk_on(struct request *request)
{
    struct talker *talker = request->arg;
    int told = atomic_fetch_add(&talker->told, 1) + 1;
    talker->wrong += request->status != 200;
    while (told == 1 && !atomic_load(&talker->bed->probe.gate))
        bed_sleep_ms(1);
    if (told % 4 == 3) /* and another thread sees nobody inside */
        bed_sleep_ms(15);
    set_talk(request, told);
    if (told < TALKS && talker->bed->model->post(talker->run, request) != 0)
        talker->refused++;
}

static void who_is_told_posts_again(struct bed *bed)
{
    static struct talker talker;
    bed_start(bed);
    talker = (struct talker){.bed = bed, .run = bed->run};
    posted_init(&talker.posted, bed, 0, "");
    struct request *request = talker.posted.request;
    set_talk(request, 0);
    request->done = talk_on;
    request->arg = &talker;
    assert_int_equal(posted_post(&talker.posted, bed), 0);
    assert_true(bed_wait_int(&talker.told, 1));
    bed_begin_stop(bed);
    bed_sleep_ms(50);
    bed_open_gate(bed);
    assert_true(bed_wait_int(&bed->stop_ended, 1));
    posted_join(&talker.posted);
    bed_end_stop(bed);
    int told = atomic_load(&talker.told);
    assert_int_equal(talker.wrong, 0);
    assert_int_equal(talker.refused, told < TALKS);
    assert_int_equal(bed->final.requests, told);
    assert_int_equal(bed->final.answered, told);
    assert_int_equal(atomic_load(&bed->probe.additions), told / 2); /* what they sent is done */
    posted_finish(&talker.posted, bed);
}

static void over_and_over(struct bed *bed)
{
    for (int round = 0; round < 20; round++) {
        bed->config.workload = round % 2 ? &probe_plain : &probe_cells;
        bed_start(bed);
        if (round % 4 == 3) { /* and sometimes at once */
            bed_stop(bed);
            continue;
        }
        static struct posted posted;
        posted_init(&posted, bed, 1, "w1#posted");
        assert_int_equal(posted_post(&posted, bed), 0);
        for (int c = 0; c < 3; c++) {
            bed_open(bed, c);
            assert_true(client_post(&bed->clients[c], c ? "w1#round" : "#round"));
        }
        for (int c = 0; c < 3; c++)
            assert_true(client_expect(&bed->clients[c], 200, c ? "w1#round" : "#round"));
        bed_stop(bed);
        assert_int_equal(atomic_load(&posted.dones), 1);
        posted_finish(&posted, bed);
        for (int c = 0; c < 3; c++) {
            assert_true(client_expect_end(&bed->clients[c], false));
            client_close(&bed->clients[c]);
        }
        assert_int_equal(bed_count_fds(), bed->fds);
        assert_true(bed_wait_tasks(bed->tasks));
    }
}

/* Somebody who connects and asks, again and again, until nobody listens any more. */
struct visitor {
    struct bed *bed;
    pthread_t thread;
    _Atomic int answered;
    int broken; /* a reply that was not whole, read after the thread has ended */
};

static void *visit(void *arg)
{
    struct visitor *visitor = arg;
    struct client client;
    while (client_open(&client, visitor->bed->port)) {
        struct client_reply reply;
        int got = client_post(&client, "f1#visit") ? client_reply(&client, &reply) : 0;
        if (got == 1)
            atomic_fetch_add(&visitor->answered, 1);
        visitor->broken += got == -EBADMSG || got == -ETIMEDOUT;
        client_close(&client);
    }
    return NULL;
}

static void clients_keep_coming(struct bed *bed)
{
    enum { VISITORS = 3 };
    static struct visitor visitors[VISITORS];
    bed_start(bed);
    for (int v = 0; v < VISITORS; v++) {
        visitors[v] = (struct visitor){.bed = bed};
        assert_int_equal(pthread_create(&visitors[v].thread, NULL, visit, &visitors[v]), 0);
    }
    for (int v = 0; v < VISITORS; v++)
        for (int ms = 0; ms < BED_WAIT_MS && atomic_load(&visitors[v].answered) < 10; ms++)
            bed_sleep_ms(1);
    bed_begin_stop(bed);
    int broken = 0, answered = 0;
    for (int v = 0; v < VISITORS; v++) {
        pthread_join(visitors[v].thread, NULL);
        broken += visitors[v].broken;
        answered += atomic_load(&visitors[v].answered);
    }
    bed_end_stop(bed);
    assert_int_equal(broken, 0);
    assert_int_equal(bed->final.answered, answered); /* whoever was answered heard it */
}

/* Requests keep coming while it stops: each has its whole answer or none at all. */
static void under_fire(struct bed *bed)
{
    enum { CONNECTIONS = 12, ROUNDS = 5 };
    for (int round = 0; round < ROUNDS; round++) {
        bed_start(bed);
        for (int c = 0; c < CONNECTIONS; c++) {
            bed_open(bed, c);
            assert_true(client_post(&bed->clients[c], "w1#first"));
        }
        for (int c = 0; c < CONNECTIONS; c++) {
            assert_true(client_expect(&bed->clients[c], 200, "w1#first"));
            if (c == round * 2)
                bed_begin_stop(bed);
            client_post(&bed->clients[c], "f1#second"); /* may come too late */
        }
        for (int c = 0; c < CONNECTIONS; c++) {
            struct client_reply reply;
            int got = client_reply(&bed->clients[c], &reply);
            if (got == 1)
                assert_memory_equal(reply.body, "f1#second", 9);
            else
                assert_true(got == 0 || got == -ECONNRESET || got == -EPIPE);
            client_close(&bed->clients[c]);
        }
        bed_end_stop(bed);
    }
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"stop with requests in flight", in_flight, NULL},
        {"stop with posts in flight", posts_in_flight, NULL},
        {"stop with half a request read", half_read, NULL},
        {"stop does not wait for the unfinished", never_finished, NULL},
        {"stop serves the backlog", backlog, NULL},
        {"stop ends idle connections", idle_connections_end, NULL},
        {"stop in a pipeline", in_a_pipeline, NULL},
        {"stop during calls", during_calls, NULL},
        {"stop answers what was held back", held_back, NULL},
        {"stop waits for a late reader", late_reader, NULL},
        {"stop while who is told posts again", who_is_told_posts_again, NULL},
        {"stop ends though clients keep coming", clients_keep_coming, NULL},
        {"20 starts and stops", over_and_over, NULL},
        {"stop under fire", under_fire, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
