/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256           /* taken from epoll at once */
#define TURNS 256            /* run per round: then new events get their chance */
#define DRAIN_TICK 10000000u /* ns between looks at whether all loops are done, at stop */

extern const struct model event_loop_model;
static _Thread_local struct loop *here; /* the loop whose thread this is */

struct loop *loop_here(const struct model_run *run)
{
    return here && here->run == run ? here : NULL;
}

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

void loop_nudge_all(struct model_run *run)
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

void loop_begin(struct loop *loop, struct request *request)
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
    struct request *request =
        errands_answered(&here->run->errands, counters_of(here), ask_of_call(call));
    if (request)
        make_ready(here, request);
}

static void start_call(struct loop *loop, struct request *request)
{
    struct gather *gather = errands_call(&loop->run->errands, counters_of(loop), request);
    for (uint32_t i = 0; i < gather->len; i++) {
        if (gather->asks[i].kind != ASK_DOWNSTREAM)
            continue;
        gather->asks[i].call.done = call_done;
        pool_share_start(loop->share, &gather->asks[i].call);
    }
    if (errands_started(gather))
        make_ready(loop, request);
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
    case TURN_SEND:
    case TURN_OFFLOAD: /* not yet */
        request_refuse(request);
        end = TURN_REJECT;
        __attribute__((fallthrough));
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

/* What stop() asked for. True: this loop is done. */
static bool wind_up(struct loop *loop)
{
    struct model_run *run = loop->run;
    int phase = atomic_load_explicit(&run->phase, memory_order_acquire);
    if (phase == CLOSING && loop->index == 0) {
        acceptor_drain(&run->acceptor);
        atomic_store_explicit(&run->phase, phase = DRAINING, memory_order_release);
        loop_nudge_all(run);
    }
    if (phase != DRAINING)
        return false;
    if (!loop->draining) {
        loop->draining = true;
        loop_conns_drain(&loop->conns);
        return false;
    }
    bool empty =
        door_inside(&run->door) == 0 && atomic_load_explicit(&run->open, memory_order_acquire) == 0;
    if (empty)
        loop_nudge_all(run); /* they may be asleep; each sees the same */
    return empty || loop->now_ns >= run->give_up_ns;
}

void *loop_main(void *arg)
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
    loop_begin((struct loop *)(void *)conns, request);
}

static void conn_closed(struct loop_conns *conns)
{
    struct loop *loop = (struct loop *)(void *)conns;
    atomic_fetch_sub_explicit(&loop->run->open, 1, memory_order_release);
}

static void ignore(struct event_source *source, uint32_t events)
{
    (void)source, (void)events;
}

static void wake(void *arg)
{
    nudge(arg);
}

int loop_open(struct model_run *run, struct loop *loop)
{
    const struct model_config *config = &run->config;
    loop->run = run;
    loop->index = (unsigned)(loop - run->loop);
    loop->ready.last = &loop->ready.first;
    loop->inbox.fd = -1;
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

uint64_t loop_close(struct loop *loop)
{
    if (!loop->run)
        return 0;
    pool_share_destroy(loop->share);
    uint64_t lost = loop_conns_finish(&loop->conns);
    timers_finish(&loop->waits);
    inbox_finish(&loop->inbox);
    request_destroy(loop->nudge, loop->run->config.workload);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    return lost;
}
