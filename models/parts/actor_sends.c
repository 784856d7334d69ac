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

/* Short, and for somebody in particular; where there are no cells nobody is. */
static inline bool is_note(const struct turn_target *target)
{
    return target->len <= NOTE_BODY && target->cell < TURN_NEW_CELL;
}

static inline void add_note(struct sched_worker *worker, struct notes_chain *chain, uint32_t cell,
                            const uint8_t *body, size_t len)
{
    struct note *note = notes_take(&actor_run_of(worker)->notes, worker->index);
    note->cell = cell;
    note->len = (uint32_t)len;
    if (len == 8) /* the common case, without a call */
        memcpy(note->body, body, 8);
    else if (len > 0)
        memcpy(note->body, body, len);
    if (chain->len > 0 && chain->cell == cell && chain->len < CHAIN_MOST) {
        mailbox_link(chain->last, &note->mail);
    } else {
        send_chain(worker, chain);
        chain->first = &note->mail;
        chain->cell = cell;
    }
    chain->last = &note->mail;
    chain->len++;
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
    bool cells = actor_run_of(worker)->cells.state != NULL;
    uint32_t credit, sent = 0;
    struct notes_chain chain = {0};
    struct gather *gather = errands_send_begin(errands, worker->counters, request, &credit);
    const struct turn_target *target = request->turn.targets;
    for (uint32_t i = 0; i < gather->len; i++, target++) {
        int status = 0;
        if (target->cell == TURN_DOWNSTREAM) {
            status = -EINVAL;
        } else if (sent == credit) {
            status = -EAGAIN;
        } else if (cells && is_note(target)) {
            add_note(worker, &chain, target->cell, request->out.data + target->from, target->len);
        } else {
            send_chain(worker, &chain); /* what was sent first arrives first */
            status = send_one(worker, request, target);
        }
        sent += status == 0;
        gather->answers[i] = (struct turn_answer){.status = status};
    }
    send_chain(worker, &chain);
    errands_send_end(worker->counters, request, credit, sent);
}
