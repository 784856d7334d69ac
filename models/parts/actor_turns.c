/* SPDX-License-Identifier: MIT */
#include "actor_run.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY_MOST 256 /* actors without a cell that a worker keeps */

static struct local *local_of(struct sched_worker *worker)
{
    return worker->local;
}

/* The event is set. */
static void deliver(struct sched_worker *worker, struct request *request)
{
    actor_tell(worker, actor_of(actor_run_of(worker), request), &request->mail);
}

struct actor *actor_nameless(struct model_run *run)
{
    static _Thread_local uint32_t number;
    return &run->actors[number++ % run->actors_len];
}

/* ---- Actors for cells that are made for one message ---- */

static struct actor *actor_make(struct sched_worker *worker)
{
    struct local *local = local_of(worker);
    struct actor *actor = local->nobody;
    if (actor) {
        local->nobody = (struct actor *)actor->runnable.next;
        local->nobody_len--;
    } else if (!(actor = aligned_alloc(_Alignof(struct actor), sizeof *actor))) {
        abort(); /* as bytes_reserve() */
    }
    actor_init(actor, actor_receive);
    return actor;
}

/* Its last mail has been taken out, and nobody knows it any more. */
static void actor_drop(struct sched_worker *worker, struct actor *actor)
{
    struct local *local = local_of(worker);
    if (local->nobody_len == NOBODY_MOST) {
        free(actor);
        return;
    }
    actor->runnable.next = (struct runnable *)local->nobody;
    local->nobody = actor;
    local->nobody_len++;
}

void actor_send_errand(struct sched_worker *worker, struct request *errand)
{
    struct model_run *run = actor_run_of(worker);
    if (!run->cells.state)
        errand->owner = actor_nameless(run);
    else if (errand->has_cell)
        errand->owner = actor_make(worker);
    struct actor *actor = actor_of(run, errand);
    if (errand->kind == ERRAND_MESSAGE)
        sched_pay(worker, actor, 1); /* before: it may be gone after */
    actor_tell(worker, actor, &errand->mail);
}

/* ---- Calls ---- */

/* By the worker that started it, from its round or its epoll. */
static void call_done(struct pool_call *call)
{
    struct sched_worker *worker = sched_self(NULL);
    struct request *request =
        errands_answered(&actor_run_of(worker)->errands, worker->counters, ask_of_call(call));
    if (request)
        deliver(worker, request);
}

/* Everybody is sent a mail. The answers are counted where they are made; whoever brings the last
 * one mails the asker. */
static void call(struct sched_worker *worker, struct request *request)
{
    struct gather *gather = errands_call(&actor_run_of(worker)->errands, worker->counters, request);
    gather->where = NULL;
    if (gather->children) {
        gather_hold(gather);
        gather->where = worker;
        timers_add(&worker->timers, gather->deadline_ns,
                   (void *)((uintptr_t)gather | ACTOR_TIMER_GATHER), &gather->place);
    }
    if (gather_is_lone(gather)) {
        actor_send_errand(worker, gather->asks[0].child);
        return;
    }
    for (uint32_t i = 0; i < gather->len; i++) {
        struct ask *ask = &gather->asks[i];
        ask->call.done = call_done;
        if (ask->kind == ASK_DOWNSTREAM)
            pool_share_start(local_of(worker)->share, &ask->call);
        else if (ask->kind == ASK_CELL)
            actor_send_errand(worker, ask->child);
    }
    if ((request = errands_started(gather)))
        deliver(worker, request);
}

static void settle(struct sched_worker *worker, struct gather *gather)
{
    timers_cancel(&worker->timers, &gather->place);
    gather_drop(gather, actor_run_of(worker)->config.workload);
}

