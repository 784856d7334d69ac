/* SPDX-License-Identifier: MIT */
/*
 * CPU work and a wait in one request: cpu_iterations rounds of the serial hash of `cpu`, then the
 * downstream service is asked with the result, and its answer (an echo) is the reply. The two are
 * set apart from each other: rounds by --cpu-iterations, the wait by the service's delay. A
 * downstream that fails is 502, one that is too slow 504.
 */
#include "hash.h"
#include "service.h"

#include <errno.h>
#include <string.h>

static void append_sum(struct turn *turn)
{
    const uint64_t *sum = turn->frame;
    char hex[HASH_HEX];
    hash_hex(*sum, hex);
    bytes_append(turn->out, hex, sizeof hex);
}

/* Only an answer that was asked for with our own result is taken. */
static int answer_status(const struct turn *turn)
{
    const struct turn_answer *answer = &turn->answers[0];
    const uint64_t *sum = turn->frame;
    uint64_t echoed;
    if (answer->status == -ETIMEDOUT)
        return 504;
    const bool right = answer->status == 200 && answer->len == HASH_HEX &&
                       hash_unhex(answer->body, &echoed) && echoed == *sum;
    return right ? 200 : 502;
}

static enum turn_end blend_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    const struct workload_setup *s = setup;
    uint64_t *sum = turn->frame;
    if (turn->event == TURN_REQUEST) {
        *sum = hash_work(hash_seed(turn->in, turn->in_len), s->cpu_iterations);
        append_sum(turn);
        turn_target(turn, TURN_DOWNSTREAM);
        return TURN_CALL;
    }
    turn->status = answer_status(turn);
    if (turn->status == 200)
        append_sum(turn);
    return TURN_REPLY;
}

const struct service blend_workload = {
    .turns =
        {
            .name = "blend",
            .summary = "a stated number of rounds of a serial hash, then a call downstream",
            .frame_size = sizeof(uint64_t),
            .step = blend_step,
        },
    .needs = WORKLOAD_NEEDS_CPU_ITERATIONS | WORKLOAD_NEEDS_DOWNSTREAM,
    .reply_ok = service_reply_is_cpu_sum,
};
