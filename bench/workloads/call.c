/* SPDX-License-Identifier: MIT */
/*
 * I/O-bound: decode the body, ask the downstream service with the message encoded anew, decode its
 * answer, encode the reply. A downstream that fails is 502, one that is too slow 504.
 */
#include "coding.h"
#include "service.h"

#include <errno.h>

/* Decodes src and encodes it to out; the status that a failure deserves is the caller's. */
static bool recode(struct turn *turn, const struct workload_setup *setup, const uint8_t *src,
                   size_t len, int *err)
{
    ProtobufCMessage *message;
    *err = coding_decode(turn->frame, setup, src, len, &message);
    if (*err != 0)
        return false;
    *err = coding_encode(setup, message, len, turn->out);
    return *err == 0;
}

static enum turn_end call_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    int err;
    if (turn->event == TURN_REQUEST) {
        if (recode(turn, setup, turn->in, turn->in_len, &err)) {
            turn_target(turn, TURN_DOWNSTREAM);
            return TURN_CALL;
        }
        turn->status = err == -EBADMSG ? 400 : 500;
    } else if (turn->answers[0].status == -ETIMEDOUT) {
        turn->status = 504;
    } else if (turn->answers[0].status != 200 ||
               !recode(turn, setup, turn->answers[0].body, turn->answers[0].len, &err)) {
        turn->status = 502;
    }
    return TURN_REPLY;
}

const struct service call_workload = {
    .turns =
        {
            .name = "call",
            .summary = "decodes the body, asks the downstream service, encodes its answer",
            .frame_size = sizeof(struct coding),
            .frame_close = coding_close,
            .step = call_step,
        },
    .needs = WORKLOAD_NEEDS_PAYLOAD | WORKLOAD_NEEDS_DOWNSTREAM,
    .reply_ok = service_reply_is_body,
};
