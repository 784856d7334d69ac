/* SPDX-License-Identifier: MIT */
/*
 * No wake-up is lost between who falls asleep, who adds work, and who looks for a sleeper in vain.
 * The workers are not started: the test takes their steps itself, one after the other, in the
 * orders that matter.
 */
#include "parts/actors.h"
#include "parts/clock.h"
#include "parts/sleepers.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

enum { WORKERS = 2 };

struct world {
    struct scheduler scheduler;
    struct counters *counters;
    struct actor actors[3];
    struct mail mails[3];
};

static bool receive(struct sched_worker *worker, struct actor *actor, struct mail *mail)
{
    (void)worker, (void)actor, (void)mail;
    return true;
}

static int set_up(void **state)
{
    struct world *world = *state = aligned_alloc(_Alignof(struct world), sizeof *world);
    assert_non_null(world);
    memset(world, 0, sizeof *world);
    world->counters = counters_create(WORKERS + 1);
    assert_non_null(world->counters);
    assert_int_equal(sched_init(&world->scheduler, WORKERS, world->counters), 0);
    for (size_t i = 0; i < sizeof world->actors / sizeof *world->actors; i++)
        actor_init(&world->actors[i], receive);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sched_finish(&world->scheduler);
    free(world->counters);
    free(world);
    return 0;
}

/* Work from a thread that is no worker, as by post(). */
static void add_work(struct world *world, int number)
{
    actor_send(&world->scheduler, &world->actors[number], &world->mails[number]);
}

static bool was_woken(struct sched_worker *worker)
{
    struct pollfd wake = {.fd = worker->wake, .events = POLLIN};
    eventfd_t times;
    return poll(&wake, 1, 0) == 1 && eventfd_read(worker->wake, &times) == 0;
}

/*
 * One looks for a sleeper, and there is none. Before it has let go, a worker falls asleep, finding
 * nothing to do, and then work comes, whose sender relies on the one who is looking.
 */
static void work_and_a_sleeper_while_somebody_looks(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;
    struct sched_worker *worker = &scheduler->workers[1];

    assert_true(sched_help_begin(scheduler)); /* nobody sleeps */
    assert_true(sched_fall_asleep(worker));
    add_work(world, 0);
    assert_false(was_woken(worker)); /* by its sender: somebody is looking already */

    assert_true(sched_help_end(scheduler)); /* and has to look again, now that it has let go */
    assert_false(sched_help_begin(scheduler));
    assert_true(was_woken(worker));
    assert_int_equal(atomic_load(&worker->sleeping), 0);
    assert_int_equal(atomic_load(&scheduler->sleepers), 0);
    assert_int_equal(atomic_load(&world->counters[WORKERS].wakeups), 1);
}

/* The work came first: then the worker sees it by itself, and nobody need wake it. */
static void work_before_the_sleeper(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;
    struct sched_worker *worker = &scheduler->workers[0];

    assert_true(sched_help_begin(scheduler));
    add_work(world, 0);
    assert_false(sched_fall_asleep(worker));
    /* It counts as asleep until it is back from epoll: being woken besides does no harm. */
    if (sched_help_end(scheduler))
        assert_false(sched_help_begin(scheduler));
}

/* A sleeper, but nothing to do: nobody is woken. Nor is there any need if nobody sleeps. */
static void nothing_to_wake_for(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;

    assert_true(sched_help_begin(scheduler));
    assert_false(sched_help_end(scheduler));

    assert_true(sched_help_begin(scheduler));
    assert_true(sched_fall_asleep(&scheduler->workers[0]));
    assert_false(sched_help_end(scheduler));
    assert_false(was_woken(&scheduler->workers[0]));

    add_work(world, 0); /* and now there is */
    assert_true(was_woken(&scheduler->workers[0]));
}

