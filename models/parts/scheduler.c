/* SPDX-License-Identifier: MIT */
#include "sleepers.h"

#include "actors.h"
#include "clock.h"
#include "cpus.h"
#include "syscalls.h"

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    SLOT_RUNS = 3,     /* in a row, before the queue has a turn (as Tokio) */
    LOOK_EVERY = 32,   /* light turns between two looks at the clock; after a long one each looks */
    LOOK_NS = 4000,    /* … so that they are about so far apart */
    OUTLIER = 16,      /* times the mean at most counts: the thread may have lost its processor */
    POLL_NS = 100000,  /* between two looks at epoll and the timers, when busy */
    BEHIND_MOST = 100, /* full batches of a receiver that its senders pay for, and in how many */
    EVENTS_MAX = 128,
};

_Thread_local struct sched_worker *sched_this;

void sched_act_as(struct sched_worker *worker)
{
    sched_this = worker;
}

int sched_watch(struct sched_worker *worker, int op, int fd, uint32_t events,
                struct event_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    atomic_fetch_add_explicit(&worker->watched, 1, memory_order_release);
    syscalls_count();
    return epoll_ctl(worker->epoll, op, fd, &event) < 0 ? -errno : 0;
}

/* ---- Scheduling ---- */

/* To the end: behind what did not fit, if there is such. */
static void enqueue(struct sched_worker *worker, struct runnable *item)
{
    if (worker->backlog.first || !runq_push(&worker->queue, item))
        runlist_add(&worker->backlog, item);
}

static struct runnable *dequeue(struct sched_worker *worker)
{
    struct runnable *item = runq_pop(&worker->queue);
    if (!worker->backlog.first)
        return item;
    if (!item) /* thieves */
        item = runlist_take(&worker->backlog);
    runq_fill(&worker->queue, &worker->backlog);
    return item;
}

void sched_schedule(struct sched_worker *worker, struct runnable *item)
{
    struct runnable *displaced = worker->next;
    worker->next = item;
    if (displaced) {
        enqueue(worker, displaced);
        sched_share(worker);
    }
}

void sched_schedule_outside(struct scheduler *scheduler, struct runnable *item)
{
    inject_push(&scheduler->inject, item);
    if (atomic_fetch_add_explicit(&scheduler->sleepers, 0, memory_order_acq_rel) > 0)
        sched_help(scheduler);
}

void actor_init(struct actor *actor,
                bool (*receive)(struct sched_worker *, struct actor *, struct mail *))
{
    mailbox_init(&actor->box);
    actor->receive = receive;
    atomic_init(&actor->behind, 0);
    actor->debt = 0;
}

void actor_send(struct scheduler *scheduler, struct actor *actor, struct mail *mail)
{
    struct sched_worker *worker = sched_self(scheduler);
    if (worker) {
        actor_tell(worker, actor, mail);
        return;
    }
    counter_add_shared(&scheduler->outside->messages, 1);
    if (mailbox_push(&actor->box, mail))
        sched_schedule_outside(scheduler, &actor->runnable);
}

/* ---- Workers ---- */

void sched_look(struct sched_worker *worker)
{
    uint64_t now = clock_now_ns(), passed = now - worker->looked_ns;
    uint32_t tick = atomic_load_explicit(&worker->tick, memory_order_relaxed);
    uint32_t runs = tick - worker->looked_tick;
    uint64_t run_ns = atomic_load_explicit(&worker->run_ns, memory_order_relaxed);
    uint64_t sample = passed / (runs ? runs : 1), most = OUTLIER * (run_ns + 1);
    run_ns = (7 * run_ns + (sample < most ? sample : most)) / 8;
    atomic_store_explicit(&worker->run_ns, run_ns < UINT32_MAX ? (uint32_t)run_ns : UINT32_MAX,
                          memory_order_relaxed);
    if (passed > 2 * LOOK_NS)
        worker->pace = 1;
    else if (passed < LOOK_NS && worker->pace < LOOK_EVERY)
        worker->pace *= 2;
    worker->turns_left = worker->pace;
    worker->looked_ns = now;
    worker->looked_tick = tick;
    worker->poll_due = now - worker->polled_ns >= POLL_NS;
    sched_share(worker);
}

