/* SPDX-License-Identifier: MIT */
/* One-way messages of actors: notes where they are short, else requests. */
#include "actor_run.h"

#include <errno.h>
#include <string.h>

/* Notes to one cell, one after the other: they go as one, but do not keep a receiver on another
 * worker waiting for long. */
#define CHAIN_MOST 64
struct notes_chain {
    struct mail *first, *last;
    uint32_t cell, len;
};

static void send_chain(struct sched_worker *worker, struct notes_chain *chain)
{
    if (chain->len == 0)
        return;
    struct actor *actor = actor_at(actor_run_of(worker), chain->cell);
    sched_pay(worker, actor, chain->len);
    actor_tell_all(worker, actor, chain->first, chain->last, chain->len);
    chain->len = 0;
}

/* False: it is too long, or for nobody in particular. */
static inline bool add_note(struct sched_worker *worker, struct notes_chain *chain, uint32_t cell,
                            const uint8_t *body, size_t len)
{
    struct model_run *run = actor_run_of(worker);
    if (len > NOTE_BODY || cell == TURN_NEW_CELL || !run->cells.state)
        return false;
    struct note *note = notes_take(&run->notes, worker->index);
    note->cell = cell;
    note->len = (uint32_t)len;
    if (len == 8) /* the common case, without a call */
        memcpy(note->body, body, 8);
    else if (len > 0)
        memcpy(note->body, body, len);
    if (chain->cell != cell || chain->len == CHAIN_MOST)
        send_chain(worker, chain);
    if (chain->len++ > 0)
        mailbox_link(chain->last, &note->mail);
    else
        chain->first = &note->mail;
    chain->last = &note->mail;
    chain->cell = cell;
    return true;
}

static int send_one(struct sched_worker *worker, struct request *request,
                    const struct turn_target *target)
{
    struct errands *errands = &actor_run_of(worker)->errands;
    struct request *message;
    int error = errands_message(errands, worker->counters, request, target, &message);
    if (!error)
        actor_send_errand(worker, message);
    return error;
}

void actor_send_all(struct sched_worker *worker, struct request *request)
{
    struct errands *errands = &actor_run_of(worker)->errands;
    uint32_t credit, sent = 0;
    struct notes_chain chain = {0};
    struct gather *gather = errands_send_begin(errands, worker->counters, request, &credit);
    for (uint32_t i = 0; i < gather->len; i++) {
        const struct turn_target *target = &request->turn.targets[i];
        int status = target->cell == TURN_DOWNSTREAM ? -EINVAL : sent < credit ? 0 : -EAGAIN;
        const uint8_t *body = request->out.data + target->from;
        if (status == 0 && !add_note(worker, &chain, target->cell, body, target->len)) {
            send_chain(worker, &chain); /* what was sent first arrives first */
            status = send_one(worker, request, target);
        }
        sent += status == 0;
        gather->answers[i] = (struct turn_answer){.status = status};
    }
    send_chain(worker, &chain);
    errands_send_end(worker->counters, request, credit, sent);
}