/* The answers are there: nobody need watch the clock for them any more. */
static void end_call(struct sched_worker *worker, struct gather *gather)
{
    struct sched_worker *watcher = gather->where;
    if (watcher == worker) {
        timers_cancel(&worker->timers, &gather->place);
        gather_hold_no_more(gather);
    } else if (watcher) {
        struct local *local = local_of(watcher);
        gather->next = atomic_load_explicit(&local->settled, memory_order_relaxed);
        while (!atomic_compare_exchange_weak_explicit(&local->settled, &gather->next, gather,
                                                      memory_order_release, memory_order_relaxed))
            ;
    }
}

void actor_settle(struct sched_worker *worker)
{
    struct local *local = local_of(worker);
    if (!atomic_load_explicit(&local->settled, memory_order_relaxed))
        return;
    struct gather *gather = atomic_exchange_explicit(&local->settled, NULL, memory_order_acquire);
    for (struct gather *next; gather; gather = next) {
        next = gather->next;
        settle(worker, gather);
    }
}

/* ---- Turns ---- */

bool actor_reply(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = actor_run_of(worker);
    struct local *local = local_of(worker);
    waiting_leave(&run->conns.waiting); /* before: who has seen the reply finds room */
    bool open = actor_conn_reply(worker, request->owner, request);
    request->next = local->spare;
    local->spare = request;
    return open;
}

/* Replied or rejected. False: the actor that runs is gone. */
static bool finish(struct sched_worker *worker, struct request *request, _Atomic uint64_t *counter)
{
    struct model_run *run = actor_run_of(worker);
    if (request->kind != ERRAND_NONE) {
        struct request *asker = errands_ended(&run->errands, worker->counters, request);
        if (asker)
            deliver(worker, asker);
        return true;
    }
    counter_add(counter, 1);
    if (request->done) {
        waiting_leave(&run->conns.waiting);
        request->done(request);
        return true;
    }
    if (!run->cells.state)
        return actor_reply(worker, request);
    actor_tell(worker, request->owner, &request->mail);
    return true;
}

static inline enum turn_end step(struct sched_worker *worker, struct request *request)
{
    struct model_run *run = actor_run_of(worker);
    counter_add(&worker->counters->turns, 1);
    if (request->turn.event == TURN_ANSWER)
        end_call(worker, request->gather);
    return request_step(request, run->config.workload, request_cell(request, &run->cells),
                        request->turn.event, run->config.setup);
}

/* One-way messages of turns that end so; then the next turn at once. False: it comes by mail. */
static bool send_on(struct sched_worker *worker, struct request *request, enum turn_end *end)
{
    while (*end == TURN_SEND) {
        actor_send_all(worker, request);
        if (!sched_may_go_on(worker)) {
            deliver(worker, request);
            return false;
        }
        *end = step(worker, request);
    }
    return true;
}

static void start_offload(struct sched_worker *worker, struct request *request)
{
    request->turn.event = TURN_DONE;
    counter_add(&worker->counters->offloads, 1);
    counter_add(&worker->counters->messages, 1);
    if (offload_submit(actor_run_of(worker)->offload, request)) {
        counter_add(&worker->counters->wakeups, 1);
        syscalls_count();
    }
}

/* What a turn asked for. made: the actor, if it was made for this request alone. False: the actor
 * that runs is gone. */
static bool carry_out(struct sched_worker *worker, struct request *request, struct actor *made,
                      enum turn_end end)
{
    bool here = true;
    if (!send_on(worker, request, &end))
        return true;
    switch (end) {
    case TURN_FORWARD:
        request->turn.event = TURN_REQUEST;
        deliver(worker, request);
        break;
    case TURN_WAIT:
        request->turn.event = TURN_WAKE;
        timers_add(&worker->timers, clock_in_ns(request->turn.wait_ns), request, NULL);
        return true;
    case TURN_OFFLOAD:
        start_offload(worker, request);
        return true;
    case TURN_REPLY:
        here = finish(worker, request, &worker->counters->answered);
        break;
    case TURN_REJECT:
        here = finish(worker, request, &worker->counters->rejected);
        break;
    default:
        call(worker, request);
        return true;
    }
    if (made)
        actor_drop(worker, made);
    return here && !made;
}

