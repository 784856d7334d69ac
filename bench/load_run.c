/* SPDX-License-Identifier: MIT */
#include "load_run.h"

#include "clock.h"

#include <sys/prctl.h>

/* Samples that a closed loop may take: what one core could send at most. */
#define CLOSED_MAX_HZ 400000.0
#define EVENTS 64

struct run {
    const struct load_config *config;
    struct connections *connections;
    struct load_result *result;
    struct arrivals plan;
    size_t next;                          /* the first arrival not yet sent */
    uint64_t closed_sent;                 /* closed loop: requests sent, which picks the document */
    uint64_t start_ns, window_ns, end_ns; /* the plan begins, the window begins, both end */
    bool in_window, over;
    bool given_up;                   /* over, and a connection does not open again */
    uint64_t busy_ns, busy_since_ns; /* time × requests in flight, in the window */
    uint64_t cpu_before_ns, reconnects_before, closes_before;
    struct watch watch_before;
};

/* To be called before the number in flight changes. */
static void account_busy(struct run *run, uint64_t now_ns)
{
    if (!run->in_window)
        return;
    if (now_ns > run->end_ns)
        now_ns = run->end_ns;
    if (now_ns <= run->busy_since_ns)
        return;
    run->busy_ns += (now_ns - run->busy_since_ns) * run->connections->lists[CONNECTION_BUSY].count;
    run->busy_since_ns = now_ns;
}

static bool counts(const struct run *run, uint64_t due_ns)
{
    return due_ns >= run->window_ns && due_ns < run->end_ns;
}

static void lose(struct run *run, struct connection *c, uint64_t now_ns)
{
    account_busy(run, now_ns);
    if (counts(run, c->due_ns))
        run->result->failed++;
    connections_reopen(run->connections, c, now_ns);
}

static void send_next(struct run *run, uint64_t due_ns, size_t document, uint64_t now_ns)
{
    const struct bytes *request = &run->config->requests[document];
    uint64_t free_ns = run->connections->lists[CONNECTION_FREE].first->since_ns;
    account_busy(run, now_ns);
    struct connection *c;
    enum connection_outcome outcome =
        connections_send(run->connections, &c, request->data, request->len, now_ns);
    c->due_ns = due_ns;
    c->document = document;
    if (counts(run, due_ns)) {
        uint64_t could_ns = free_ns > due_ns ? free_ns : due_ns;
        run->result->sent++;
        run->result->held_back += free_ns > due_ns;
        statistics_add(&run->result->lag, now_ns > could_ns ? now_ns - could_ns : 0);
    }
    if (outcome == CONNECTION_BROKEN)
        lose(run, c, now_ns);
}

/* Sends all that is due and has a connection. Returns when there is more to send; UINT64_MAX: when
 * an event says so. */
static uint64_t dispatch(struct run *run, uint64_t now_ns)
{
    const struct connection_list *free = &run->connections->lists[CONNECTION_FREE];
    if (run->over)
        return UINT64_MAX;
    if (run->config->arrival == ARRIVALS_CLOSED) {
        /* Bounded: a connection that breaks as it is written to must not keep us here. */
        for (size_t left = free->count; left > 0 && free->first; left--)
            send_next(run, now_ns, run->closed_sent++ % run->config->documents, now_ns);
        return UINT64_MAX;
    }
    while (run->next < run->plan.count && free->first) {
        uint64_t due_ns = run->start_ns + run->plan.due_ns[run->next];
        if (due_ns > now_ns) {
            now_ns = clock_ns();
            if (due_ns > now_ns)
                return due_ns;
        }
        send_next(run, due_ns, run->next++ % run->config->documents, now_ns);
        now_ns = clock_ns();
    }
    return UINT64_MAX;
}

static void answered(struct run *run, struct connection *c, uint64_t now_ns)
{
    const struct load_config *config = run->config;
    struct load_result *result = run->result;
    bool right = config->right(config->arg, c->document, &c->response);
    result->in_window += right && now_ns >= run->window_ns && now_ns < run->end_ns;
    if (counts(run, c->due_ns)) {
        int status = c->response.status;
        result->status_counts[status > 0 && status < 600 ? status : 0]++;
        if (right) {
            result->answered++;
            statistics_add(&result->latency, now_ns - c->due_ns);
            statistics_add(&result->service, now_ns - c->since_ns);
        } else {
            result->wrong++;
        }
    }
    account_busy(run, now_ns);
    connections_release(run->connections, c, now_ns);
}

/* Gives up on requests in the order they were sent, which is the order of the list. Returns when to
 * look again. */
static uint64_t expire(struct run *run, uint64_t now_ns)
{
    const struct connection_list *busy = &run->connections->lists[CONNECTION_BUSY];
    while (busy->first && busy->first->since_ns + run->config->timeout_ns <= now_ns) {
        if (counts(run, busy->first->due_ns))
            run->result->timeouts++;
        lose(run, busy->first, now_ns);
    }
    return busy->first ? busy->first->since_ns + run->config->timeout_ns : UINT64_MAX;
}

/* After the plan: waits for connections that the peer had closed, as servers do after so many
 * requests or each of them, and that are being opened again. Returns when to look again. */
static uint64_t await_opening(struct run *run, uint64_t now_ns)
{
    const struct connection *first = run->connections->lists[CONNECTION_OPENING].first;
    if (!run->over || !first)
        return UINT64_MAX;
    uint64_t until_ns = first->since_ns + run->config->timeout_ns;
    if (until_ns <= now_ns)
        run->given_up = true;
    return until_ns;
}

