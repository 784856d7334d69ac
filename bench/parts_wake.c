/* SPDX-License-Identifier: MIT */
/*
 * To another thread and back from it, through what a model wakes its threads with. The floors
 * beside them are parts/floor/…_round_trip, two wake-ups an iteration. How many there are here is
 * counted, wakeups_per_iteration, since whoever is not asleep yet is not woken. Of queue on one CPU
 * that is nearly everybody: a worker whose last sleep was over at once gives way (sched_yield)
 * before it sleeps, and meanwhile the other side has answered. So that is two yields, the floor
 * under it is parts/floor/yield_round_trip, and what it says of a wake-up is that there was none.
 */
#include "parts.h"
#include "parts_pair.h"

#include "parts/actors.h"
#include "parts/inbox.h"
#include "parts/queue.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* After parts_pair_end(): the partner's are known, too. */
static void tell_wakeups(struct gbench_state *state, int64_t wakeups)
{
    gbench_counter(state, "wakeups_per_iteration", (double)wakeups, GBENCH_PER_ITERATION);
}

/* ---- The task queue of the thread pool, both ways ---- */

struct queues {
    struct queue there, back;
    struct queue_worker theirs, mine;
    int64_t answered, woken; /* by the partner */
};

static void *queue_echo(void *arg)
{
    struct queues *queues = arg;
    for (void *task; (task = queue_pop(&queues->there, &queues->theirs)); queues->answered++)
        queues->woken += queue_push(&queues->back, task); /* 0 or 1: there is room */
    return NULL;
}

static void queue_wake(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct queues queues = {.answered = 0};
    struct parts_pair pair;
    int task, err = queue_init(&queues.there, 16);
    if (err == 0)
        err = queue_init(&queues.back, 16);
    if (err == 0)
        err = queue_worker_init(&queues.theirs);
    if (err == 0)
        err = queue_worker_init(&queues.mine);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, queue_echo, &queues))
        return;
    void *last = &task;
    int64_t woken = 0;
    GBENCH_LOOP(state)
    {
        woken += queue_push(&queues.there, last);
        last = queue_pop(&queues.back, &queues.mine);
    }
    if (last != &task)
        gbench_fail(state, "another task came back");
    queue_close(&queues.there);
    parts_pair_end(state, &pair, &queues.answered);
    tell_wakeups(state, woken + queues.woken);
    queue_worker_finish(&queues.mine);
    queue_worker_finish(&queues.theirs);
    queue_finish(&queues.back);
    queue_finish(&queues.there);
}

/* ---- The inbox of an event loop, both ways: each side sleeps in an epoll ---- */

struct side {
    struct inbox inbox;
    int epoll;
};

struct sides {
    struct side there, back;
    struct request *last; /* the one that ends it */
    int64_t answered, woken;
};

static int side_init(struct side *side)
{
    int err = inbox_init(&side->inbox);
    side->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (err == 0 && epoll_ctl(side->epoll, EPOLL_CTL_ADD, side->inbox.fd, &event) != 0)
        err = -errno;
    return err;
}

static void side_finish(struct side *side)
{
    inbox_finish(&side->inbox);
    close(side->epoll);
}

static struct request *side_take(struct side *side)
{
    struct request *request;
    while (!(request = inbox_take(&side->inbox))) {
        struct epoll_event event;
        if (inbox_sleep(&side->inbox))
            epoll_wait(side->epoll, &event, 1, -1);
    }
    return request;
}

static void *inbox_echo(void *arg)
{
    struct sides *sides = arg;
    for (struct request *request; (request = side_take(&sides->there)) != sides->last;) {
        sides->answered++;
        sides->woken += inbox_push(&sides->back.inbox, request);
    }
    return NULL;
}

static void inbox_wake(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    static const struct workload nothing;
    struct sides sides = {.last = request_create(&nothing)};
    struct request *request = request_create(&nothing), *back = request;
    struct parts_pair pair;
    int err = request && sides.last ? side_init(&sides.there) : -ENOMEM;
    if (err == 0)
        err = side_init(&sides.back);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    if (!parts_pair_begin(state, &pair, placed->place, inbox_echo, &sides))
        return;
    int64_t woken = 0;
    GBENCH_LOOP(state)
    {
        woken += inbox_push(&sides.there.inbox, back);
        back = side_take(&sides.back);
    }
    if (back != request)
        gbench_fail(state, "another request came back");
    inbox_push(&sides.there.inbox, sides.last);
    parts_pair_end(state, &pair, &sides.answered);
    tell_wakeups(state, woken + sides.woken);
    side_finish(&sides.back);
    side_finish(&sides.there);
    request_destroy(sides.last, &nothing);
    request_destroy(request, &nothing);
}

/* ---- A mail to an actor whose one worker sleeps, and by a semaphore back: a wake-up each ---- */

struct echo_actor {
    struct actor actor; /* first */
    sem_t back;
    int64_t answered;
};

static bool receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)worker;
    (void)mail; /* the sender's again once it is answered */
    struct echo_actor *echo = (struct echo_actor *)(void *)actor;
    echo->answered++;
    sem_post(&echo->back);
    return true;
}

static void no_timer(struct sched_worker *worker, void *item)
{
    (void)worker;
    (void)item;
}

static void no_round(struct sched_worker *worker, uint64_t now_ns)
{
    (void)worker;
    (void)now_ns;
}

static uint64_t never_due(struct sched_worker *worker)
{
    (void)worker;
    return TIMERS_NEVER;
}

static void *nothing_more(void *arg)
{
    return arg;
}

static void actor_wake(struct gbench_state *state, void *arg)
{
    const struct parts_placed *placed = arg;
    struct scheduler scheduler = {.timer = no_timer, .round = no_round, .due_ns = never_due};
    struct echo_actor echo = {.answered = 0};
    struct counters *counters = counters_create(2);
    struct parts_pair pair;
    struct mail mail;
    char cpu[16];
    snprintf(cpu, sizeof cpu, "%d", parts_cpu(placed->place == PARTS_OTHER_CPU ? 1 : 0));
    sem_init(&echo.back, 0, 0);
    actor_init(&echo.actor, receive);
    int err = counters ? sched_init(&scheduler, 1, counters) : -ENOMEM;
    if (err == 0)
        err = sched_start(&scheduler, cpu);
    /* The partner is the scheduler's worker: the pair only binds this thread. */
    if (err != 0)
        gbench_fail(state, strerror(-err));
    else if (parts_pair_begin(state, &pair, placed->place, nothing_more, NULL)) {
        GBENCH_LOOP(state)
        {
            actor_send(&scheduler, &echo.actor, &mail);
            while (sem_wait(&echo.back) != 0)
                ;
        }
        parts_pair_end(state, &pair, &echo.answered);
        struct model_stats stats;
        counters_sum(counters, 2, &stats);
        tell_wakeups(state, (int64_t)stats.wakeups + echo.answered);
    }
    sched_join(&scheduler);
    sched_finish(&scheduler);
    sem_destroy(&echo.back);
    free(counters);
}

void parts_wake_register(void)
{
    parts_pair_register("parts/wake/queue", queue_wake, NULL, true);
    parts_pair_register("parts/wake/inbox", inbox_wake, NULL, true);
    parts_pair_register("parts/wake/actor", actor_wake, NULL, true);
}
