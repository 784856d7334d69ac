/* SPDX-License-Identifier: MIT */
/* After the end of the workers, if stop() gave up: what was left behind. */
#include "actor_run.h"

#include "clock.h"

#include <stdlib.h>

/* One that would have gone on, and whoever waits for it. */
static void drop(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = actor_run_of(worker);
    while (request && request->kind != ERRAND_NONE) {
        if (request->has_cell)
            free(request->owner);
        request_refuse(request);
        request = errands_ended(&run->errands, worker->counters, request);
    }
    if (!request)
        return;
    door_leave(&run->door);
    if (!request->done) {
        request_destroy(request, run->config.workload);
        return;
    }
    counter_add(&worker->counters->rejected, 1);
    request_refuse(request);
    request->done(request);
}

static void drop_mail(struct sched_worker *worker, struct actor *actor)
{
    bool of_conn = actor->receive != actor_receive;
    struct mail *ready = of_conn ? &((struct actor_conn *)actor)->ready_mail : NULL;
    for (struct mail *mail; (mail = mailbox_pop(&actor->box));) {
        if (mail->kind == MAIL_NOTE) {
            errands_noted(worker->counters);
            continue;
        }
        bool made = mail != ready && request_of_mail(mail)->has_cell;
        if (mail != ready)
            drop(worker, request_of_mail(mail));
        if (made)
            return;
    }
    mailbox_rest(&actor->box);
}

static void drop_timers(struct sched_worker *worker)
{
    struct model_run *run = actor_run_of(worker);
    for (void *item; (item = timers_pop(&worker->timers, TIMERS_NEVER));) {
        if ((uintptr_t)item & ACTOR_TIMER_GATHER) {
            struct gather *gather = (struct gather *)((uintptr_t)item - ACTOR_TIMER_GATHER);
            drop(worker, errands_expire(&run->errands, worker->counters, gather));
            gather_drop(gather, run->config.workload);
        } else if (!((uintptr_t)item & ACTOR_TIMER_CONN) && item != &run->conns) {
            drop(worker, item);
        }
    }
}

void actor_drop_all(struct model_run *run)
{
    struct scheduler *scheduler = &run->scheduler;
    struct actor *actor;
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        sched_act_as(worker);
        actor_settle(worker);
        if (run->locals[i].share) /* every call runs out of time, and its asker gets mail */
            pool_share_run(run->locals[i].share, CLOCK_NEVER);
        drop_timers(worker);
        while ((actor = sched_leftover(scheduler)))
            drop_mail(worker, actor);
        sched_act_as(NULL);
    }
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct local *local = &run->locals[i];
        pool_share_destroy(local->share);
        request_destroy(local->reader, run->config.workload);
        for (struct request *request; (request = local->spare);) {
            local->spare = request->next;
            request_destroy(request, run->config.workload);
        }
        while ((actor = local->nobody)) {
            local->nobody = (struct actor *)actor->runnable.next;
            free(actor);
        }
    }
}
