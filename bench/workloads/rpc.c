/* SPDX-License-Identifier: MIT */
/* Decode the body, read every field, encode it back: what a service spends on its encoding. */
#include "coding.h"
#include "service.h"

static enum turn_end rpc_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    ProtobufCMessage *message;
    if (coding_decode(turn->frame, setup, turn->in, turn->in_len, &message) != 0)
        turn->status = 400;
    else if (coding_encode(setup, message, turn->in_len, turn->out) != 0)
        turn->status = 500;
    return TURN_REPLY;
}

const struct service rpc_workload = {
    .turns =
        {
            .name = "rpc",
            .summary = "decodes the body, reads every field, encodes it back",
            .frame_size = sizeof(struct coding),
            .frame_close = coding_close,
            .step = rpc_step,
        },
    .needs = WORKLOAD_NEEDS_PAYLOAD,
    .reply_ok = service_reply_is_body,
};