static struct runnable *steal(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    bool looks = worker->looks;
    worker->looks = false;
    for (unsigned i = 1; i < scheduler->count; i++) {
        struct sched_worker *victim = &scheduler->workers[(worker->index + i) % scheduler->count];
        if (!(looks && sched_is_stuck(victim)) && !sched_worth_stealing(victim))
            continue;
        struct runnable *item = runq_steal(&worker->queue, &victim->queue);
        if (item)
            return item;
    }
    return NULL;
}

static struct runnable *take(struct sched_worker *worker)
{
    struct runnable *item = worker->next;
    worker->next = NULL;
    if (item && worker->next_runs++ < SLOT_RUNS)
        return item;
    worker->next_runs = 0;
    struct runnable *other = dequeue(worker);
    if (!other)
        other = inject_pop(&worker->scheduler->inject);
    if (!other)
        return item ? item : steal(worker);
    if (item)
        enqueue(worker, item);
    return other;
}

/* Whether it owes more than this batch. */
static bool pays(struct sched_worker *worker, struct actor *actor)
{
    uint32_t batch = worker->scheduler->batch;
    if (!worker->next && runq_len(&worker->queue) == 0)
        actor->debt = 0; /* nobody here to give way to */
    bool all = actor->debt >= batch;
    worker->batch_left = batch - (all ? 0 : actor->debt);
    actor->debt = all ? actor->debt - batch : 0;
    return all;
}

static void run(struct sched_worker *worker, struct actor *actor)
{
    struct mail *mail = NULL;
    worker->batch_left = worker->scheduler->batch;
    if (actor->debt && pays(worker, actor)) {
        enqueue(worker, &actor->runnable);
        return;
    }
    worker->owes = 0;
    while (worker->batch_left > worker->owes && !worker->poll_due &&
           (mail = mailbox_pop(&actor->box))) {
        worker->batch_left--;
        bool alive = actor->receive(worker, actor, mail);
        if (--worker->turns_left == 0)
            sched_look(worker);
        if (!alive)
            return;
    }
    uint32_t debt = worker->owes > worker->batch_left ? worker->owes - worker->batch_left : 0;
    uint64_t most = (uint64_t)BEHIND_MOST * worker->scheduler->batch;
    actor->debt = debt < most ? debt : (uint32_t)most;
    uint32_t behind = atomic_load_explicit(&actor->behind, memory_order_relaxed);
    if (mailbox_read(&actor->box)) {
        if (behind)
            atomic_store_explicit(&actor->behind, 0, memory_order_relaxed);
        if (mailbox_rest(&actor->box))
            return;
    } else if (mail && (worker->batch_left == 0 || worker->poll_due) && behind < BEHIND_MOST) {
        atomic_store_explicit(&actor->behind, behind + 1, memory_order_relaxed);
    }
    /* A full batch, or a sender is half-way through its push: to the end of the queue. */
    enqueue(worker, &actor->runnable);
    if (!mail && worker->batch_left == worker->scheduler->batch)
        sched_yield(); /* nothing but that sender may be left to wait for: let it run */
}

/* Readiness, and what timers and outsiders brought, stands at the end of the queue, in the order in
 * which it came: the slot is for what turns make. Did the last to become ready run first, those who
 * ask again at once would pass all who wait. slot: what was there before. */
static void queue_arrivals(struct sched_worker *worker, struct runnable *slot)
{
    struct inject *inject = &worker->scheduler->inject;
    struct runnable *last = worker->next;
    bool idle = !slot && runq_len(&worker->queue) == 0 && !worker->backlog.first;
    if (!idle)
        worker->next = slot;
    if (last && !idle) {
        enqueue(worker, last);
        if (!slot) { /* the first instead, which nobody need steal */
            worker->next = dequeue(worker);
            worker->next_runs = 0;
        }
        sched_share(worker);
    }
    /* Whoever has nothing else takes of the outsiders' one at a time. */
    uint32_t outside = atomic_load_explicit(&inject->len, memory_order_relaxed);
    if (outside > 0 && (!idle || last)) {
        inject_take(inject, &worker->backlog, (outside - 1) / worker->scheduler->count + 1);
        runq_fill(&worker->queue, &worker->backlog);
    }
}

