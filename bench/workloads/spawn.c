/* SPDX-License-Identifier: MIT */
/*
 * Cells made and dropped: a request makes `messages` of them, gives each a number, and gathers what
 * they answer. The reply is how many there were and the sum of their answers.
 *
 * In process only: a service in which every request makes so many is none that anybody runs.
 */
#include "hash.h"
#include "parts/bytes.h"
#include "service.h"

#include <string.h>

struct spawn_cell {
    uint32_t id; /* TURN_NEW_CELL: made for one message */
    uint64_t state;
};

static int spawn_open(void *cell, uint32_t id, const void *setup)
{
    (void)setup;
    struct spawn_cell *c = cell;
    c->id = id;
    return 0;
}

static enum turn_end spawn_step(void *cell, struct turn *turn, const void *setup)
{
    const struct workload_setup *s = setup;
    struct spawn_cell *c = cell;
    if (c->id == TURN_NEW_CELL) {
        memcpy(&c->state, turn->in, sizeof c->state);
        c->state = hash_round(c->state, 1);
        bytes_append(turn->out, &c->state, sizeof c->state);
        return TURN_REPLY;
    }
    if (turn->event == TURN_REQUEST) {
        const uint64_t seed = hash_seed(turn->in, turn->in_len);
        for (uint32_t i = 0; i < s->messages; i++) {
            const uint64_t number = seed + i;
            bytes_append(turn->out, &number, sizeof number);
            turn_target(turn, TURN_NEW_CELL);
        }
        return TURN_CALL;
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < turn->answers_len; i++) {
        uint64_t state;
        if (turn->answers[i].status != 200 || turn->answers[i].len != sizeof state) {
            turn->status = 502;
            return TURN_REPLY;
        }
        memcpy(&state, turn->answers[i].body, sizeof state);
        sum += state;
    }
    hash_reply(turn->out, turn->answers_len, sum);
    return TURN_REPLY;
}

static bool spawn_reply_ok(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    const uint64_t seed = hash_seed(setup->bodies[document], setup->body_lens[document]);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < setup->messages; i++)
        sum += hash_round(seed + i, 1);
    return hash_reply_is(reply, reply_len, setup->messages, sum);
}

const struct service spawn_workload = {
    .turns =
        {
            .name = "spawn",
            .summary = "cells: makes many, asks each once, drops them; in process only",
            .cell_size = sizeof(struct spawn_cell),
            .cell_open = spawn_open,
            .step = spawn_step,
        },
    .needs = WORKLOAD_NEEDS_CELLS | WORKLOAD_NEEDS_MESSAGES | WORKLOAD_IN_PROCESS_ONLY,
    .reply_ok = spawn_reply_ok,
};
