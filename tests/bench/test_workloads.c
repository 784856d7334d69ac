/* SPDX-License-Identifier: MIT */
/*
 * Every workload × payload × codec: right replies are taken, others are not, and bad input is
 * answered. The turns are run here, without a model; then every model runs what it can in process.
 */
#include "model.h"
#include "parts/errands.h"
#include "request.h"
#include "workloads.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CELLS 7

/* What a model has for one run, here without any thread. */
struct bench {
    const struct workload *workload;
    const struct workload_setup *setup;
    struct model_config config;
    struct cells cells;
    struct counters *counters;
    struct errands errands;
    int answer_status; /* of the downstream service, whose answer is the body that it got */
};

static void bench_open(struct bench *bench, const struct workload *workload,
                       const struct workload_setup *setup, uint32_t cells)
{
    *bench = (struct bench){.workload = workload, .setup = setup, .answer_status = 200};
    bench->config = (struct model_config){.workload = workload,
                                          .setup = setup,
                                          .queue_limit = 1000,
                                          .downstream = "here",
                                          .call_timeout_ns = UINT64_C(120000000000)};
    bench->counters = counters_create(1);
    assert_non_null(bench->counters);
    assert_int_equal(cells_open(&bench->cells, workload, cells, setup), 0);
    assert_int_equal(
        errands_init(&bench->errands, &bench->config, &bench->cells, bench->counters, 1, 1), 0);
}

static void bench_close(struct bench *bench)
{
    assert_true(errands_idle(&bench->errands));
    errands_finish(&bench->errands);
    cells_close(&bench->cells);
    free(bench->counters);
}

static unsigned run(struct bench *bench, struct request *request);

static void answer(struct bench *bench, struct ask *ask)
{
    if (ask->kind == ASK_CELL) {
        run(bench, ask->child);
        errands_ended(&bench->errands, bench->counters, ask->child);
    } else if (ask->kind == ASK_DOWNSTREAM) {
        bytes_append(&ask->call.answer, ask->call.body, ask->call.body_len);
        ask->call.status = bench->answer_status;
        errands_answered(&bench->errands, bench->counters, ask);
    }
}

/* Runs a request to its end in place. Returns its own turns. */
static unsigned run(struct bench *bench, struct request *request)
{
    const struct workload *workload = bench->workload;
    unsigned turns = 0;
    enum turn_event event = TURN_REQUEST;
    for (;;) {
        turns++;
        switch (request_step(request, workload, request_cell(request, &bench->cells), event,
                             bench->setup)) {
        case TURN_CALL: {
            struct gather *gather = errands_call(&bench->errands, bench->counters, request);
            for (uint32_t i = 0; i < gather->len; i++)
                answer(bench, &gather->asks[i]);
            assert_ptr_equal(errands_started(gather), request);
            event = TURN_ANSWER;
            break;
        }
        case TURN_SEND: {
            struct request *message = errands_send(&bench->errands, bench->counters, request);
            for (struct request *next; message; message = next) {
                next = message->next;
                run(bench, message);
                errands_ended(&bench->errands, bench->counters, message);
            }
            event = TURN_SENT;
            break;
        }
        case TURN_OFFLOAD:
            request_offload(request, bench->setup);
            event = TURN_DONE;
            break;
        case TURN_WAIT:
            event = TURN_WAKE;
            break;
        case TURN_FORWARD:
            assert_in_range(request->cell, 0, bench->cells.count - 1);
            event = TURN_REQUEST;
            break;
        case TURN_REPLY:
            return turns;
        case TURN_REJECT:
            fail_msg("%s: rejects", workload->name);
        }
    }
}

static void set_in(struct request *request, const struct workload *workload, const uint8_t *in,
                   size_t len)
{
    request->in = in;
    request->in_len = len;
    request->cell = workload->route ? workload->route(in, len, 0, CELLS) : 0;
}

static bool ok(const struct workload *workload, const struct workload_setup *setup, size_t document,
               const struct request *request)
{
    return workload_reply_ok(workload, setup, document, request->status, request->out.data,
                             request->out.len);
}

