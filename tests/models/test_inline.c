/* SPDX-License-Identifier: MIT */
/* The floor in process: what is posted from within done(), with and without a door and locks. */
#include "model.h"
#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

extern const struct model inline_model;

enum { CELLS = 3, TIMES = 1000 };

/* A cell counts; each request is passed on once, and asks another cell on its way. */
static enum turn_end step(void *cell, struct turn *turn, const void *setup)
{
    uint64_t *turns = cell;
    (void)setup;
    ++*turns;
    if (turn->event == TURN_REQUEST && turn->in_len == 0)
        return TURN_REPLY; /* who was asked */
    if (turn->event == TURN_REQUEST) {
        turn_target(turn, 1);
        return TURN_CALL;
    }
    bytes_append(turn->out, turns, sizeof *turns);
    return TURN_REPLY;
}

static const struct workload workload = {
    .name = "counts", .cell_size = sizeof(uint64_t), .step = step};

struct posts {
    struct model_run *run, *other; /* every reply posts to `other`, too, if there is one */
    struct request *request, *elsewhere;
    uint64_t left, answered, last_turns;
};

static void done_elsewhere(struct request *request)
{
    ++*(uint64_t *)request->arg;
}

static void done(struct request *request)
{
    struct posts *posts = request->arg;
    assert_int_equal(request->status, 200);
    assert_int_equal(request->out.len, sizeof posts->last_turns);
    memcpy(&posts->last_turns, request->out.data, sizeof posts->last_turns);
    posts->answered++;
    if (posts->left > 0) {
        posts->left--;
        assert_int_equal(inline_model.post(posts->run, request), 0);
    }
    if (posts->other)
        assert_int_equal(inline_model.post(posts->other, posts->elsewhere), 0);
}

static struct model_run *start(bool one_poster)
{
    const struct model_config config = {
        .workload = &workload,
        .cells = CELLS,
        .threads = 1,
        .queue_limit = 2,
        .content_type = "text/plain",
        .max_body_bytes = 1000,
        .io_timeout_ns = 1000000000,
        .drain_ns = 1000000000,
        .downstream_connections = 1,
        .call_timeout_ns = 1000000000,
        .one_poster = one_poster,
    };
    struct model_run *run = NULL;
    assert_int_equal(inline_model.start(&config, &run, NULL), 0);
    return run;
}

static struct request *request_to(uint32_t cell, void (*then)(struct request *), void *arg)
{
    struct request *request = request_create(&workload);
    assert_non_null(request);
    request->in = (const uint8_t *)"x";
    request->in_len = 1;
    request->done = then;
    request->arg = arg;
    request->cell = cell;
    return request;
}

/* TIMES requests of two turns in a cell, and as many of one in the cell that is asked. */
static void counts_right(bool one_poster)
{
    struct posts posts = {.run = start(one_poster), .left = TIMES - 1};
    posts.request = request_to(0, done, &posts);
    assert_int_equal(inline_model.post(posts.run, posts.request), 0);
    assert_int_equal(posts.answered, TIMES);
    assert_int_equal(posts.last_turns, 2 * TIMES);
    struct model_stats stats = {0};
    assert_int_equal(inline_model.stop(posts.run, &stats), 0);
    assert_int_equal(stats.requests, TIMES);
    assert_int_equal(stats.answered, TIMES);
    assert_int_equal(stats.turns, 3 * TIMES);
    assert_int_equal(stats.in_flight, 0);
    request_destroy(posts.request, &workload);
}

static void from_done(void **state)
{
    (void)state;
    counts_right(false);
}

static void from_done_alone(void **state)
{
    (void)state;
    counts_right(true);
}

/* What was posted to the first run waits, while its done() posts to another one. */
static void from_done_to_another_run(void **state)
{
    (void)state;
    uint64_t answered = 0;
    struct posts posts = {.run = start(false), .other = start(true), .left = TIMES - 1};
    posts.request = request_to(0, done, &posts);
    posts.elsewhere = request_to(2, done_elsewhere, &answered);
    assert_int_equal(inline_model.post(posts.run, posts.request), 0);
    assert_int_equal(posts.answered, TIMES);
    assert_int_equal(answered, TIMES);
    assert_int_equal(inline_model.stop(posts.run, NULL), 0);
    assert_int_equal(inline_model.stop(posts.other, NULL), 0);
    request_destroy(posts.request, &workload);
    request_destroy(posts.elsewhere, &workload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_done),
        cmocka_unit_test(from_done_alone),
        cmocka_unit_test(from_done_to_another_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
