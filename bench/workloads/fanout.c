/* SPDX-License-Identifier: MIT */
/*
 * Waits for several at once: the body goes to the downstream service `fan` times in parallel, and
 * is sent back when every answer is there and is the body again. One that fails makes it 502, one
 * that is too slow 504.
 */
#include "parts/bytes.h"
#include "service.h"

#include <errno.h>
#include <string.h>

static int fanout_status(const struct turn *turn)
{
    int status = 200;
    for (uint32_t i = 0; i < turn->answers_len; i++) {
        const struct turn_answer *answer = &turn->answers[i];
        if (answer->status == -ETIMEDOUT)
            return 504;
        if (answer->status != 200 || answer->len != turn->in_len ||
            (answer->len > 0 && memcmp(answer->body, turn->in, answer->len) != 0))
            status = 502;
    }
    return status;
}

static enum turn_end fanout_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    const struct workload_setup *s = setup;
    if (turn->event == TURN_REQUEST) {
        for (uint32_t i = 0; i < s->fan; i++) {
            bytes_append(turn->out, turn->in, turn->in_len);
            turn_target(turn, TURN_DOWNSTREAM);
        }
        return TURN_CALL;
    }
    turn->status = fanout_status(turn);
    if (turn->status == 200)
        bytes_append(turn->out, turn->in, turn->in_len);
    return TURN_REPLY;
}

const struct service fanout_workload = {
    .turns =
        {
            .name = "fanout",
            .summary = "asks the downstream service several times in parallel",
            .step = fanout_step,
        },
    .needs = WORKLOAD_NEEDS_DOWNSTREAM | WORKLOAD_NEEDS_FAN,
    .reply_ok = service_reply_is_body,
};
