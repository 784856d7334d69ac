/* SPDX-License-Identifier: MIT */
/* Workers that run: who gives way to whom, and that nobody waits behind one who is busy for what
 * another could do. */
#include "parts/actors.h"
#include "parts/clock.h"
#include "parts/sleepers.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void no_timer(struct sched_worker *worker, void *item)
{
    (void)worker, (void)item;
}

static void no_round(struct sched_worker *worker, uint64_t now_ns)
{
    (void)worker, (void)now_ns;
}

static uint64_t never(struct sched_worker *worker)
{
    (void)worker;
    return CLOCK_NEVER;
}

/* A scheduler that has nothing but actors; and what they do until somebody says that it is done. */
static void plain_init(struct scheduler *scheduler, unsigned workers, struct counters *counters,
                       void *arg)
{
    scheduler->arg = arg;
    scheduler->timer = no_timer;
    scheduler->round = no_round;
    scheduler->due_ns = never;
    assert_int_equal(sched_init(scheduler, workers, counters), 0);
}

static void plain_run(struct scheduler *scheduler, sem_t *done)
{
    assert_int_equal(sched_start(scheduler, NULL), 0);
    while (sem_wait(done) != 0)
        ;
    sched_join(scheduler);
}

enum { MAILS = 20000, PER_TURN = 100 };

/* One actor floods another; only a worker touches it. */
struct flood {
    struct scheduler scheduler;
    struct actor sender, receiver;
    struct mail go, mails[MAILS];
    int sent, received, most; /* most: that were under way */
    sem_t done;
};

static bool flood_send(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    struct flood *flood = worker->scheduler->arg;
    for (int i = 0; i < PER_TURN; i++) {
        sched_pay(worker, &flood->receiver, 1);
        actor_tell(worker, &flood->receiver, &flood->mails[flood->sent++]);
    }
    if (flood->sent - flood->received > flood->most)
        flood->most = flood->sent - flood->received;
    if (flood->sent < MAILS)
        actor_tell(worker, actor, mail);
    return true;
}

static bool flood_receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor, (void)mail;
    struct flood *flood = worker->scheduler->arg;
    if (++flood->received == MAILS)
        sem_post(&flood->done);
    return true;
}

/* Both have batches of the same size, and yet the mailbox stays short. */
static void a_sender_gives_way(void **state)
{
    (void)state;
    struct flood *flood = aligned_alloc(_Alignof(struct flood), sizeof *flood);
    struct counters *counters = counters_create(2);
    assert_true(flood && counters);
    memset(flood, 0, sizeof *flood);
    sem_init(&flood->done, 0, 0);
    plain_init(&flood->scheduler, 1, counters, flood);
    actor_init(&flood->sender, flood_send);
    actor_init(&flood->receiver, flood_receive);
    actor_send(&flood->scheduler, &flood->sender, &flood->go);
    plain_run(&flood->scheduler, &flood->done);
    assert_int_equal(flood->sent, MAILS);
    assert_in_range(flood->most, PER_TURN, MAILS / 5);
    sched_finish(&flood->scheduler);
    free(counters);
    free(flood);
}

enum { WORKERS = 2, PATIENCE_S = 120 };

/* An actor's turn goes on until the one behind it in its worker's queue has run: elsewhere, then.
 */
struct theft {
    struct scheduler scheduler;
    struct actor busy, queued, slotted;
    struct mail go, mails[2];
    sem_t stolen, done;
    uint32_t mean_ns; /* of an actor here, as the worker has it when the busy one begins */
    bool in_time;
};

static bool theft_busy(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor, (void)mail;
    struct theft *theft = worker->scheduler->arg;
    struct timespec until;
    do /* the other has nothing to do */
        clock_sleep_ns(1000000);
    while (atomic_load(&worker->scheduler->sleepers) == 0);
    atomic_store(&worker->run_ns, theft->mean_ns);
    actor_tell(worker, &theft->queued, &theft->mails[0]);
    actor_tell(worker, &theft->slotted, &theft->mails[1]); /* takes the slot from it */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    theft->in_time = sem_timedwait(&theft->stolen, &until) == 0;
    sem_post(&theft->done);
    return true;
}

static bool theft_queued(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor, (void)mail;
    sem_post(&((struct theft *)worker->scheduler->arg)->stolen);
    return true;
}