static void poll(struct sched_worker *worker, uint64_t until_ns, bool asleep)
{
    struct scheduler *scheduler = worker->scheduler;
    struct epoll_event events[EVENTS_MAX];
    struct runnable *slot = worker->next;
    worker->next = NULL;
    syscalls_count();
    syscalls_tell(&worker->counters->syscalls);
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
    worker->poll_due = false;
    worker->polled_ns = worker->looked_ns = now;
    worker->looked_tick = atomic_load_explicit(&worker->tick, memory_order_relaxed);
    void *item;
    while ((item = timers_pop(&worker->timers, now)))
        scheduler->timer(worker, item);
    scheduler->round(worker, now);
    queue_arrivals(worker, slot);
}

/* The worker was woken, and has found work or gives up. */
static void awake(struct sched_worker *worker, bool found)
{
    struct scheduler *scheduler = worker->scheduler;
    worker->woken = false;
    atomic_exchange_explicit(&scheduler->waking, 0, memory_order_acq_rel);
    if (found && sched_work_around(scheduler))
        sched_help(scheduler);
}

/* Nothing to do: awake for spin_ns more, since to be woken costs more than that, then asleep. */
static struct runnable *park(struct sched_worker *worker)
{
    struct scheduler *scheduler = worker->scheduler;
    struct runnable *item = NULL;
    if (worker->woken)
        awake(worker, false);
    if (scheduler->spin_ns) {
        uint64_t until = clock_now_ns() + scheduler->spin_ns;
        do {
            poll(worker, 0, false);
            if ((item = take(worker)) ||
                atomic_load_explicit(&scheduler->quit, memory_order_acquire))
                return item;
        } while (worker->polled_ns < until);
    }
    bool sleep = sched_fall_asleep(worker);
    uint64_t until = timers_next_ns(&worker->timers), due = scheduler->due_ns(worker);
    until = due < until ? due : until;
    if (sleep)
        until = sched_look_out(worker, until);
    poll(worker, sleep ? until : 0, true);
    sched_look_no_more(worker);
    worker->pace = worker->turns_left = 1; /* whatever comes now may be of another kind */
    return NULL;
}

static void *worker_main(void *arg)
{
    struct sched_worker *worker = sched_this = arg;
    syscalls_made = worker->counters->syscalls; /* of the thread before this one, if any */
    while (!atomic_load_explicit(&worker->scheduler->quit, memory_order_acquire)) {
        if (worker->poll_due)
            poll(worker, 0, false);
        struct runnable *item = take(worker);
        if (!item && !(item = park(worker)))
            continue;
        if (worker->woken)
            awake(worker, true);
        if (worker->looked)
            sched_hand_over(worker);
        uint32_t tick = atomic_load_explicit(&worker->tick, memory_order_relaxed);
        atomic_store_explicit(&worker->tick, tick + 1, memory_order_relaxed);
        run(worker, (struct actor *)item);
    }
    syscalls_tell(&worker->counters->syscalls);
    return NULL;
}

static void woken(struct event_source *source, uint32_t events)
{
    (void)source, (void)events; /* edge-triggered: the count need not be read */
}

int sched_init(struct scheduler *scheduler, unsigned count, struct counters *counters)
{
    scheduler->count = 0;
    if (!scheduler->batch)
        scheduler->batch = SCHED_TURNS_IN_A_ROW;
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
        worker->pace = worker->turns_left = 1;
        atomic_init(&worker->run_ns,
                    2 * SCHED_PATIENCE_NS); /* until it is known: help is welcome */
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
    atomic_store_explicit(&scheduler->quit, false, memory_order_release);
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

struct actor *sched_leftover(struct scheduler *scheduler)
{
    struct runnable *item = NULL;
    for (unsigned i = 0; !item && i < scheduler->count; i++) {
        struct sched_worker *worker = &scheduler->workers[i];
        item = worker->next ? worker->next : dequeue(worker);
        worker->next = NULL;
    }
    return (struct actor *)(item ? item : inject_pop(&scheduler->inject));
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
