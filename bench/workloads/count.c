/* SPDX-License-Identifier: MIT */
/*
 * Many messages to one cell: a request sends `messages` one-way messages to cell 0, which counts
 * them, and then asks it how many it has. Where messages keep their order the answer comes when all
 * are counted, so nobody sends for ever what nobody reads; who measures waits for the last of them
 * in any case (workload_sent_expect). If some were refused, since too many are under way, the
 * request is rejected: sending them again could keep the counter's thread from counting.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <errno.h>
#include <string.h>

enum { COUNTER = 0 };

struct count_cell {
    uint32_t id;
    uint64_t counted;
};

static int count_open(void *cell, uint32_t id, const void *setup)
{
    const struct workload_setup *s = setup;
    struct count_cell *c = cell;
    c->id = id;
    return s->cells < 2 ? -EINVAL : 0; /* the counter and at least one that sends */
}

static uint32_t count_route(const uint8_t *in, size_t len, uint64_t connection, uint32_t cells)
{
    (void)connection;
    return 1 + (uint32_t)((hash_seed(in, len) >> 32) % (cells - 1));
}

/* The counter, whom only cells ask: a message, or the question, which is empty. */
static enum turn_end count_one(struct count_cell *cell, struct turn *turn,
                               const struct workload_setup *setup)
{
    if (turn->in_len == 0) {
        bytes_append(turn->out, &cell->counted, sizeof cell->counted);
    } else {
        cell->counted++;
        service_carried_out(setup);
    }
    return TURN_REPLY;
}

static enum turn_end count_step(void *cell, struct turn *turn, const void *setup)
{
    const struct workload_setup *s = setup;
    struct count_cell *c = cell;
    if (c->id == COUNTER)
        return count_one(c, turn, s);
    const uint64_t seed = hash_seed(turn->in, turn->in_len);
    switch (turn->event) {
    case TURN_REQUEST:
        for (uint32_t i = 0; i < s->messages; i++) {
            const uint64_t message = seed + i;
            bytes_append(turn->out, &message, sizeof message);
            turn_target(turn, COUNTER);
        }
        return TURN_SEND;
    case TURN_SENT:
        for (uint32_t i = 0; i < turn->answers_len; i++)
            if (turn->answers[i].status != 0)
                return TURN_REJECT;
        turn_target(turn, COUNTER);
        return TURN_CALL;
    default:
        if (turn->answers[0].status != 200 || turn->answers[0].len != sizeof c->counted)
            turn->status = 502;
        else
            hash_reply(turn->out, s->messages, seed);
        return TURN_REPLY;
    }
}

static bool count_reply_ok(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    const uint64_t seed = hash_seed(setup->bodies[document], setup->body_lens[document]);
    return hash_reply_is(reply, reply_len, setup->messages, seed);
}

const struct service count_workload = {
    .turns =
        {
            .name = "count",
            .summary = "messages: many one-way ones to a single cell, which counts them",
            .cell_size = sizeof(struct count_cell),
            .cell_open = count_open,
            .route = count_route,
            .step = count_step,
        },
    .needs = WORKLOAD_NEEDS_CELLS | WORKLOAD_NEEDS_MESSAGES | WORKLOAD_SENDS,
    .reply_ok = count_reply_ok,
};
