/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256           /* taken from epoll at once */
#define TURNS 256            /* run per round: then new events get their chance */
#define DRAIN_TICK 10000000u /* ns between looks at whether all loops are done, at stop */

extern const struct model event_loop_model;

void loop_nudge_all(struct model_run *run)
{
    for (unsigned i = 0; i < run->config.threads; i++)
        loop_nudge(&run->loop[i]);
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
    due = min_ns(due, timers_next_ns(&loop->deadlines));
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
            loop_ready(loop, request);
        request = next;
    }
}

static void take_due(struct loop *loop)
{
    struct request *request;
    struct gather *gather;
    while ((request = timers_pop(&loop->waits, loop->now_ns)))
        loop_ready(loop, request);
    while ((gather = timers_pop(&loop->deadlines, loop->now_ns))) {
        request = errands_expire(&loop->run->errands, loop->counters, gather);
        if (request)
            loop_ready(loop, request);
    }
}

/* Looks for work for as long as a loop may before it sleeps. */
static int spin(struct loop *loop, struct epoll_event *events, uint64_t due)
{
    uint64_t end = min_ns(due, clock_now_ns() + loop->run->config.spin_ns);
    int count;
    do {
        syscalls_count();
        count = clock_epoll_wait(loop->epoll_fd, events, EVENTS, 0);
    } while (count == 0 && inbox_is_empty(&loop->inbox) && clock_now_ns() < end);
    return count;
}

/* Blocks until there are events or something else to do, or until `due`. Returns the events. */
static int await(struct loop *loop, struct epoll_event *events, uint64_t due)
{
    int count = due > 0 && loop->run->config.spin_ns > 0 ? spin(loop, events, due) : 0;
    if (count > 0)
        return count;
    if (due > 0 && !inbox_sleep(&loop->inbox))
        due = 0;
    syscalls_count();
    syscalls_tell(&loop->counters->syscalls);
    return clock_epoll_wait(loop->epoll_fd, events, EVENTS, due);
}

/* Nothing is left, and nothing can come any more. Not what one loop sees alone is enough: another
 * one may be in a done() that posts again. It is not there while it looks; so if all have seen the
 * door deserted, and nobody entered meanwhile, nobody will. In this order: without connections only
 * those inside begin something, and with nobody inside only what is under way does. */
static bool is_over(struct loop *loop)
{
    struct model_run *run = loop->run;
    uint64_t calm = UINT64_C(1) + door_entered(&run->door);
    if (atomic_load_explicit(&run->open, memory_order_acquire) != 0 ||
        door_inside(&run->door) != 0 || !errands_idle(&run->errands))
        return false;
    if (atomic_exchange_explicit(&loop->calm, calm, memory_order_acq_rel) != calm)
        loop_nudge_all(run); /* they may be asleep; each has to see the same */
    for (unsigned i = 0; i < run->running; i++)
        if (atomic_load_explicit(&run->loop[i].calm, memory_order_acquire) != calm)
            return false;
    return true;
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
    }
    return is_over(loop) || loop->now_ns >= run->give_up_ns;
}

void *loop_main(void *arg)
{
    struct loop *loop = loop_self = arg;
    struct model_run *run = loop->run;
    struct epoll_event events[EVENTS];
    do {
        int count = await(loop, events, due_ns(loop));
        loop->now_ns = clock_now_ns();
        (void)atomic_load_explicit(&loop->conns.dealt, memory_order_acquire);
        take_inbox(loop);
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
        take_due(loop);
        if (loop->share)
            pool_share_run(loop->share, loop->now_ns);
        if (loop->index == 0)
            acceptor_run(&run->acceptor, loop->now_ns);

        for (int i = 0; i < TURNS && loop->ready.first; i++)
            loop_turn(loop);
        loop_conns_run(&loop->conns, loop->now_ns);
    } while (!wind_up(loop));
    syscalls_tell(&loop->counters->syscalls);
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

static void conns_nudge(struct loop_conns *conns)
{
    struct loop *loop = (struct loop *)(void *)conns;
    if (loop != loop_self) /* it looks before it sleeps */
        loop_nudge(loop);
}

static void ignore(struct event_source *source, uint32_t events)
{
    (void)source, (void)events;
}

static void wake(void *arg)
{
    loop_nudge(arg);
}

int loop_open(struct model_run *run, struct loop *loop)
{
    const struct model_config *config = &run->config;
    loop->run = run;
    loop->index = (unsigned)(loop - run->loop);
    loop->counters = &run->counters[loop->index];
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
                                                .counters = loop->counters,
                                                .flags = MSG_DONTWAIT},
                                      .cells = &run->cells,
                                      .waiting = &run->waiting,
                                      .epoll_fd = loop->epoll_fd,
                                      .begin = conn_begins,
                                      .closed = conn_closed,
                                      .nudge = conns_nudge};
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
    timers_finish(&loop->deadlines);
    inbox_finish(&loop->inbox);
    request_destroy(loop->nudge, loop->run->config.workload);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    return lost;
}
