/* SPDX-License-Identifier: MIT */
#include "load_run.h"

#include "clock.h"
#include "load_plan.h"
#include "load_usage.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/prctl.h>

/* Samples that a closed loop may take: what one core could send at most, and no more than the
 * longest plan. What is beyond is counted as dropped. */
#define CLOSED_MAX_HZ 400000.0
#define EVENTS 64
/* After the window: what waits for a connection is given up then. */
#define BACKLOG_NS CLOCK_NS_PER_S
/* Answers lie no longer than that, and only while so many more requests could be sent. */
#define DEFER_NS (2 * CLOCK_NS_PER_MS)
#define DEFER_ROOM 4

/* BACKLOG: what was due and not yet sent goes out. OVER: nothing is sent any more. */
enum phase { WARM_UP, WINDOW, BACKLOG, OVER };

struct run {
    const struct load_config *config;
    struct connections *connections;
    struct load_result *result;
    struct load_plan plan;
    size_t next;                          /* the first request not yet sent; of a closed loop too */
    size_t *documents;                    /* by class: the one to be sent next */
    uint64_t room_ns;                     /* when in_flight was last no longer reached */
    uint64_t start_ns, window_ns, end_ns; /* the plan begins, the window begins, both end */
    enum phase phase;
    bool given_up;                   /* over, and a connection does not open again */
    uint64_t busy_ns, busy_since_ns; /* time × requests in flight, in the window */
    uint64_t turn_ns;                /* this turn of the loop began */
    uint64_t due_ns;                 /* of the next request; UINT64_MAX: an event says when */
    uint64_t reconnects_before, closes_before;
    struct load_usage usage;
};

static uint64_t now(const struct run *run)
{
    return connections_now_ns(run->connections);
}

/* To be called before the number in flight changes. */
static void account_busy(struct run *run, uint64_t now_ns)
{
    size_t busy = run->connections->lists[CONNECTION_BUSY].count;
    if (busy == run->config->in_flight)
        run->room_ns = now_ns;
    if (run->phase != WINDOW)
        return;
    if (now_ns > run->end_ns)
        now_ns = run->end_ns;
    if (now_ns <= run->busy_since_ns)
        return;
    run->busy_ns += (now_ns - run->busy_since_ns) * busy;
    run->busy_since_ns = now_ns;
}

/* A turn that sent nothing and found nothing: time that a polling generator had to spare. */
static void account_idle_turn(struct run *run, uint64_t now_ns)
{
    if (now_ns > run->end_ns)
        now_ns = run->end_ns;
    if (run->phase != WINDOW || now_ns <= run->turn_ns)
        return;
    run->result->polled_ns += now_ns - run->turn_ns;
    load_result_step(run->result, run->turn_ns)->polled_ns += now_ns - run->turn_ns;
}

static void note(const struct run *run, const struct connection *c, enum load_outcome outcome,
                 int status, uint64_t now_ns)
{
    if (run->config->log && load_result_counts(run->result, c->due_ns))
        load_log_add(run->config->log, &(struct load_entry){.due_ns = c->due_ns,
                                                            .sent_ns = c->since_ns,
                                                            .ended_ns = now_ns,
                                                            .class_index = (uint16_t)c->class_index,
                                                            .status = (uint16_t)status,
                                                            .outcome = outcome});
}

static void lose(struct run *run, struct connection *c, bool late, uint64_t now_ns)
{
    account_busy(run, now_ns);
    load_result_failed(run->result, c->class_index, c->due_ns, late);
    note(run, c, late ? LOAD_TIMEOUT : LOAD_FAILED, 0, now_ns);
    connections_reopen(run->connections, c, now_ns);
}

