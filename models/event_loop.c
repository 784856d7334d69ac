/* SPDX-License-Identifier: MIT */
/*
 * Event loops: one epoll loop per thread, and nothing in it blocks.
 *
 * A round of a loop: take events (reading and parsing all that can be read), take the inbox, take
 * what is due; then run turns; then admit what was held back. A connection stays with the loop it
 * was dealt to, a cell with loop `cell % loops`, so neither needs a lock; a request goes from loop
 * to loop through their inboxes. Loop 0 also accepts, and deals the connections out in turn.
 */
#include "model.h"

#include "parts/acceptor.h"
#include "parts/cells.h"
#include "parts/clock.h"
#include "parts/counters.h"
#include "parts/cpus.h"
#include "parts/door.h"
#include "parts/inbox.h"
#include "parts/loop_conn.h"
#include "parts/pool.h"
#include "parts/timers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256           /* taken from epoll at once */
#define TURNS 256            /* run per round: then new events get their chance */
#define DRAIN_TICK 10000000u /* ns between looks at whether all loops are done, at stop */

struct run_list { /* requests ready for a turn; turn.event says which */
    struct request *first, **last;
};

struct loop {
    struct loop_conns conns; /* first: parts/loop_conn.c knows its loop by it */
    struct model_run *run;
    unsigned index;
    int epoll_fd;
    pthread_t thread;
    uint64_t now_ns; /* when this round began */
    struct run_list ready;
    struct timers waits; /* of requests in a TURN_WAIT */
    struct pool_share *share;
    bool draining;
    struct inbox inbox;
    struct event_source woken;
    struct request *nudge; /* an empty one: something happened that is not a request */
    /* True from when the nudge is pushed until it is taken (exchange, acquire and release: what the
     * nudging thread did before is seen by the loop), so that it is in the inbox once at most. */
    _Atomic bool nudged;
};

struct model_run {
    struct model_config config;
    struct cells cells;
    struct door door;
    struct pool *pool;
    struct counters *counters; /* one per loop, the last for other threads */
    struct loop *loop;
    struct acceptor acceptor;
    uint64_t serial;            /* loop 0's: connections accepted */
    _Atomic uint32_t open;      /* connections; release when one goes, acquire at the end */
    _Atomic uint32_t next_loop; /* for posted requests without a cell: relaxed, any will do */
    /* Where stop() has got to. Release and acquire: give_up_ns, and the backlog, go with it. */
    _Atomic int phase;
    uint64_t give_up_ns;
};
enum { SERVING, CLOSING, DRAINING }; /* phases: stop() was called; the backlog has been accepted */

const struct model event_loop_model;
static _Thread_local struct loop *here; /* the loop whose thread this is */

static struct counters *counters_of(struct loop *loop)
{
    return &loop->run->counters[loop->index];
}

static void nudge(struct loop *loop)
{
    if (!atomic_exchange_explicit(&loop->nudged, true, memory_order_acq_rel) &&
        inbox_push(&loop->inbox, loop->nudge) && here)
        counter_add(&counters_of(here)->wakeups, 1);
}

static void nudge_all(struct model_run *run)
{
    for (unsigned i = 0; i < run->config.threads; i++)
        nudge(&run->loop[i]);
}

/* Puts a request on a run list: this loop's own, or the inbox of the other one. */
static void make_ready(struct loop *loop, struct request *request)
{
    if (loop == here) {
        request->next = NULL;
        *loop->ready.last = request;
        loop->ready.last = &request->next;
    } else if (here) {
        counter_add(&counters_of(here)->messages, 1);
        counter_add(&counters_of(here)->wakeups, inbox_push(&loop->inbox, request));
    } else {
        struct counters *others = &loop->run->counters[loop->run->config.threads];
        counter_add_shared(&others->messages, 1);
        counter_add_shared(&others->wakeups, inbox_push(&loop->inbox, request));
    }
}

/* The loop in which the request's cell lives; without state, the one it is in. */
static struct loop *home_of(struct model_run *run, const struct request *request,
                            struct loop *otherwise)
{
    return run->cells.state ? &run->loop[request->cell % run->config.threads] : otherwise;
}

/* A request is inside now: its first turn will be in its cell's loop. */
static void begin(struct loop *loop, struct request *request)
{
    request->status = 0; /* not answered */
    request->turn.event = TURN_REQUEST;
    make_ready(home_of(loop->run, request, loop), request);
}

