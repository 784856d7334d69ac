/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "loop.h"
#include "syscalls.h"

_Thread_local struct loop *loop_self;

void loop_ready(struct loop *loop, struct request *request)
{
    if (loop == loop_self) {
        request->next = NULL;
        *loop->ready.last = request;
        loop->ready.last = &request->next;
        return;
    }
    struct model_run *run = loop->run;
    struct counters *mine = loop_self ? loop_self->counters : &run->counters[run->config.threads];
    bool woke = inbox_push(&loop->inbox, request);
    counter_add_mine(mine, &mine->messages, 1);
    counter_add_mine(mine, &mine->wakeups, woke);
}

void loop_nudge(struct loop *loop)
{
    if (!atomic_exchange_explicit(&loop->nudged, true, memory_order_acq_rel) &&
        inbox_push(&loop->inbox, loop->nudge) && loop_self)
        counter_add(&loop_self->counters->wakeups, 1);
}

/* The loop in which the request's cell lives. Without one, or with one of its own, it stays. */
static struct loop *home_of(struct loop *loop, const struct request *request)
{
    struct model_run *run = loop->run;
    if (!run->cells.state || request->has_cell)
        return loop;
    return &run->loop[request->cell % run->config.threads];
}

void loop_begin(struct loop *loop, struct request *request)
{
    request->status = 0; /* not answered */
    request->turn.event = TURN_REQUEST;
    loop_ready(home_of(loop, request), request);
}

/* All that this request asked for is there: on it goes, where it asked. NULL is fine. */
static void resume(struct request *request)
{
    if (request)
        loop_ready(request->gather->where, request);
}

/* The request is answered (status, out). On the loop of its connection, or, for one that was
 * posted, on the loop of its last turn. */
static void answer(struct loop *loop, struct request *request)
{
    struct loop_conn *conn = request->owner;
    struct counters *counters = loop->counters;
    if (conn && conn->conns != &loop->conns) {
        loop_ready((struct loop *)(void *)conn->conns, request);
        return;
    }
    counter_add(request->link ? &counters->rejected : &counters->answered, 1);
    waiting_leave(&loop->run->waiting); /* first: whoever sees the reply may count on the room */
    if (conn)
        loop_conn_reply(conn, request);
    else
        request->done(request);
}

static void call_done(struct pool_call *call)
{
    struct loop *loop = loop_self;
    resume(errands_answered(&loop->run->errands, loop->counters, ask_of_call(call)));
}

static void start_call(struct loop *loop, struct request *request)
{
    struct gather *gather = errands_call(&loop->run->errands, loop->counters, request);
    gather->where = loop;
    if (gather->children)
        timers_add(&loop->deadlines, gather->deadline_ns, gather, &gather->place);
    for (struct ask *ask = gather->asks; ask < gather->asks + gather->len; ask++) {
        if (ask->kind == ASK_DOWNSTREAM) {
            ask->call.done = call_done;
            pool_share_start(loop->share, &ask->call);
        } else if (ask->kind == ASK_CELL) {
            loop_ready(home_of(loop, ask->child), ask->child);
        }
    }
    resume(errands_started(gather));
}

static void send_all(struct loop *loop, struct request *request)
{
    struct request *message = errands_send(&loop->run->errands, loop->counters, request);
    for (struct request *next; message; message = next) {
        next = message->next;
        loop_ready(home_of(loop, message), message);
    }
    loop_ready(loop, request); /* behind them: it finds room for more */
}

static void start_offload(struct loop *loop, struct request *request)
{
    struct counters *counters = loop->counters;
    request->turn.event = TURN_DONE;
    request->link = loop;
    counter_add(&counters->offloads, 1);
    counter_add(&counters->messages, 1);
    if (offload_submit(loop->run->offload, request)) {
        counter_add(&counters->wakeups, 1);
        syscalls_count();
    }
}

void loop_offloaded(void *arg, struct request *request)
{
    struct model_run *run = arg;
    uint64_t before = syscalls_made;
    struct loop *loop = request->link;
    if (atomic_load_explicit(&run->phase, memory_order_acquire) != CLOSED) /* else it is lost */
        request_offload(request, run->config.setup);
    loop_ready(loop, request);
    if (!loop_self)
        counter_add_shared(&run->counters[run->config.threads].syscalls, syscalls_made - before);
}

static void run_turn(struct loop *loop, struct request *request)
{
    struct model_run *run = loop->run;
    if (request->turn.event == TURN_ANSWER)
        timers_cancel(&loop->deadlines, &request->gather->place);
    enum turn_end end =
        request_step(request, run->config.workload, request_cell(request, &run->cells),
                     request->turn.event, run->config.setup);
    counter_add(&loop->counters->turns, 1);
    switch (end) {
    case TURN_REPLY:
    case TURN_REJECT:
        if (request->kind != ERRAND_NONE) {
            resume(errands_ended(&run->errands, loop->counters, request));
            break;
        }
        request->link = end == TURN_REJECT ? request : NULL; /* counted where it is answered */
        answer(loop, request);
        break;
    case TURN_FORWARD:
        request->turn.event = TURN_REQUEST;
        loop_ready(home_of(loop, request), request);
        break;
    case TURN_WAIT:
        request->turn.event = TURN_WAKE;
        timers_add(&loop->waits, clock_in_ns(request->turn.wait_ns), request, NULL);
        break;
    case TURN_CALL:
        start_call(loop, request);
        break;
    case TURN_SEND:
        send_all(loop, request);
        break;
    case TURN_OFFLOAD:
        start_offload(loop, request);
        break;
    }
}

static struct request *shift(struct loop *loop)
{
    struct request *request = loop->ready.first;
    if (request && !(loop->ready.first = request->next))
        loop->ready.last = &loop->ready.first;
    return request;
}

void loop_turn(struct loop *loop)
{
    struct request *request = shift(loop);
    if (request->status != 0) /* answered in another loop: here is its connection */
        answer(loop, request);
    else
        run_turn(loop, request);
}

/* A request from outside belongs to its connection, which ends with it, or to its caller, who is
 * told; any other to whoever waits for it, or to nobody. */
static void lose(struct loop *loop, struct request *request)
{
    while (request && request->kind != ERRAND_NONE) {
        request_refuse(request);
        request = errands_ended(&loop->run->errands, loop->counters, request);
    }
    if (!request)
        return;
    door_leave(&loop->run->door);
    if (request->owner)
        return;
    counter_add(&loop->counters->rejected, 1);
    request_refuse(request);
    request->done(request);
}

void loop_lose_all(struct model_run *run)
{
    for (unsigned i = 0; run->loop && i < run->config.threads; i++) {
        struct loop *loop = &run->loop[i];
        struct request *request, *next;
        if (!loop->run)
            continue;
        loop_self = loop;
        if (loop->share)
            pool_share_run(loop->share, CLOCK_NEVER); /* every call has failed */
        while ((request = shift(loop)))
            lose(loop, request);
        while ((request = timers_pop(&loop->waits, TIMERS_NEVER)))
            lose(loop, request);
        for (request = inbox_take(&loop->inbox); request; request = next) {
            next = request->next;
            if (request != loop->nudge)
                lose(loop, request);
        }
        loop_self = NULL;
    }
}