static bool finished(const struct run *run)
{
    const struct connection_list *lists = run->connections->lists;
    return run->over && lists[CONNECTION_BUSY].count == 0 &&
           (lists[CONNECTION_OPENING].count == 0 || run->given_up);
}

static void open_window(struct run *run)
{
    const struct load_config *config = run->config;
    if (config->watch_pid)
        run->result->watch_error = watch_read(&run->watch_before, config->watch_pid);
    run->reconnects_before = run->connections->reconnects;
    run->closes_before = run->connections->closes;
    run->cpu_before_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    run->busy_since_ns = run->window_ns;
    run->in_window = true;
}

static void close_window(struct run *run)
{
    struct load_result *result = run->result;
    account_busy(run, run->end_ns);
    result->cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID) - run->cpu_before_ns;
    if (run->config->watch_pid && result->watch_error == 0) {
        result->watch_error = watch_read(&result->watched, run->config->watch_pid);
        watch_since(&result->watched, &run->watch_before);
    }
    result->held = connections_held(run->connections);
    result->reconnects = run->connections->reconnects - run->reconnects_before;
    result->closes = run->connections->closes - run->closes_before;
    result->in_flight_mean = (double)run->busy_ns / (double)(run->end_ns - run->window_ns);
    run->connections->closing = true;
    run->in_window = false;
    run->over = true;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is to be done by the clock. Returns when to be back at the latest. */
static uint64_t by_clock(struct run *run)
{
    uint64_t now_ns = clock_ns();
    uint64_t wake_ns = UINT64_MAX;
    if (!run->over && !run->in_window && now_ns >= run->window_ns)
        open_window(run);
    if (!run->over && now_ns >= run->end_ns) {
        /* If we are late ourselves: what was due and has a connection is still sent. */
        if (run->config->arrival != ARRIVALS_CLOSED)
            dispatch(run, now_ns);
        close_window(run);
    }
    if (!run->over)
        wake_ns = run->in_window ? run->end_ns : run->window_ns;
    wake_ns = least(wake_ns, dispatch(run, now_ns));
    wake_ns = least(wake_ns, expire(run, now_ns));
    wake_ns = least(wake_ns, await_opening(run, now_ns));
    return least(wake_ns, connections_revive(run->connections, now_ns));
}

static void loop(struct run *run)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        uint64_t wake_ns = by_clock(run);
        if (finished(run))
            return;
        uint64_t now_ns = clock_ns();
        uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
        if (wait_ns <= run->config->spin_ns)
            wait_ns = 0;
        else
            wait_ns -= run->config->spin_ns;
        int n = connections_wait(run->connections, events, EVENTS, wait_ns);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                continue;
            bool opening = c->state == CONNECTION_OPENING;
            enum connection_outcome outcome =
                connections_event(run->connections, c, events[i].events, now_ns);
            run->result->held += run->over && opening && c->state == CONNECTION_FREE;
            now_ns = clock_ns();
            if (outcome == CONNECTION_ANSWERED)
                answered(run, c, now_ns);
            else if (outcome == CONNECTION_BROKEN)
                lose(run, c, now_ns);
            /* A batch of answers must not hold up what has come due meanwhile. */
            if (now_ns < run->end_ns)
                dispatch(run, now_ns);
        }
    }
}

static int prepare(struct run *run)
{
    const struct load_config *config = run->config;
    struct load_result *result = run->result;
    uint64_t span_ns = config->warmup_ns + config->duration_ns;
    int err = arrivals_plan(&run->plan, config->arrival, config->rate_hz, span_ns, config->seed);
    if (err != 0)
        return err;
    size_t cap = config->arrival == ARRIVALS_CLOSED
                     ? (size_t)(CLOSED_MAX_HZ * (double)config->duration_ns / 1e9)
                     : run->plan.count;
    struct statistics *const all[] = {&result->latency, &result->service, &result->lag};
    for (size_t i = 0; i < 3 && err == 0; i++)
        err = statistics_init(all[i], cap);
    return err;
}

static void count_planned(struct run *run)
{
    struct load_result *result = run->result;
    if (run->config->arrival == ARRIVALS_CLOSED) {
        result->planned = result->sent;
        return;
    }
    for (size_t i = 0; i < run->plan.count; i++) {
        bool in = run->plan.due_ns[i] >= run->config->warmup_ns;
        result->planned += in;
        result->unsent += in && i >= run->next;
    }
}

int load_run(const struct load_config *config, struct connections *connections,
             struct load_result *result)
{
    struct run run = {.config = config, .connections = connections, .result = result};
    *result = (struct load_result){0};
    int err = prepare(&run);
    if (err == 0) {
        /* The kernel may otherwise be 50 us late with every timer, to save wake-ups. */
        prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
        run.start_ns = clock_ns();
        run.window_ns = run.start_ns + config->warmup_ns;
        run.end_ns = run.window_ns + config->duration_ns;
        loop(&run);
        count_planned(&run);
        statistics_sort(&result->latency);
        statistics_sort(&result->service);
        statistics_sort(&result->lag);
    }
    arrivals_finish(&run.plan);
    return err;
}

void load_result_finish(struct load_result *result)
{
    statistics_finish(&result->latency);
    statistics_finish(&result->service);
    statistics_finish(&result->lag);
}