/* One at a time: what comes while a woken worker has not found anything yet is left to it. */
static void one_at_a_time(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;

    assert_true(sched_fall_asleep(&scheduler->workers[0]));
    assert_true(sched_fall_asleep(&scheduler->workers[1]));
    add_work(world, 0);
    add_work(world, 1);
    assert_int_equal(was_woken(&scheduler->workers[0]) + was_woken(&scheduler->workers[1]), 1);
    assert_int_equal(atomic_load(&scheduler->sleepers), 1);

    /* It gives up all the same: whoever goes to sleep then sees what was left to it. */
    assert_true(sched_help_end(scheduler));
    struct sched_worker *other = &scheduler->workers[atomic_load(&scheduler->workers[0].sleeping)];
    assert_int_equal(atomic_load(&other->sleeping), 0);
    assert_false(sched_fall_asleep(other));
}

/* By the worker itself, as within a turn. */
static void schedule(struct world *world, int number)
{
    struct actor *actor = &world->actors[number];
    assert_true(mailbox_push(&actor->box, &world->mails[number]));
    sched_schedule(&world->scheduler.workers[0], &actor->runnable);
}

/* What its worker will come to before another could be there is left to it; what would wait longer
 * is shared. The slot's own actor waits for nobody. */
static void help_only_where_it_pays(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;
    struct sched_worker *worker = &scheduler->workers[0], *other = &scheduler->workers[1];

    assert_true(sched_fall_asleep(other));
    assert_true(sched_look_out(other, CLOCK_NEVER) < CLOCK_NEVER);
    atomic_store(&worker->run_ns, SCHED_PATIENCE_NS / 2);
    schedule(world, 0); /* to the slot */
    schedule(world, 1); /* one waits: for half of it */
    assert_int_equal(runq_len(&worker->queue), 1);
    assert_false(sched_work_around(scheduler));
    assert_false(was_woken(other));

    atomic_store(&worker->run_ns, SCHED_PATIENCE_NS + 1);
    assert_true(sched_work_around(scheduler)); /* so whoever falls asleep now would not */
    schedule(world, 2);
    assert_true(was_woken(other));
    assert_int_equal(atomic_load(&scheduler->sleepers), 0);
}

/* Where nobody looks out somebody is woken for anything at all, to do that. Who sleeps with all
 * others has nobody to look after; who looks finds those that are at the same actor as the last
 * time. */
static void somebody_looks_out(void **state)
{
    struct world *world = *state;
    struct scheduler *scheduler = &world->scheduler;
    struct sched_worker *worker = &scheduler->workers[0], *other = &scheduler->workers[1];

    assert_true(sched_fall_asleep(worker));
    assert_true(sched_fall_asleep(other));
    assert_true(sched_look_out(other, CLOCK_NEVER) == CLOCK_NEVER);
    sched_look_no_more(other);
    assert_int_equal(atomic_load(&scheduler->lookouts), 0);

    atomic_store(&worker->run_ns, 0);
    atomic_store(&worker->sleeping, 0);
    atomic_store(&scheduler->sleepers, 1);
    schedule(world, 0);
    assert_false(was_woken(other)); /* the slot */
    schedule(world, 1);
    assert_true(was_woken(other));
    assert_false(sched_help_end(scheduler));

    assert_true(sched_fall_asleep(other));
    assert_int_equal(sched_look_out(other, 1), 1);
    assert_int_equal(atomic_load(&scheduler->lookouts), 1);
    schedule(world, 2);
    assert_false(was_woken(other));
    sched_look_no_more(other);
    assert_int_equal(atomic_load(&scheduler->lookouts), 0);
    assert_true(other->looks && other->looked);

    atomic_store(&worker->tick, 7);
    assert_false(sched_is_stuck(worker));
    assert_true(sched_is_stuck(worker));
    atomic_store(&worker->tick, 8);
    assert_false(sched_is_stuck(worker));
    assert_false(sched_is_stuck(other)); /* it has no queue */
    assert_false(sched_is_stuck(other));

    /* It found something to do: the next one, if any sleeps, takes over. */
    assert_false(was_woken(worker));
    atomic_store(&worker->sleeping, 1);
    sched_hand_over(other);
    assert_false(other->looked);
    assert_true(was_woken(worker) || was_woken(other));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(work_and_a_sleeper_while_somebody_looks),
        TEST(work_before_the_sleeper),
        TEST(nothing_to_wake_for),
        TEST(one_at_a_time),
        TEST(help_only_where_it_pays),
        TEST(somebody_looks_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
