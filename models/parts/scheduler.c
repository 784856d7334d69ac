/* SPDX-License-Identifier: MIT */
#include "scheduler.h"

#include "clock.h"
#include "cpus.h"

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    /* Mails of one actor before others have a turn: enough to keep its caches warm, few enough for
     * the others (Pony: 100, Akka: 5). */
    BATCH = 100,
    SLOT_RUNS = 3,     /* in a row, before the queue has a turn (as Tokio) */
    POLL_EVERY = 16,   /* actors run between two looks at epoll and the timers, when busy */
    INJECT_EVERY = 61, /* … and before outsiders come first for once */
    EVENTS_MAX = 128,
};

static _Thread_local struct sched_worker *self;

struct sched_worker *sched_self(const struct scheduler *scheduler)
{
    return self && (!scheduler || self->scheduler == scheduler) ? self : NULL;
}

/* ---- Waking ---- */

void sched_wake(struct sched_worker *worker)
{
    uint64_t one = 1;
    (void)!write(worker->wake, &one, sizeof one);
}

int sched_watch(struct sched_worker *worker, int op, int fd, uint32_t events,
                struct event_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    atomic_fetch_add_explicit(&worker->watched, 1, memory_order_release);
    return epoll_ctl(worker->epoll, op, fd, &event) < 0 ? -errno : 0;
}

void sched_wake_all(struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++)
        sched_wake(&scheduler->workers[i]);
}

static bool wake_one(struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        if (!atomic_load_explicit(&worker->sleeping, memory_order_relaxed) ||
            !atomic_exchange_explicit(&worker->sleeping, 0, memory_order_acq_rel))
            continue;
        atomic_fetch_sub_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
        sched_wake(worker);
        if (self && self->scheduler == scheduler)
            counter_add(&self->counters->wakeups, 1);
        else
            counter_add_shared(&scheduler->outside->wakeups, 1);
        return true;
    }
    return false;
}

static bool work_around(const struct scheduler *scheduler)
{
    if (atomic_load_explicit(&scheduler->inject.len, memory_order_relaxed) > 0)
        return true;
    for (unsigned i = 0; i < scheduler->count; i++)
        if (runq_len(&scheduler->workers[i].queue) > 0)
            return true;
    return false;
}

static bool anybody_sleeps(const struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++)
        if (atomic_load_explicit(&scheduler->workers[i].sleeping, memory_order_relaxed))
            return true;
    return false;
}

bool sched_help_begin(struct scheduler *scheduler)
{
    return !atomic_exchange_explicit(&scheduler->waking, 1, memory_order_acq_rel) &&
           !wake_one(scheduler);
}

bool sched_help_end(struct scheduler *scheduler)
{
    /* Who added work since has relied on us, and somebody may have fallen asleep before that: this
     * exchange sees what they did before theirs. */
    atomic_exchange_explicit(&scheduler->waking, 0, memory_order_acq_rel);
    return anybody_sleeps(scheduler) && work_around(scheduler);
}

static void want_help(struct scheduler *scheduler)
{
    while (sched_help_begin(scheduler) && sched_help_end(scheduler))
        ;
}

/* ---- Scheduling ---- */

static void enqueue(struct sched_worker *worker, struct runnable *item)
{
    if (!runq_push(&worker->queue, item))
        inject_push(&worker->scheduler->inject, item);
}

static void schedule(struct scheduler *scheduler, struct runnable *item)
{
    struct sched_worker *worker = sched_self(scheduler);
    if (!worker) {
        inject_push(&scheduler->inject, item);
        if (atomic_fetch_add_explicit(&scheduler->sleepers, 0, memory_order_acq_rel) > 0)
            want_help(scheduler);
        return;
    }
    struct runnable *displaced = worker->next;
    worker->next = item;
    if (displaced) {
        enqueue(worker, displaced);
        /* Relaxed: at worst nobody helps, and this worker comes to it by itself. */
        if (atomic_load_explicit(&scheduler->sleepers, memory_order_relaxed) > 0)
            want_help(scheduler);
    }
}

void actor_init(struct actor *actor,
                bool (*receive)(struct sched_worker *, struct actor *, struct mail *))
{
    mailbox_init(&actor->box);
    actor->receive = receive;
}

void actor_send(struct scheduler *scheduler, struct actor *actor, struct mail *mail)
{
    struct sched_worker *worker = sched_self(scheduler);
    if (worker)
        counter_add(&worker->counters->messages, 1);
    else
        counter_add_shared(&scheduler->outside->messages, 1);
    if (mailbox_push(&actor->box, mail))
        schedule(scheduler, &actor->runnable);
}

/* ---- Workers ---- */

static struct runnable *steal(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    for (unsigned i = 1; i < scheduler->count; i++) {
        unsigned victim = (worker->index + i) % scheduler->count;
        struct runnable *item = runq_steal(&worker->queue, &scheduler->workers[victim].queue);
        if (item)
            return item;
    }
    return NULL;
}

static struct runnable *take(struct sched_worker *worker)
{
    struct runnable *item = NULL;
    if (worker->tick % INJECT_EVERY == 0 && (item = inject_pop(&worker->scheduler->inject)))
        return item;
    if (worker->next && worker->next_runs < SLOT_RUNS) {
        item = worker->next;
        worker->next = NULL;
        worker->next_runs++;
        return item;
    }
    worker->next_runs = 0;
    if (worker->next)
        enqueue(worker, worker->next);
    worker->next = NULL;
    if ((item = runq_pop(&worker->queue)) || (item = inject_pop(&worker->scheduler->inject)))
        return item;
    return steal(worker);
}