bool actor_turn(struct sched_worker *worker, struct request *request)
{
    struct actor *made = request->has_cell ? request->owner : NULL;
    enum turn_end end = step(worker, request);
    bool of_conn = !actor_run_of(worker)->cells.state && request->kind == ERRAND_NONE;
    if (end == TURN_REPLY && of_conn && !request->done) { /* without what others need */
        counter_add(&worker->counters->answered, 1);
        return actor_reply(worker, request);
    }
    return carry_out(worker, request, made, end);
}

/* The turn of a note: with the worker's own request, which goes on to the next note unless this one
 * goes on itself. */
static bool read_note(struct sched_worker *worker, struct note *note)
{
    struct model_run *run = actor_run_of(worker);
    struct local *local = local_of(worker);
    struct request *request = local->reader;
    if (!request)
        request = local->reader = errands_make(&run->errands, worker->counters);
    request->in = note->body;
    request->in_len = note->len;
    request->cell = note->cell;
    counter_add(&worker->counters->turns, 1);
    request_turn_begin(request, TURN_REQUEST);
    enum turn_end end = run->config.workload->step(cells_at(&run->cells, note->cell),
                                                   &request->turn, run->config.setup);
    if (end == TURN_REPLY || end == TURN_REJECT) {
        notes_give(&run->notes, worker->index, note);
        errands_noted(worker->counters);
        return true;
    }
    local->reader = NULL;
    request_turn_end(request, run->config.workload, end);
    errands_keep_body(request);
    notes_give(&run->notes, worker->index, note);
    return carry_out(worker, request, NULL, end);
}

bool actor_receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    __builtin_prefetch(actor->box.tail); /* the next one; this one knows its cell */
    if (mail->kind == MAIL_NOTE)
        return read_note(worker, (struct note *)mail);
    return actor_turn(worker, request_of_mail(mail));
}

void actor_offloaded(void *arg, struct request *request)
{
    struct model_run *run = arg;
    uint64_t before = syscalls_made;
    if (!atomic_load_explicit(&run->closed, memory_order_acquire)) /* else it is lost */
        request_offload(request, run->config.setup);
    actor_send(&run->scheduler, actor_of(run, request), &request->mail);
    if (!sched_self(NULL)) /* at stop() a worker may do it itself */
        counter_add_shared(&run->scheduler.outside->syscalls, syscalls_made - before);
}

/* ---- Rounds of a worker ---- */

void actor_timer(struct sched_worker *worker, void *item)
{
    struct model_run *run = actor_run_of(worker);
    uintptr_t of = (uintptr_t)item & (ACTOR_TIMER_CONN | ACTOR_TIMER_GATHER);
    if (of == ACTOR_TIMER_CONN) {
        actor_conn_timer(item);
    } else if (of == ACTOR_TIMER_GATHER) {
        struct gather *gather = (struct gather *)((uintptr_t)item - ACTOR_TIMER_GATHER);
        struct request *request = errands_expire(&run->errands, worker->counters, gather);
        if (request)
            deliver(worker, request);
    } else if (item == &run->conns) {
        actor_conns_accept_again(worker, &run->conns);
    } else {
        deliver(worker, item);
    }
}

void actor_round(struct sched_worker *worker, uint64_t now_ns)
{
    struct model_run *run = actor_run_of(worker);
    actor_settle(worker);
    if (run->downstream)
        pool_share_run(local_of(worker)->share, now_ns);
    if (run->config.listen)
        actor_conns_round(&run->conns, worker->index);
}

uint64_t actor_due_ns(struct sched_worker *worker)
{
    return actor_run_of(worker)->downstream ? pool_share_due_ns(local_of(worker)->share)
                                            : CLOCK_NEVER;
}