static void try_document(const struct workload *workload, const struct workload_setup *setup,
                         size_t document, struct request *request, struct bench *bench)
{
    set_in(request, workload, setup->bodies[document], setup->body_lens[document]);
    unsigned turns = run(bench, request);
    unsigned needs = workload_needs(workload);
    enum { TWO = WORKLOAD_NEEDS_DOWNSTREAM | WORKLOAD_NEEDS_JOURNAL };
    assert_int_equal(turns, needs & WORKLOAD_NEEDS_RING           ? setup->hops
                            : !strcmp(workload->name, "pingpong") ? setup->messages + 1
                            : !strcmp(workload->name, "spawn")    ? 2
                            : needs & WORKLOAD_SENDS              ? 3
                            : needs & TWO                         ? 2
                                                                  : 1);
    assert_int_equal(request->status, 200);
    assert_true(ok(workload, setup, document, request));

    /* A byte changed, a byte less, another status: not the reply. */
    request->out.data[request->out.len / 2] ^= 1;
    assert_false(ok(workload, setup, document, request));
    request->out.data[request->out.len / 2] ^= 1;
    request->out.len--;
    assert_false(ok(workload, setup, document, request));
    request->out.len++;
    request->status = 503;
    assert_false(ok(workload, setup, document, request));
}

static void try_bad_input(const struct workload *workload, struct request *request,
                          struct bench *bench)
{
    static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0x7b, 0x00, 0xc1};
    set_in(request, workload, garbage, sizeof garbage);
    run(bench, request);
    bool coded = workload_needs(workload) & WORKLOAD_NEEDS_PAYLOAD;
    assert_int_equal(request->status, coded ? 400 : 200);
}

static void try_failing_calls(const struct workload *workload, const struct workload_setup *setup,
                              struct request *request, struct bench *bench)
{
    static const int table[][2] = {{-ETIMEDOUT, 504}, {-ECONNREFUSED, 502}, {-EPIPE, 502},
                                   {500, 502},        {503, 502},           {204, 502}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_in(request, workload, setup->bodies[0], setup->body_lens[0]);
        bench->answer_status = table[i][0];
        run(bench, request);
        assert_int_equal(request->status, table[i][1]);
        assert_int_equal(request->out.len, 0);
    }
}