static void run(struct sched_worker *worker, struct actor *actor)
{
    struct mail *mail;
    int count = 0;
    while (count < BATCH && (mail = mailbox_pop(&actor->box))) {
        count++;
        if (!actor->receive(worker, actor, mail))
            return;
    }
    if (count < BATCH && mailbox_rest(&actor->box))
        return;
    /* A full batch, or a sender is half-way through its push: to the end of the queue. */
    enqueue(worker, &actor->runnable);
    if (count == 0)
        sched_yield(); /* nothing but that sender may be left to wait for: let it run */
}

static void poll(struct sched_worker *worker, uint64_t until_ns, bool asleep)
{
    struct scheduler *scheduler = worker->scheduler;
    struct epoll_event events[EVENTS_MAX];
    int count = clock_epoll_wait(worker->epoll, events, EVENTS_MAX, until_ns);
    atomic_load_explicit(&worker->watched, memory_order_acquire);
    if (asleep && atomic_exchange_explicit(&worker->sleeping, 0, memory_order_acq_rel))
        atomic_fetch_sub_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
    else if (asleep)
        worker->woken = true;
    for (int i = 0; i < count; i++) {
        struct event_source *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
    uint64_t now = clock_now_ns();
    void *item;
    while ((item = timers_pop(&worker->timers, now)))
        scheduler->timer(worker, item);
    scheduler->round(worker, now);
}

/* The worker was woken, and has found work or gives up. */
static void awake(struct sched_worker *worker, bool found)
{
    struct scheduler *scheduler = worker->scheduler;
    worker->woken = false;
    atomic_exchange_explicit(&scheduler->waking, 0, memory_order_acq_rel);
    if (found && (runq_len(&worker->queue) > 0 ||
                  atomic_load_explicit(&scheduler->inject.len, memory_order_relaxed) > 0))
        want_help(scheduler);
}

bool sched_fall_asleep(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    atomic_store_explicit(&worker->sleeping, 1, memory_order_release);
    atomic_fetch_add_explicit(&scheduler->sleepers, 1, memory_order_acq_rel);
    return !work_around(scheduler) && !atomic_load_explicit(&scheduler->quit, memory_order_acquire);
}

static void park(struct sched_worker *worker)
{
    if (worker->woken)
        awake(worker, false);
    bool sleep = sched_fall_asleep(worker);
    uint64_t until = timers_next_ns(&worker->timers);
    uint64_t due = worker->scheduler->due_ns(worker);
    until = due < until ? due : until;
    poll(worker, sleep ? until : 0, true);
}

static void *worker_main(void *arg)
{
    struct sched_worker *worker = self = arg;
    while (!atomic_load_explicit(&worker->scheduler->quit, memory_order_acquire)) {
        if (++worker->tick % POLL_EVERY == 0)
            poll(worker, 0, false);
        struct runnable *item = take(worker);
        if (!item) {
            park(worker);
            continue;
        }
        if (worker->woken)
            awake(worker, true);
        run(worker, (struct actor *)item);
    }
    return NULL;
}

static void woken(struct event_source *source, uint32_t events)
{
    (void)source; /* edge-triggered: the count need not be read */
    (void)events;
}

int sched_init(struct scheduler *scheduler, unsigned count, struct counters *counters)
{
    scheduler->count = 0;
    scheduler->outside = &counters[count];
    inject_init(&scheduler->inject);
    scheduler->workers =
        aligned_alloc(_Alignof(struct sched_worker), count * sizeof(struct sched_worker));
    if (!scheduler->workers)
        return -ENOMEM;
    memset(scheduler->workers, 0, count * sizeof(struct sched_worker));
    for (unsigned i = 0; i < count; i++) {
        struct sched_worker *worker = &scheduler->workers[scheduler->count++];
        worker->scheduler = scheduler;
        worker->index = i;
        worker->counters = &counters[i];
        worker->wake_source.ready = woken;
        worker->epoll = epoll_create1(EPOLL_CLOEXEC);
        worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->epoll < 0 || worker->wake < 0)
            return -errno;
        int error = sched_watch(worker, EPOLL_CTL_ADD, worker->wake, EPOLLIN | EPOLLET,
                                &worker->wake_source);
        if (error)
            return error;
    }
    return 0;
}

int sched_start(struct scheduler *scheduler, const char *cpus)
{
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        int error = cpus_thread_create(&worker->thread, cpus, "actor", worker_main, worker);
        if (error)
            return error;
        worker->running = true;
    }
    return 0;
}

void sched_join(struct scheduler *scheduler)
{
    atomic_store_explicit(&scheduler->quit, true, memory_order_release);
    sched_wake_all(scheduler);
    for (unsigned i = 0; i < scheduler->count; i++) {
        if (scheduler->workers[i].running)
            pthread_join(scheduler->workers[i].thread, NULL);
        scheduler->workers[i].running = false;
    }
}

void sched_finish(struct scheduler *scheduler)
{
    for (unsigned i = 0; i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        timers_finish(&worker->timers);
        if (worker->epoll >= 0)
            close(worker->epoll);
        if (worker->wake >= 0)
            close(worker->wake);
    }
    free(scheduler->workers);
    inject_finish(&scheduler->inject);
}
