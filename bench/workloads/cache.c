/* SPDX-License-Identifier: MIT */
/*
 * A service with a cache: a body that begins with "hit " is decoded and answered at once, for any
 * other the downstream service is asked, as in `call`. So one server gets requests that depend on
 * the downstream service and requests that do not, and it can be seen what they have to do with
 * each other.
 */
#include "coding.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char cache_hit[] = "hit ";
#define HIT_LEN (sizeof cache_hit - 1)

static bool cache_is_hit(const uint8_t *body, size_t len)
{
    return len >= HIT_LEN && memcmp(body, cache_hit, HIT_LEN) == 0;
}

/* Decodes src and encodes it to out. 0 or a negative errno. */
static int recode(struct turn *turn, const struct workload_setup *setup, const uint8_t *src,
                  size_t len)
{
    ProtobufCMessage *message;
    int err = coding_decode(turn->frame, setup, src, len, &message);
    return err != 0 ? err : coding_encode(setup, message, len, turn->out);
}

static enum turn_end cache_step(void *cell, struct turn *turn, const void *setup)
{
    (void)cell;
    if (turn->event == TURN_REQUEST) {
        const size_t skip = cache_is_hit(turn->in, turn->in_len) ? HIT_LEN : 0;
        const int err = recode(turn, setup, turn->in + skip, turn->in_len - skip);
        if (err != 0)
            turn->status = err == -EBADMSG ? 400 : 500;
        if (err != 0 || skip > 0)
            return TURN_REPLY;
        turn_target(turn, TURN_DOWNSTREAM);
        return TURN_CALL;
    }
    const struct turn_answer *answer = &turn->answers[0];
    if (answer->status == -ETIMEDOUT)
        turn->status = 504;
    else if (answer->status != 200 || recode(turn, setup, answer->body, answer->len) != 0)
        turn->status = 502;
    return TURN_REPLY;
}

static bool cache_reply_ok(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    const uint8_t *body = setup->bodies[document];
    const size_t len = setup->body_lens[document];
    const size_t skip = cache_is_hit(body, len) ? HIT_LEN : 0;
    return reply_len == len - skip && memcmp(reply, body + skip, reply_len) == 0;
}

static size_t cache_mark(const struct workload_setup *setup, size_t document, char *mark)
{
    const bool hit = service_share(document, setup->hit_percent, 0);
    return (size_t)snprintf(mark, SERVICE_MARK_MAX, "%s", hit ? cache_hit : "");
}

const struct service cache_workload = {
    .turns =
        {
            .name = "cache",
            .summary = "answers hits at once, asks the downstream service for the others",
            .frame_size = sizeof(struct coding),
            .frame_close = coding_close,
            .step = cache_step,
        },
    .needs = WORKLOAD_NEEDS_PAYLOAD | WORKLOAD_NEEDS_DOWNSTREAM | WORKLOAD_NEEDS_HITS,
    .reply_ok = cache_reply_ok,
    .mark = cache_mark,
};