static bool theft_slotted(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)worker, (void)actor, (void)mail;
    return true;
}

static void steal(uint32_t mean_ns)
{
    struct theft *theft = aligned_alloc(_Alignof(struct theft), sizeof *theft);
    struct counters *counters = counters_create(WORKERS + 1);
    assert_true(theft && counters);
    memset(theft, 0, sizeof *theft);
    theft->mean_ns = mean_ns;
    sem_init(&theft->stolen, 0, 0);
    sem_init(&theft->done, 0, 0);
    plain_init(&theft->scheduler, WORKERS, counters, theft);
    actor_init(&theft->busy, theft_busy);
    actor_init(&theft->queued, theft_queued);
    actor_init(&theft->slotted, theft_slotted);
    actor_send(&theft->scheduler, &theft->busy, &theft->go);
    plain_run(&theft->scheduler, &theft->done);
    assert_true(theft->in_time);
    sched_finish(&theft->scheduler);
    free(counters);
    free(theft);
}

static void work_is_stolen(void **state)
{
    (void)state;
    steal(2 * SCHED_PATIENCE_NS);
}

/* … also where nobody could know: all turns before it were short. */
static void work_is_stolen_from_behind_an_unusual_turn(void **state)
{
    (void)state;
    steal(200);
}

enum { LOCALS = 3, OUTSIDERS = 10, TURNS_MOST = 5000000 };

/* Some actors of a worker always have work, and so its queue is never empty. */
struct crowd {
    struct scheduler scheduler;
    struct actor starter, locals[LOCALS], outsiders[OUTSIDERS];
    struct mail go, local_mails[LOCALS], outside_mails[OUTSIDERS];
    unsigned running, turns;    /* of the locals */
    unsigned arrived;           /* outsiders */
    unsigned first_at, last_at; /* turns before the first of them, and before the last */
    sem_t done;
};

static bool crowd_start(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor, (void)mail;
    struct crowd *crowd = worker->scheduler->arg;
    for (int i = 0; i < LOCALS; i++)
        actor_tell(worker, &crowd->locals[i], &crowd->local_mails[i]);
    return true;
}

static bool crowd_local(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    struct crowd *crowd = worker->scheduler->arg;
    crowd->turns++;
    if (crowd->arrived < OUTSIDERS && crowd->turns < TURNS_MOST)
        actor_tell(worker, actor, mail);
    else if (--crowd->running == 0)
        sem_post(&crowd->done);
    return true;
}

static bool crowd_outsider(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)actor, (void)mail;
    struct crowd *crowd = worker->scheduler->arg;
    crowd->last_at = crowd->turns;
    if (crowd->arrived++ == 0)
        crowd->first_at = crowd->turns;
    return true;
}

/* Work from outside comes in between, all of it at once. */
static void outsiders_get_in(void **state)
{
    (void)state;
    struct crowd *crowd = aligned_alloc(_Alignof(struct crowd), sizeof *crowd);
    struct counters *counters = counters_create(2);
    assert_true(crowd && counters);
    memset(crowd, 0, sizeof *crowd);
    crowd->running = LOCALS;
    sem_init(&crowd->done, 0, 0);
    plain_init(&crowd->scheduler, 1, counters, crowd);
    actor_init(&crowd->starter, crowd_start);
    for (int i = 0; i < LOCALS; i++)
        actor_init(&crowd->locals[i], crowd_local);
    actor_send(&crowd->scheduler, &crowd->starter, &crowd->go);
    for (int i = 0; i < OUTSIDERS; i++) {
        actor_init(&crowd->outsiders[i], crowd_outsider);
        actor_send(&crowd->scheduler, &crowd->outsiders[i], &crowd->outside_mails[i]);
    }
    plain_run(&crowd->scheduler, &crowd->done);
    assert_int_equal(crowd->arrived, OUTSIDERS);
    assert_true(crowd->first_at < TURNS_MOST);
    assert_true(crowd->last_at - crowd->first_at <= SCHED_TURNS_IN_A_ROW);
    sched_finish(&crowd->scheduler);
    free(counters);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_gives_way),
        cmocka_unit_test(work_is_stolen),
        cmocka_unit_test(work_is_stolen_from_behind_an_unusual_turn),
        cmocka_unit_test(outsiders_get_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