static void leave(struct loop *loop)
{
    struct model_run *run = loop->run;
    bool was_full = door_leave(&run->door);
    if (run->config.on_full == MODEL_WAIT && was_full) {
        /* Either this thread sees that somebody is held back, or that one sees the room: both
         * first write, then read the other's word, all four sequentially consistent. */
        for (unsigned i = 0; i < run->config.threads; i++) {
            struct loop *other = &run->loop[i];
            if (other != here && atomic_load(&other->conns.held_count))
                nudge(other);
        }
    }
}

/* The request is answered (status, out). On the loop of its connection, or, for one that was
 * posted, on the loop of its last turn. */
static void answer(struct loop *loop, struct request *request)
{
    struct loop_conn *conn = request->owner;
    struct counters *counters = counters_of(loop);
    if (conn && conn->conns != &loop->conns) {
        make_ready((struct loop *)(void *)conn->conns, request);
        return;
    }
    counter_add(request->link ? &counters->rejected : &counters->answered, 1);
    leave(loop); /* first: whoever sees the reply may count on the room */
    if (conn)
        loop_conn_reply(conn, request);
    else
        request->done(request);
}

static void call_done(struct pool_call *call)
{
    struct request *request = request_of_call(call);
    if (call->status < 0)
        counter_add(&counters_of(here)->call_errors, 1);
    request->turn.event = TURN_ANSWER;
    make_ready(here, request);
}

static void start_call(struct loop *loop, struct request *request)
{
    uint64_t timeout_ns = request->turn.deadline_ns;
    struct pool_call *call = &request->call;
    call->body = request->out.data;
    call->body_len = request->out.len;
    call->deadline_ns =
        clock_now_ns() + (timeout_ns ? timeout_ns : loop->run->config.call_timeout_ns);
    call->done = call_done;
    if (loop->share) {
        counter_add(&counters_of(loop)->calls, 1);
        pool_share_start(loop->share, call);
    } else {
        call->status = -ECONNREFUSED;
        call->answer.len = 0;
        call_done(call);
    }
}

static void run_turn(struct loop *loop, struct request *request)
{
    struct model_run *run = loop->run;
    if (request->status != 0) { /* answered in another loop: here is its connection */
        answer(loop, request);
        return;
    }
    enum turn_end end =
        request_step(request, run->config.workload, cells_at(&run->cells, request->cell),
                     request->turn.event, run->config.setup);
    counter_add(&counters_of(loop)->turns, 1);
    switch (end) {
    case TURN_REPLY:
    case TURN_REJECT:
        request->link = end == TURN_REJECT ? request : NULL; /* counted where it is answered */
        answer(loop, request);
        break;
    case TURN_FORWARD:
        request->turn.event = TURN_REQUEST;
        make_ready(home_of(run, request, loop), request);
        break;
    case TURN_WAIT:
        request->turn.event = TURN_WAKE;
        timers_add(&loop->waits, clock_now_ns() + request->turn.wait_ns, request, NULL);
        break;
    case TURN_CALL:
        start_call(loop, request);
        break;
    }
}

/* A round. */

