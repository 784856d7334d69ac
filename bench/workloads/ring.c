/* SPDX-License-Identifier: MIT */
/*
 * Messages between cells: a request passes `hops` cells, cell i handing it to cell i + 1. Each
 * changes its state and adds itself to the checksum of the path, which is the reply.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <string.h>

struct ring_cell {
    uint32_t id;
    uint64_t visits;
    uint64_t state;
};

/* A cell that the request was forwarded to sees TURN_REQUEST, as the first one did: `passed` says
 * which it is, and is 0 again when the reply is made. */
struct ring_frame {
    uint32_t passed;
    uint64_t sum;
};

static int ring_open(void *cell, uint32_t id, const void *setup)
{
    (void)setup;
    struct ring_cell *c = cell;
    c->id = id;
    return 0;
}

/* The body, not the connection, decides where a request begins: so the client can check the path.
 */
static uint32_t ring_route(const uint8_t *in, size_t in_len, uint64_t connection, uint32_t cells)
{
    (void)connection;
    return (uint32_t)((hash_seed(in, in_len) >> 32) % cells);
}

static enum turn_end ring_step(void *cell, struct turn *turn, const void *setup)
{
    const struct workload_setup *s = setup;
    struct ring_cell *c = cell;
    struct ring_frame *frame = turn->frame;

    if (frame->passed == 0)
        frame->sum = hash_seed(turn->in, turn->in_len);
    frame->sum = hash_round(frame->sum, c->id);
    c->visits++;
    c->state = hash_round(c->state, frame->sum);

    if (++frame->passed < s->hops) {
        turn->next_cell = c->id + 1 == s->cells ? 0 : c->id + 1;
        return TURN_FORWARD;
    }
    hash_reply(turn->out, frame->passed, frame->sum);
    frame->passed = 0;
    return TURN_REPLY;
}

static bool ring_reply_ok(const struct workload_setup *setup, size_t document, const uint8_t *reply,
                          size_t reply_len)
{
    const uint8_t *body = setup->bodies[document];
    size_t len = setup->body_lens[document];
    uint64_t sum = hash_seed(body, len);
    uint32_t id = ring_route(body, len, 0, setup->cells);
    for (uint32_t i = 0; i < setup->hops; i++) {
        sum = hash_round(sum, id);
        id = id + 1 == setup->cells ? 0 : id + 1;
    }
    return hash_reply_is(reply, reply_len, setup->hops, sum);
}

const struct service ring_workload = {
    .turns =
        {
            .name = "ring",
            .summary = "messages: a request passes a number of cells, each with its state",
            .cell_size = sizeof(struct ring_cell),
            .frame_size = sizeof(struct ring_frame),
            .cell_open = ring_open,
            .route = ring_route,
            .step = ring_step,
        },
    .needs = WORKLOAD_NEEDS_RING,
    .reply_ok = ring_reply_ok,
};
