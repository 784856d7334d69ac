/* SPDX-License-Identifier: MIT */
/* The floor: the body goes back as it came. Also the template for a workload of your own. */
#include "service.h"

#include "parts/bytes.h"

static enum turn_end echo_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    (void)setup;
    bytes_append(turn->out, turn->in, turn->in_len);
    return TURN_REPLY;
}

const struct service echo_workload = {
    .turns =
        {
            .name = "echo",
            .summary = "the floor: sends the body back",
            .step = echo_step,
        },
    .reply_ok = service_reply_is_body,
};