static void send_next(struct run *run, uint64_t due_ns, uint64_t now_ns)
{
    uint32_t class_index = load_plan_class(&run->plan, run->next++);
    const struct load_class *class = &run->config->classes[class_index];
    size_t document = run->documents[class_index];
    run->documents[class_index] = document + 1 < class->documents ? document + 1 : 0;
    uint64_t free_ns = run->connections->lists[CONNECTION_FREE].first->since_ns;
    if (run->room_ns > free_ns)
        free_ns = run->room_ns;
    account_busy(run, now_ns);
    struct connection *c;
    enum connection_outcome outcome =
        connections_send(run->connections, &c, &class->requests[document], now_ns);
    c->due_ns = due_ns;
    c->class_index = class_index;
    c->document = document;
    load_result_sent(run->result, class_index, due_ns, free_ns, now_ns);
    if (outcome == CONNECTION_BROKEN)
        lose(run, c, false, now_ns);
}

static bool may_send(const struct run *run)
{
    const struct connection_list *lists = run->connections->lists;
    return lists[CONNECTION_FREE].first && lists[CONNECTION_BUSY].count < run->config->in_flight;
}

/* Sends all that is due and has a connection. Returns when there is more to send; UINT64_MAX: when
 * an event says so. */
static uint64_t dispatch(struct run *run, uint64_t now_ns)
{
    if (run->phase == OVER)
        return UINT64_MAX;
    if (run->config->arrivals.kind == ARRIVALS_CLOSED) {
        /* Bounded: a connection that breaks as it is written to must not keep us here. */
        size_t left = run->connections->lists[CONNECTION_FREE].count;
        for (; left > 0 && may_send(run); left--)
            send_next(run, now_ns, now_ns);
        return UINT64_MAX;
    }
    while (run->next < run->plan.due.count && may_send(run)) {
        uint64_t due_ns = run->start_ns + run->plan.due.due_ns[run->next];
        if (due_ns > now_ns) {
            now_ns = now(run);
            if (due_ns > now_ns)
                return due_ns;
        }
        send_next(run, due_ns, now_ns);
        now_ns = now(run);
    }
    return UINT64_MAX;
}

/* When the answer was there: when the kernel had it, if that is known, else now. */
static uint64_t arrival_ns(const struct connection *c, uint64_t now_ns)
{
    if (c->arrived_ns == 0 || c->arrived_ns > now_ns)
        return now_ns;
    return c->arrived_ns > c->since_ns ? c->arrived_ns : c->since_ns;
}

/* It was not in flight any more while it lay there. */
static void account_arrival(struct run *run, uint64_t at_ns, uint64_t now_ns)
{
    uint64_t from_ns = at_ns > run->window_ns ? at_ns : run->window_ns;
    if (run->phase == WINDOW && now_ns > from_ns)
        run->busy_ns -= now_ns - from_ns < run->busy_ns ? now_ns - from_ns : run->busy_ns;
}

static void answered(struct run *run, struct connection *c, uint64_t now_ns)
{
    const uint64_t at_ns = arrival_ns(c, now_ns);
    const struct load_class *class = &run->config->classes[c->class_index];
    const bool right = class->right(class->arg, c->document, &c->response);
    load_result_answered(run->result, &(struct load_answer){
                                          .class_index = c->class_index,
                                          .status = c->response.status,
                                          .right = right,
                                          .due_ns = c->due_ns,
                                          .sent_ns = c->since_ns,
                                          .now_ns = at_ns,
                                      });
    run->result->stamped += c->arrived_ns != 0;
    note(run, c, right ? LOAD_RIGHT : LOAD_WRONG, c->response.status, at_ns);
    account_busy(run, now_ns);
    account_arrival(run, at_ns, now_ns);
    connections_release(run->connections, c, now_ns);
    /* It could have been used since its answer was there: that this lay unread is our own lag. */
    if (run->room_ns == now_ns)
        run->room_ns = at_ns;
    if (c->state == CONNECTION_FREE)
        c->since_ns = at_ns;
}

/* Gives up on requests in the order they were sent, which is the order of the list. Returns when to
 * look again. */
static uint64_t expire(struct run *run, uint64_t now_ns)
{
    const struct connection_list *busy = &run->connections->lists[CONNECTION_BUSY];
    while (busy->first && busy->first->since_ns + run->config->timeout_ns <= now_ns)
        lose(run, busy->first, true, now_ns);
    return busy->first ? busy->first->since_ns + run->config->timeout_ns : UINT64_MAX;
}

