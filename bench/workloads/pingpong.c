/* SPDX-License-Identifier: MIT */
/*
 * Two cells: the even one asks its neighbour `messages` times, one question after the other, each
 * with the answer to the last. The reply is the number of answers and where the ball ended up.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <errno.h>
#include <string.h>

struct pingpong_cell {
    uint32_t id;
    uint64_t hits;
};

struct pingpong_frame {
    uint32_t answered;
    uint64_t ball;
};

static int pingpong_open(void *cell, uint32_t id, const void *setup)
{
    const struct workload_setup *s = setup;
    struct pingpong_cell *c = cell;
    c->id = id;
    return s->cells < 2 ? -EINVAL : 0; /* it takes two */
}

/* Requests from outside are for the even ones, and every pair is whole. */
static uint32_t pingpong_route(const uint8_t *in, size_t len, uint64_t connection, uint32_t cells)
{
    (void)connection;
    return 2 * (uint32_t)((hash_seed(in, len) >> 32) % (cells / 2));
}

static enum turn_end pingpong_ask(const struct pingpong_cell *cell, struct turn *turn)
{
    const struct pingpong_frame *frame = turn->frame;
    bytes_append(turn->out, &frame->ball, sizeof frame->ball);
    turn_target(turn, cell->id + 1);
    return TURN_CALL;
}

static enum turn_end pingpong_step(void *cell, struct turn *turn, const void *setup)
{
    const struct workload_setup *s = setup;
    struct pingpong_cell *c = cell;
    struct pingpong_frame *frame = turn->frame;
    c->hits++;
    if (c->id % 2 == 1) { /* the neighbour, whom only cells ask */
        uint64_t ball;
        memcpy(&ball, turn->in, sizeof ball);
        ball = hash_round(ball, 1);
        bytes_append(turn->out, &ball, sizeof ball);
        return TURN_REPLY;
    }
    if (turn->event == TURN_REQUEST) {
        *frame = (struct pingpong_frame){.ball = hash_seed(turn->in, turn->in_len)};
        return pingpong_ask(c, turn);
    }
    if (turn->answers[0].status != 200 || turn->answers[0].len != sizeof frame->ball) {
        turn->status = 502;
        return TURN_REPLY;
    }
    memcpy(&frame->ball, turn->answers[0].body, sizeof frame->ball);
    if (++frame->answered < s->messages)
        return pingpong_ask(c, turn);
    hash_reply(turn->out, frame->answered, frame->ball);
    return TURN_REPLY;
}

static bool pingpong_reply_ok(const struct workload_setup *setup, size_t document,
                              const uint8_t *reply, size_t reply_len)
{
    uint64_t ball = hash_seed(setup->bodies[document], setup->body_lens[document]);
    for (uint32_t i = 0; i < setup->messages; i++)
        ball = hash_round(ball, 1);
    return hash_reply_is(reply, reply_len, setup->messages, ball);
}

const struct service pingpong_workload = {
    .turns =
        {
            .name = "pingpong",
            .summary = "messages: one cell asks another, again and again",
            .cell_size = sizeof(struct pingpong_cell),
            .frame_size = sizeof(struct pingpong_frame),
            .cell_open = pingpong_open,
            .route = pingpong_route,
            .step = pingpong_step,
        },
    .needs = WORKLOAD_NEEDS_CELLS | WORKLOAD_NEEDS_MESSAGES,
    .reply_ok = pingpong_reply_ok,
};