static uint64_t min_ns(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When this loop has to come round at the latest. 0: at once. */
static uint64_t due_ns(const struct loop *loop)
{
    if (loop->ready.first)
        return 0;
    uint64_t due = min_ns(timers_next_ns(&loop->waits), loop_conns_due_ns(&loop->conns));
    if (loop->share)
        due = min_ns(due, pool_share_due_ns(loop->share));
    if (loop->draining)
        due = min_ns(due, loop->now_ns + DRAIN_TICK);
    if (loop->index == 0 && loop->run->acceptor.again_ns)
        due = min_ns(due, loop->run->acceptor.again_ns);
    return due;
}

static void take_inbox(struct loop *loop)
{
    struct request *request = inbox_take(&loop->inbox);
    while (request) {
        struct request *next = request->next;
        if (request == loop->nudge)
            atomic_exchange_explicit(&loop->nudged, false, memory_order_acq_rel);
        else
            make_ready(loop, request);
        request = next;
    }
}

/* Loop 0: to each loop in turn. */
static void deal(void *arg, int fd)
{
    struct model_run *run = arg;
    struct loop *to = &run->loop[run->serial % run->config.threads];
    atomic_fetch_add_explicit(&run->open, 1, memory_order_relaxed);
    if (loop_conn_create(&to->conns, fd, run->serial) < 0) {
        atomic_fetch_sub_explicit(&run->open, 1, memory_order_relaxed);
        return;
    }
    run->serial++;
    counter_add(&counters_of(here)->connections, 1);
}

/* What stop() asked for. True: this loop is done. */
static bool wind_up(struct loop *loop)
{
    struct model_run *run = loop->run;
    int phase = atomic_load_explicit(&run->phase, memory_order_acquire);
    if (phase == CLOSING && loop->index == 0) {
        acceptor_drain(&run->acceptor);
        atomic_store_explicit(&run->phase, phase = DRAINING, memory_order_release);
        nudge_all(run);
    }
    if (phase != DRAINING)
        return false;
    if (!loop->draining) {
        loop->draining = true;
        loop_conns_drain(&loop->conns);
        return false;
    }
    bool empty = atomic_load_explicit(&run->door.inside, memory_order_acquire) == 0 &&
                 atomic_load_explicit(&run->open, memory_order_acquire) == 0;
    if (empty)
        nudge_all(run); /* they may be asleep; each sees the same */
    return empty || loop->now_ns >= run->give_up_ns;
}

static void *loop_main(void *arg)
{
    struct loop *loop = here = arg;
    struct model_run *run = loop->run;
    struct epoll_event events[EVENTS];
    do {
        uint64_t due = due_ns(loop);
        if (due > 0 && !inbox_sleep(&loop->inbox))
            due = 0;
        int count = clock_epoll_wait(loop->epoll_fd, events, EVENTS, due);
        loop->now_ns = clock_now_ns();
        (void)atomic_load_explicit(&loop->conns.dealt, memory_order_acquire);
        take_inbox(loop);
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
        struct request *request;
        while ((request = timers_pop(&loop->waits, loop->now_ns)))
            make_ready(loop, request);
        if (loop->share)
            pool_share_run(loop->share, loop->now_ns);
        if (loop->index == 0)
            acceptor_run(&run->acceptor, loop->now_ns);

        for (int i = 0; i < TURNS && (request = loop->ready.first); i++) {
            if (!(loop->ready.first = request->next))
                loop->ready.last = &loop->ready.first;
            run_turn(loop, request);
        }
        loop_conns_run(&loop->conns, loop->now_ns);
    } while (!wind_up(loop));
    return NULL;
}

/* What the connections ask of their loop. */

static void conn_begins(struct loop_conns *conns, struct request *request)
{
    begin((struct loop *)(void *)conns, request);
}

static void conn_closed(struct loop_conns *conns)
{
    struct loop *loop = (struct loop *)(void *)conns;
    atomic_fetch_sub_explicit(&loop->run->open, 1, memory_order_release);
}

static void event_loop_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, run->config.threads + 1, stats);
    stats->in_flight = atomic_load_explicit(&run->door.inside, memory_order_relaxed);
    stats->threads = run->config.threads;
}

static int event_loop_post(struct model_run *run, struct request *request)
{
    struct loop *loop = here && here->run == run ? here : NULL;
    struct counters *counters = loop ? counters_of(loop) : &run->counters[run->config.threads];
    void (*add)(_Atomic uint64_t *, uint64_t) = loop ? counter_add : counter_add_shared;
    if (!door_enter(&run->door)) {
        if (run->config.on_full == MODEL_WAIT)
            return -EAGAIN;
        add(&counters->rejected, 1);
        request->status = 503;
        request->out.len = 0;
        request->done(request);
        return 0;
    }
    add(&counters->requests, 1);
    request->owner = NULL;
    if (!loop)
        loop = &run->loop[atomic_fetch_add_explicit(&run->next_loop, 1, memory_order_relaxed) %
                          run->config.threads];
    begin(loop, request);
    return 0;
}

static void ignore(struct event_source *source, uint32_t events)
{
    (void)source, (void)events;
}

static void wake(void *arg)
{
    nudge(arg);
}