/* After the plan: waits for connections that the peer had closed, as servers do after so many
 * requests or each of them, and that are being opened again. Returns when to look again. */
static uint64_t await_opening(struct run *run, uint64_t now_ns)
{
    const struct connection *first = run->connections->lists[CONNECTION_OPENING].first;
    if (run->phase != OVER || !first)
        return UINT64_MAX;
    uint64_t until_ns = first->since_ns + run->config->timeout_ns;
    if (until_ns <= now_ns)
        run->given_up = true;
    return until_ns;
}

static bool finished(const struct run *run)
{
    const struct connection_list *lists = run->connections->lists;
    return run->phase == OVER && lists[CONNECTION_BUSY].count == 0 &&
           (lists[CONNECTION_OPENING].count == 0 || run->given_up);
}

static void open_window(struct run *run)
{
    load_usage_open(&run->usage, run->result);
    run->reconnects_before = run->connections->reconnects;
    run->closes_before = run->connections->closes;
    run->busy_since_ns = run->window_ns;
    run->phase = WINDOW;
}

static void close_window(struct run *run)
{
    struct load_result *result = run->result;
    account_busy(run, run->end_ns);
    load_usage_close(&run->usage, result);
    result->reconnects = run->connections->reconnects - run->reconnects_before;
    result->closes = run->connections->closes - run->closes_before;
    result->in_flight_mean = (double)run->busy_ns / (double)(run->end_ns - run->window_ns);
    run->phase = BACKLOG;
}

static void end_sending(struct run *run)
{
    run->result->held = connections_held(run->connections);
    run->connections->closing = true;
    run->phase = OVER;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is to be done by the clock. Returns when to be back at the latest. */
static uint64_t by_clock(struct run *run)
{
    uint64_t now_ns = run->turn_ns = now(run);
    const uint64_t backlog_ns = run->end_ns + least(run->config->timeout_ns, BACKLOG_NS);
    const uint64_t ends_ns[] = {run->window_ns, run->end_ns, backlog_ns, UINT64_MAX};
    if (run->phase == WARM_UP && now_ns >= run->window_ns)
        open_window(run);
    if (run->phase == WINDOW && now_ns >= run->end_ns) {
        /* If we are late ourselves: what was due and has a connection is still sent. */
        if (run->config->arrivals.kind != ARRIVALS_CLOSED)
            dispatch(run, now_ns);
        close_window(run);
    }
    if (run->phase == BACKLOG && (run->next >= run->plan.due.count || now_ns >= backlog_ns))
        end_sending(run);
    uint64_t wake_ns = ends_ns[run->phase];
    run->due_ns = dispatch(run, now_ns);
    if (run->due_ns != UINT64_MAX)
        wake_ns = least(wake_ns, run->due_ns + run->config->slack_ns);
    wake_ns = least(wake_ns, expire(run, now_ns));
    wake_ns = least(wake_ns, await_opening(run, now_ns));
    return least(wake_ns, connections_revive(run->connections, now_ns));
}

static bool may_defer(const struct run *run, uint64_t wait_ns)
{
    const struct connection_list *lists = run->connections->lists;
    return run->config->defer && run->connections->stamped && run->due_ns != UINT64_MAX &&
           wait_ns > 0 && wait_ns <= DEFER_NS && lists[CONNECTION_FREE].count > DEFER_ROOM &&
           lists[CONNECTION_BUSY].count + DEFER_ROOM < run->config->in_flight;
}

/* Waits for events, or until it is time; what is due then goes out before anything is read. */
static int wait_for(struct run *run, struct epoll_event *events, uint64_t wait_ns)
{
    if (may_defer(run, wait_ns)) {
        connections_sleep(run->connections, wait_ns);
        wait_ns = 0;
        uint64_t now_ns = now(run);
        if (now_ns < run->end_ns)
            dispatch(run, now_ns);
    }
    return connections_wait(run->connections, events, EVENTS, wait_ns);
}

static void loop(struct run *run)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        const size_t next = run->next;
        uint64_t wake_ns = by_clock(run);
        if (finished(run))
            return;
        uint64_t now_ns = now(run);
        uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
        if (wait_ns <= run->config->spin_ns)
            wait_ns = 0;
        else
            wait_ns -= run->config->spin_ns;
        int n = wait_for(run, events, wait_ns);
        now_ns = now(run);
        if (run->config->spin_ns > 0 && wait_ns == 0 && n == 0 && run->next == next)
            account_idle_turn(run, now_ns);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                continue;
            bool opening = c->state == CONNECTION_OPENING;
            enum connection_outcome outcome =
                connections_event(run->connections, c, events[i].events, now_ns);
            run->result->held += run->phase == OVER && opening && c->state == CONNECTION_FREE;
            now_ns = now(run);
            if (outcome == CONNECTION_ANSWERED)
                answered(run, c, now_ns);
            else if (outcome == CONNECTION_BROKEN)
                lose(run, c, false, now_ns);
            /* A batch of answers must not hold up what has come due meanwhile. */
            if (now_ns < run->end_ns || run->phase == BACKLOG)
                dispatch(run, now_ns);
        }
    }
}