static void load(struct workload_setup *setup, const struct payload *payload,
                 const struct codec *codec)
{
    char why[512] = "";
    int err = workload_setup_init(setup, payload, codec, why, sizeof why);
    if (err != 0)
        fail_msg("%s × %s: %s", payload->name, codec->name, why);
    setup->cpu_iterations = 100;
    setup->hops = 20;
    setup->cells = CELLS;
    setup->messages = 5;
    /* In memory where that is to be had: a disk would make this a test of patience. */
    if (workload_setup_journal(setup, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") != 0)
        fail_msg("a journal in a temporary folder: %s", strerror(errno));
}

/* That every codec reads a document of this size is its own test's business; as that it gives every
 * document back, which load() has seen as well: with the second codec, a few of them go through. */
enum { LARGE = 100 * 1000, FEW = 4 };

static void replies(void **state)
{
    (void)state;
    for (size_t p = 0; payloads[p].name; p++) {
        bool large = false;
        for (size_t c = 0; codecs[c] && !large; c++) {
            struct workload_setup setup;
            if (!codec_is_whole(codecs[c]))
                continue;
            load(&setup, &payloads[p], codecs[c]);
            assert_true(setup.corpus.count >= 1);
            large = setup.body_lens[0] > LARGE;
            for (size_t w = 0; workloads[w]; w++) {
                /* To those that do not decode them all bodies are bytes: one codec will do. */
                if (c > 0 && !(workload_needs(workloads[w]) & WORKLOAD_NEEDS_PAYLOAD))
                    continue;
                struct request *request = request_create(workloads[w]);
                assert_non_null(request);
                struct bench bench;
                bench_open(&bench, workloads[w], &setup, CELLS);
                /* The same request object again and again, as models do. */
                const size_t count = c > 0 && setup.corpus.count > FEW ? FEW : setup.corpus.count;
                for (size_t i = 0; i < count; i++) {
                    try_document(workloads[w], &setup, i, request, &bench);
                    try_bad_input(workloads[w], request, &bench);
                }
                if (workload_needs(workloads[w]) & WORKLOAD_NEEDS_DOWNSTREAM)
                    try_failing_calls(workloads[w], &setup, request, &bench);
                request_destroy(request, workloads[w]);
                bench_close(&bench);
            }
            workload_setup_finish(&setup);
        }
    }
}

/* Bodies differ, and so do the right answers: a reply to another document is not taken. */
static void replies_are_to_their_document(void **state)
{
    (void)state;
    struct workload_setup setup;
    load(&setup, &payloads[0], codecs[0]);
    for (size_t w = 0; workloads[w]; w++) {
        struct request *request = request_create(workloads[w]);
        struct bench bench;
        bench_open(&bench, workloads[w], &setup, CELLS);
        set_in(request, workloads[w], setup.bodies[0], setup.body_lens[0]);
        run(&bench, request);
        assert_true(ok(workloads[w], &setup, 0, request));
        assert_false(ok(workloads[w], &setup, 1, request));
        request_destroy(request, workloads[w]);
        bench_close(&bench);
    }
    workload_setup_finish(&setup);
}

/* More iterations, hops or cells than the client knows of: the reply is another one. */
static void the_amount_of_work_shows(void **state)
{
    (void)state;
    for (int change = 0; change < 3; change++) {
        const struct workload *workload = workload_find(change == 0 ? "cpu" : "ring");
        struct workload_setup server, client;
        load(&server, &payloads[0], codecs[0]);
        load(&client, &payloads[0], codecs[0]);
        server.cpu_iterations += change == 0;
        server.hops += change == 1;
        server.cells -= change == 2;
        struct request *request = request_create(workload);
        struct bench bench;
        bench_open(&bench, workload, &server, server.cells);
        set_in(request, workload, server.bodies[0], server.body_lens[0]);
        request->cell %= server.cells;
        run(&bench, request);
        assert_true(change == 2 || ok(workload, &server, 0, request));
        assert_false(ok(workload, &client, 0, request));
        request_destroy(request, workload);
        bench_close(&bench);
        workload_setup_finish(&server);
        workload_setup_finish(&client);
    }
}

static bool says(const struct workload_setup *setup, size_t document, size_t at, const char *text)
{
    size_t len = strlen(text);
    return setup->body_lens[document] >= at + len &&
           memcmp(setup->bodies[document] + at, text, len) == 0;
}

/* Bodies of workloads whose requests are of several kinds: the shares are as stated. */
static void marked_bodies(void **state)
{
    (void)state;
    static const char *const names[] = {"store", "mixed", "cache"};
    for (size_t n = 0; n < 3; n++) {
        const struct workload *workload = workload_find(names[n]);
        struct workload_setup setup;
        load(&setup, payload_find("ack"), codecs[0]);
        setup.hot_percent = 30;
        setup.put_percent = 40;
        setup.heavy_percent = 15;
        setup.hit_percent = 70;
        setup.offload = true;
        assert_int_equal(workload_setup_mark(&setup, workload), 0);
        assert_int_equal(setup.documents, WORKLOAD_DOCUMENTS);
        workload_setup_answers(&setup, workload);
        struct request *request = request_create(workload);
        struct bench bench;
        bench_open(&bench, workload, &setup, CELLS);
        size_t hot = 0, puts = 0, heavy = 0, hits = 0, turns = 0;
        for (size_t i = 0; i < setup.documents; i++) {
            puts += says(&setup, i, 0, "put ");
            hot += says(&setup, i, 4, "00000000 ");
            heavy += says(&setup, i, 0, "heavy ");
            assert_int_equal(setup.cpu_sums[i] != 0, says(&setup, i, 0, "heavy "));
            hits += says(&setup, i, 0, "hit ");
            set_in(request, workload, setup.bodies[i], setup.body_lens[i]);
            turns += run(&bench, request);
            assert_true(ok(workload, &setup, i, request));
            request->out.data[request->out.len - 1] ^= 1;
            assert_false(ok(workload, &setup, i, request));
        }
        const size_t percent = WORKLOAD_DOCUMENTS / 100;
        assert_int_equal(hot, n == 0 ? 30 * percent : 0);
        assert_int_equal(puts, n == 0 ? 40 * percent : 0);
        assert_int_equal(heavy, n == 1 ? 15 * percent : 0);
        assert_int_equal(hits, n == 2 ? 70 * percent : 0);
        /* One more for what is offloaded, and for what is asked of the downstream service. */
        const size_t asked = n == 2 ? setup.documents - hits : 0;
        assert_int_equal(turns, setup.documents + heavy + asked);
        request_destroy(request, workload);
        bench_close(&bench);
        workload_setup_finish(&setup);
    }
}

/* The journal holds what was replied to, in order, and is gone with its setup. */
static void journal_is_written(void **state)
{
    (void)state;
    const struct workload *workload = workload_find("journal");
    struct workload_setup setup;
    char path[256], line[64], *body = malloc(1 << 20);
    load(&setup, payload_find("ack"), codecs[0]);
    struct request *request = request_create(workload);
    struct bench bench;
    bench_open(&bench, workload, &setup, CELLS);
    snprintf(path, sizeof path, "%s", setup.journal_path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i < setup.documents; i++) {
        set_in(request, workload, setup.bodies[i], setup.body_lens[i]);
        run(&bench, request);
        assert_true(ok(workload, &setup, i, request));
        size_t len;
        assert_int_equal(fscanf(file, "%16s %zx", line, &len), 2);
        assert_int_equal(getc(file), '\n');
        assert_int_equal(len, setup.body_lens[i]);
        assert_memory_equal(line, request->out.data, 16);
        assert_int_equal(fread(body, 1, len, file), len);
        assert_memory_equal(body, setup.bodies[i], len);
        assert_int_equal(getc(file), '\n');
    }
    assert_int_equal(getc(file), EOF);
    fclose(file);
    free(body);

    /* It cannot be written any more. */
    const int fd = setup.journal_fd;
    setup.journal_fd = -1;
    set_in(request, workload, setup.bodies[0], setup.body_lens[0]);
    run(&bench, request);
    assert_int_equal(request->status, 500);
    setup.journal_fd = fd;
    request_destroy(request, workload);
    bench_close(&bench);
    workload_setup_finish(&setup);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(workload_setup_init(&setup, NULL, NULL, NULL, 0), 0);
    assert_int_equal(workload_setup_journal(&setup, "/nowhere"), -ENOENT);
    workload_setup_finish(&setup);
}

/* Who waits for one-way messages is woken by the last of them. */
static void messages_are_tallied(void **state)
{
    (void)state;
    const struct workload *workload = workload_find("count");
    struct workload_setup setup;
    load(&setup, payload_find("ack"), codecs[0]);
    struct request *request = request_create(workload);
    struct bench bench;
    bench_open(&bench, workload, &setup, CELLS);
    for (uint64_t requests = 1; requests <= 3; requests++) {
        workload_sent_expect(&setup, requests * setup.messages);
        for (uint64_t i = 0; i < requests; i++) {
            assert_int_equal(workload_sent_await(&setup, 0), -ETIMEDOUT);
            set_in(request, workload, setup.bodies[0], setup.body_lens[0]);
            run(&bench, request);
        }
        assert_int_equal(workload_sent_await(&setup, 120), 0);
        assert_int_equal(workload_sent_await(&setup, 0), -ETIMEDOUT);
    }
    request_destroy(request, workload);
    bench_close(&bench);
    workload_setup_finish(&setup);
}

static void setups_without_a_payload(void **state)
{
    (void)state;
    struct workload_setup setup;
    assert_int_equal(workload_setup_init(&setup, NULL, NULL, NULL, 0), 0);
    assert_true(setup.cpu_iterations > 0 && setup.hops > 0 && setup.cells > 0);
    workload_setup_finish(&setup);
    workload_setup_finish(&setup);
    assert_true(workload_calibrate_cpu(0) >= 1);
    assert_true(workload_calibrate_cpu(1000) > workload_calibrate_cpu(10));
}

static void post_done(struct request *request)
{
    sem_post(request->arg);
}

/* The same code under every model: whatever is posted comes back right. */
static void every_model_runs_every_workload(void **state)
{
    (void)state;
    enum { rounds = 50 };
    struct workload_setup setup;
    load(&setup, payload_find("order"), codec_find("protobuf_c"));
    for (size_t m = 0; models[m]; m++) {
        for (size_t w = 0; workloads[w]; w++) {
            if (workload_needs(workloads[w]) & WORKLOAD_NEEDS_DOWNSTREAM)
                continue;
            const struct model_config config = {
                .workload = workloads[w],
                .setup = &setup,
                .cells = CELLS,
                .threads = 2,
                .offload_threads = 2,
                .call_timeout_ns = UINT64_C(120000000000),
                .queue_limit = 64,
                .max_body_bytes = 1 << 20,
                .io_timeout_ns = UINT64_C(120000000000),
                .drain_ns = UINT64_C(240000000000),
            };
            struct model_run *run;
            assert_int_equal(models[m]->start(&config, &run, NULL), 0);
            sem_t done;
            sem_init(&done, 0, 0);
            struct request *request = request_create(workloads[w]);
            request->done = post_done;
            request->arg = &done;
            for (size_t i = 0; i < rounds; i++) {
                size_t document = i % setup.corpus.count;
                set_in(request, workloads[w], setup.bodies[document], setup.body_lens[document]);
                assert_int_equal(models[m]->post(run, request), 0);
                while (sem_wait(&done) != 0)
                    ;
                if (!ok(workloads[w], &setup, document, request))
                    fail_msg("%s × %s: wrong reply, status %d", models[m]->name, workloads[w]->name,
                             request->status);
            }
            struct model_stats stats;
            assert_int_equal(models[m]->stop(run, &stats), 0);
            assert_int_equal(stats.answered, rounds);
            request_destroy(request, workloads[w]);
            sem_destroy(&done);
        }
    }
    workload_setup_finish(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(replies_are_to_their_document),
        cmocka_unit_test(the_amount_of_work_shows),
        cmocka_unit_test(marked_bodies),
        cmocka_unit_test(journal_is_written),
        cmocka_unit_test(messages_are_tallied),
        cmocka_unit_test(setups_without_a_payload),
        cmocka_unit_test(every_model_runs_every_workload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