static int loop_open(struct model_run *run, struct loop *loop)
{
    const struct model_config *config = &run->config;
    loop->run = run;
    loop->index = (unsigned)(loop - run->loop);
    loop->ready.last = &loop->ready.first;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->nudge = request_create(config->workload);
    int error = loop->epoll_fd < 0 ? -errno : inbox_init(&loop->inbox);
    if (error || !loop->nudge)
        return error ? error : -ENOMEM;
    loop->woken.ready = ignore;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->woken};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->inbox.fd, &event) < 0)
        return -errno;

    loop->conns = (struct loop_conns){.reply = {.model = &event_loop_model,
                                                .run = run,
                                                .config = config,
                                                .counters = counters_of(loop),
                                                .flags = MSG_DONTWAIT},
                                      .cells = &run->cells,
                                      .door = &run->door,
                                      .epoll_fd = loop->epoll_fd,
                                      .begin = conn_begins,
                                      .closed = conn_closed};
    loop_conns_init(&loop->conns);
    if (!run->pool)
        return 0;
    return pool_share_create(&loop->share, &(struct pool_share_config){.pool = run->pool,
                                                                       .index = loop->index,
                                                                       .shares = config->threads,
                                                                       .epoll_fd = loop->epoll_fd,
                                                                       .wake = wake,
                                                                       .arg = loop});
}

/* Returns the number of requests that the connections still had. */
static uint64_t run_free(struct model_run *run)
{
    uint64_t lost = 0;
    for (unsigned i = 0; run->loop && i < run->config.threads; i++) {
        struct loop *loop = &run->loop[i];
        if (!loop->run)
            break;
        pool_share_destroy(loop->share);
        lost += loop_conns_finish(&loop->conns);
        timers_finish(&loop->waits);
        inbox_finish(&loop->inbox);
        request_destroy(loop->nudge, run->config.workload);
        if (loop->epoll_fd >= 0)
            close(loop->epoll_fd);
    }
    acceptor_close(&run->acceptor);
    pool_destroy(run->pool);
    cells_close(&run->cells);
    free(run->loop);
    free(run->counters);
    free(run);
    return lost;
}

static void begin_end(struct model_run *run, int phase)
{
    run->give_up_ns = clock_now_ns() + run->config.drain_ns;
    atomic_store_explicit(&run->phase, phase, memory_order_release);
    nudge_all(run);
}

/* Everything but the threads. */
static int run_open(struct model_run *run)
{
    const struct model_config *config = &run->config;
    unsigned threads = config->threads;
    int error = cells_open(&run->cells, config->workload, config->cells, config->setup);
    if (!error && config->downstream)
        error = pool_create(&run->pool, &(struct pool_config){config->downstream,
                                                              config->downstream_connections,
                                                              config->content_type});
    if (error)
        return error;
    run->counters = counters_create(threads + 1);
    run->loop = aligned_alloc(_Alignof(struct loop), threads * sizeof(struct loop));
    if (!run->counters || !run->loop)
        return -ENOMEM;
    memset(run->loop, 0, threads * sizeof(struct loop));
    for (unsigned i = 0; i < threads && !error; i++)
        error = loop_open(run, &run->loop[i]);
    if (error || !config->listen)
        return error;
    run->acceptor.deal = deal;
    run->acceptor.arg = run;
    return acceptor_open(&run->acceptor, config->listen, run->loop[0].epoll_fd);
}

static int event_loop_start(const struct model_config *config, struct model_run **out,
                            uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    run->config = *config;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    run->acceptor.listener.fd = run->acceptor.listener.reserve = -1;
    error = run_open(run);
    uint16_t bound = run->acceptor.listener.port; /* before loop 0 runs: the listener is its own */
    unsigned started = 0;
    while (!error && started < config->threads) {
        struct loop *loop = &run->loop[started];
        error = cpus_thread_create(&loop->thread, config->cpus, "loop", loop_main, loop);
        started += !error;
    }
    if (error) {
        if (started)
            begin_end(run, CLOSING);
        while (started > 0)
            pthread_join(run->loop[--started].thread, NULL);
        run_free(run);
        return error;
    }
    if (port)
        *port = bound;
    *out = run;
    return 0;
}

static uint64_t event_loop_stop(struct model_run *run, struct model_stats *final)
{
    begin_end(run, CLOSING);
    for (unsigned i = 0; i < run->config.threads; i++)
        pthread_join(run->loop[i].thread, NULL);
    uint64_t lost = atomic_load_explicit(&run->door.inside, memory_order_acquire);
    struct model_stats stats;
    event_loop_stats(run, &stats);
    lost += run_free(run);
    if (final)
        *final = stats;
    return lost;
}

const struct model event_loop_model = {
    .name = "event_loop",
    .summary = "one epoll loop per thread, non-blocking, cells owned by loops",
    .start = event_loop_start,
    .post = event_loop_post,
    .stats = event_loop_stats,
    .stop = event_loop_stop,
};
