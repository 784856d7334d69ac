/* SPDX-License-Identifier: MIT */
/* The closed loop counts, checks replies, and gives no number to a service that answers wrongly. */
#include "closed_loop.h"

#include "parts/bytes.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* How the service under test misbehaves: from the turn number `from` on. Relaxed: a test has one
 * request in one place at a time, or does not care about the order. */
static _Atomic int64_t turns;
static int64_t from;
static enum { HONEST, REJECT, SHORTER, OTHER_BYTES, FAIL } fault;

static enum turn_end step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell, (void)setup;
    const bool wrong = atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed) >= from;
    bytes_append(turn->out, turn->in, turn->in_len);
    if (!wrong)
        return TURN_REPLY;
    if (fault == REJECT)
        return TURN_REJECT;
    if (fault == SHORTER)
        turn->out->len--;
    if (fault == OTHER_BYTES)
        turn->out->data[0] ^= 1;
    if (fault == FAIL)
        turn->status = 500;
    return TURN_REPLY;
}

static const struct service service = {
    .turns = {.name = "test", .summary = "misbehaves when told to", .step = step},
    .reply_ok = service_reply_is_body,
};

static struct closed_loop_world world;

static void begin(struct closed_loop *loop, const struct model *model)
{
    memset(&world, 0, sizeof world);
    world.payload = payload_find("ack");
    world.codec = codec_find("protobuf_c");
    world.threads = 1;
    world.options.cpu_iterations = 10;
    world.options.hops = 3;
    *loop = (struct closed_loop){.world = &world, .model = model, .workload = &service.turns};
    atomic_store(&turns, 0);
    from = INT64_MAX;
    fault = HONEST;
}

static void end(struct closed_loop *loop)
{
    assert_int_equal(closed_loop_stop(loop), 0);
    closed_loop_world_finish(&world);
}

static void test_runs_exactly_n(void **unused)
{
    (void)unused;
    for (size_t i = 0; models[i]; i++) {
        struct closed_loop loop;
        begin(&loop, models[i]);
        assert_true(closed_loop_ready(&loop));
        const int64_t documents = (int64_t)loop.documents->setup.documents;
        assert_int_equal(atomic_load(&turns), documents); /* each was checked once */
        int64_t sum = documents;
        static const int64_t sizes[] = {1, 5, 15, 16, 17, 1000, 1};
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct closed_loop_cost cost;
            closed_loop_cost_begin(&loop, &cost);
            closed_loop_run(&loop, sizes[s]);
            assert_true(closed_loop_good(&loop));
            closed_loop_cost_end(&loop, &cost);
            sum += sizes[s];
            assert_int_equal(atomic_load(&turns), sum);
            assert_int_equal((int64_t)cost.turns, sizes[s]);
        }
        assert_int_equal((int64_t)loop.document, sum % documents);
        end(&loop);
    }
}

/* The service answers wrongly from the beginning: it never gets to a block. */
static void refused_at_once(int kind, const char *why)
{
    for (size_t i = 0; models[i]; i++) {
        struct closed_loop loop;
        begin(&loop, models[i]);
        fault = kind;
        from = 2;
        assert_false(closed_loop_ready(&loop));
        assert_non_null(strstr(loop.why, "document 2: the reply is wrong"));
        assert_non_null(strstr(loop.why, why));
        assert_false(closed_loop_ready(&loop));
        end(&loop);
    }
}

static void test_first_replies_are_checked(void **unused)
{
    (void)unused;
    refused_at_once(REJECT, "status 503");
    refused_at_once(FAIL, "status 500");
    refused_at_once(SHORTER, "status 200");
    refused_at_once(OTHER_BYTES, "status 200");
}

/* It begins to answer wrongly in the middle of a block. */
static void found_after_block(int kind, const char *why)
{
    for (size_t i = 0; models[i]; i++) {
        struct closed_loop loop;
        begin(&loop, models[i]);
        fault = kind;
        assert_true(closed_loop_ready(&loop));
        from = atomic_load(&turns) + 100;
        closed_loop_run(&loop, 200);
        assert_false(closed_loop_good(&loop));
        assert_non_null(strstr(loop.why, why));
        end(&loop);
    }
}

static void test_replies_in_a_block_are_checked(void **unused)
{
    (void)unused;
    found_after_block(REJECT, "100 of 200 replies were wrong");
    found_after_block(FAIL, "100 of 200 replies were wrong");
    found_after_block(SHORTER, "100 of 200 replies were wrong");
    found_after_block(OTHER_BYTES, "a reply was wrong"); /* only by the full check at the end */
}

/* A block is over when the one-way messages of its requests have been carried out: every block has
 * all the turns that it asked for, and none of the one before. */
static void test_a_block_waits_for_its_messages(void **unused)
{
    (void)unused;
    enum { MESSAGES = 40 };
    for (size_t i = 0; models[i]; i++) {
        struct closed_loop loop;
        begin(&loop, models[i]);
        world.options.messages = MESSAGES;
        loop.workload = workload_find("count");
        assert_true(closed_loop_ready(&loop));
        int64_t requests = (int64_t)loop.documents->setup.documents; /* each was checked once */
        for (int64_t n = 1; n < 60; n += 7) {
            closed_loop_run(&loop, n);
            assert_true(closed_loop_good(&loop));
            requests += n;
            struct model_stats stats;
            const time_t until = time(NULL) + 120;
            do /* the last turn is counted when it has ended */
                models[i]->stats(loop.run, &stats);
            while ((int64_t)stats.turns + 1 == requests * (MESSAGES + 4) && time(NULL) < until);
            assert_int_equal((int64_t)stats.turns, requests * (MESSAGES + 4));
        }
        end(&loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_exactly_n),
        cmocka_unit_test(test_first_replies_are_checked),
        cmocka_unit_test(test_replies_in_a_block_are_checked),
        cmocka_unit_test(test_a_block_waits_for_its_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