static int prepare(struct run *run)
{
    const struct load_config *config = run->config;
    int err = load_plan_init(&run->plan, config);
    if (err != 0)
        return err;
    run->documents = calloc(config->class_count, sizeof *run->documents);
    if (!run->documents)
        return -ENOMEM;
    size_t cap = run->plan.due.count;
    if (config->arrivals.kind == ARRIVALS_CLOSED)
        cap = (size_t)fmin(CLOSED_MAX_HZ * (double)config->duration_ns / 1e9, ARRIVALS_MAX);
    if (config->log && load_log_init(config->log, cap) != 0)
        return -ENOMEM;
    err = load_result_init(run->result, config->class_count, config->duration_ns, cap);
    return err == 0 ? load_plan_set_steps(&run->plan, run->result) : err;
}

/* What the plan held: the generator need not count that while it runs. */
static void count_planned(struct run *run)
{
    struct load_result *result = run->result;
    for (size_t i = 0; i < run->plan.due.count; i++) {
        const struct connection never = {.due_ns = run->start_ns + run->plan.due.due_ns[i],
                                         .class_index = load_plan_class(&run->plan, i)};
        load_result_planned(result, never.class_index, never.due_ns, i < run->next);
        if (i >= run->next)
            note(run, &never, LOAD_UNSENT, 0, 0);
    }
    if (run->config->arrivals.kind != ARRIVALS_CLOSED)
        return;
    result->lag.count = 0; /* no plan to be late for: 0 would say that it was in time */
    for (size_t i = 0; i < result->class_count; i++)
        result->classes[i].counts.planned = result->classes[i].counts.sent;
    for (size_t i = 0; i < result->second_count; i++)
        result->seconds[i].counts.planned = result->seconds[i].counts.sent;
}

int load_run(const struct load_config *config, struct connections *connections,
             struct load_result *result)
{
    struct run run = {.config = config, .connections = connections, .result = result};
    run.usage =
        (struct load_usage){.watch_pid = config->watch_pid, .beside_pid = config->beside_pid};
    *result = (struct load_result){0};
    int err = prepare(&run);
    if (err == 0) {
        /* The kernel may otherwise be 50 us late with every timer, to save wake-ups. */
        prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        load_usage_begin(&run.usage, result);
        run.start_ns = now(&run);
        run.window_ns = run.start_ns + config->warmup_ns;
        run.end_ns = run.window_ns + config->duration_ns;
        result->from_ns = run.window_ns;
        result->to_ns = run.end_ns;
        loop(&run);
        load_usage_end(&run.usage, result);
        count_planned(&run);
        err = load_result_summarise(result);
    }
    free(run.documents);
    load_plan_finish(&run.plan);
    return err;
}
