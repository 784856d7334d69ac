/* SPDX-License-Identifier: MIT */
/* One-way messages, and how many of them may be under way. */
#include "errands_own.h"

#include <errno.h>

/* Every thread has a part of the limit, which wanders with the messages: whoever ends them says so
 * in a counter of its own, and whoever has none left takes what all others have ended and have not
 * used. So the limit holds to the unit, and mostly nobody touches another thread's cache lines.
 * Returns how many of those wanted may be sent. */
static uint32_t take_credit(struct errands *errands, struct counters *mine, uint32_t wanted)
{
    int64_t found = 0;
    if (atomic_load_explicit(&mine->credit, memory_order_relaxed) >= wanted) {
        if (atomic_fetch_sub_explicit(&mine->credit, wanted, memory_order_relaxed) >= wanted)
            return wanted;
        found = wanted; /* somebody else came in between: what we took was not there */
    }
    pthread_mutex_lock(&errands->lock);
    for (struct counters *c = errands->counters; c < errands->counters + errands->count; c++) {
        if (atomic_load_explicit(&c->credit, memory_order_relaxed) != 0)
            found += atomic_exchange_explicit(&c->credit, 0, memory_order_relaxed);
        uint64_t returned = atomic_load_explicit(&c->returned, memory_order_relaxed);
        found += (int64_t)(returned - c->collected);
        c->collected = returned;
    }
    uint32_t granted = found >= wanted ? wanted : found > 0 ? (uint32_t)found : 0;
    if (found != granted)
        atomic_fetch_add_explicit(&mine->credit, found - granted, memory_order_relaxed);
    pthread_mutex_unlock(&errands->lock);
    return granted;
}

int errands_message(struct errands *errands, struct counters *mine, const struct request *request,
                    const struct turn_target *target, struct request **message)
{
    *message = errands_take(errands, mine);
    int error = errands_begin(errands, *message, ERRAND_MESSAGE, request, target);
    if (error)
        errands_give(errands, mine, *message);
    return error;
}

struct gather *errands_send_begin(struct errands *errands, struct counters *mine,
                                  struct request *request, uint32_t *credit)
{
    struct gather *gather = gather_for(request, errands->config->workload);
    *credit = take_credit(errands, mine, gather->len);
    /* Before they are: somebody may end them at once. */
    tally_add_mine(mine, &mine->begun, *credit);
    return gather;
}

void errands_send_end(struct counters *mine, struct request *request, uint32_t credit,
                      uint32_t sent)
{
    if (sent < credit) { /* some were not for a cell, or there was no memory for it */
        atomic_fetch_add_explicit(&mine->credit, credit - sent, memory_order_relaxed);
        errands_count_end(mine, &mine->ended, credit - sent);
    }
    counter_add_mine(mine, &mine->sends, sent);
    request->turn.event = TURN_SENT;
}

struct request *errands_send(struct errands *errands, struct counters *mine,
                             struct request *request)
{
    struct request *first = NULL, **last = &first;
    uint32_t credit, sent = 0;
    struct gather *gather = errands_send_begin(errands, mine, request, &credit);
    for (uint32_t i = 0; i < gather->len; i++) {
        const struct turn_target *target = &request->turn.targets[i];
        int status = target->cell == TURN_DOWNSTREAM ? -EINVAL : sent < credit ? 0 : -EAGAIN;
        if (status == 0 && (status = errands_message(errands, mine, request, target, last)) == 0) {
            last = &(*last)->next;
            sent++;
        }
        gather->answers[i] = (struct turn_answer){.status = status};
    }
    *last = NULL;
    errands_send_end(mine, request, credit, sent);
    return first;
}

void errands_keep_body(struct request *request)
{
    struct bytes *body = &request->errand.body;
    body->len = 0;
    bytes_append(body, request->in, request->in_len);
    request->in = body->len > 0 ? body->data : (const uint8_t *)"";
}
