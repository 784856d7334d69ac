/* SPDX-License-Identifier: MIT */
/* Helper threads: made when needed, never more than asked for, first in first out, nothing lost. */
#include "parts/offload.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PIECES = 64 };

struct world {
    struct offload *offload;
    sem_t started, gate, ended; /* posted when a piece begins; to let it go on; when it is done */
    _Atomic int inside, inside_max;
    _Atomic uint64_t sleeps;
    _Atomic int order[PIECES]; /* numbers of the pieces as they began */
    _Atomic int begun;
    struct request *pieces[PIECES];
};

static const struct workload nothing = {.name = "nothing"};

static void await(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        ;
}

static void run(void *arg, struct request *request)
{
    struct world *world = arg;
    int inside = atomic_fetch_add(&world->inside, 1) + 1;
    int most = atomic_load(&world->inside_max);
    while (inside > most && !atomic_compare_exchange_weak(&world->inside_max, &most, inside))
        ;
    atomic_store(&world->order[atomic_fetch_add(&world->begun, 1)], (int)request->cell);
    sem_post(&world->started);
    await(&world->gate);
    atomic_fetch_sub(&world->inside, 1);
    sem_post(&world->ended);
}

static int set_up(void **state)
{
    struct world *world = *state = calloc(1, sizeof *world);
    assert_non_null(world);
    sem_init(&world->started, 0, 0);
    sem_init(&world->gate, 0, 0);
    sem_init(&world->ended, 0, 0);
    for (uint32_t i = 0; i < PIECES; i++) {
        world->pieces[i] = request_create(&nothing);
        assert_non_null(world->pieces[i]);
        world->pieces[i]->cell = i;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    offload_destroy(world->offload);
    for (int i = 0; i < PIECES; i++)
        request_destroy(world->pieces[i], &nothing);
    sem_destroy(&world->started);
    sem_destroy(&world->gate);
    sem_destroy(&world->ended);
    free(world);
    return 0;
}

static void create(struct world *world, unsigned threads)
{
    struct offload_config config = {
        .threads = threads, .run = run, .arg = world, .sleeps = &world->sleeps};
    assert_int_equal(offload_create(&world->offload, &config), 0);
}

static void test_no_more_at_once_than_threads(void **state)
{
    struct world *world = *state;
    create(world, 3);
    assert_int_equal(offload_threads(world->offload), 0);
    for (int i = 0; i < PIECES; i++)
        offload_submit(world->offload, world->pieces[i]);
    for (int i = 0; i < 3; i++)
        await(&world->started);
    assert_int_equal(atomic_load(&world->inside), 3);
    for (int i = 0; i < PIECES; i++)
        sem_post(&world->gate);
    for (int i = 0; i < PIECES; i++)
        await(&world->ended);
    assert_int_equal(atomic_load(&world->inside_max), 3);
    assert_int_equal(offload_threads(world->offload), 3);
}

static void test_one_thread_keeps_the_order(void **state)
{
    struct world *world = *state;
    create(world, 1);
    for (int i = 0; i < PIECES; i++) {
        sem_post(&world->gate);
        offload_submit(world->offload, world->pieces[i]);
    }
    for (int i = 0; i < PIECES; i++)
        await(&world->ended);
    for (int i = 0; i < PIECES; i++)
        assert_int_equal(atomic_load(&world->order[i]), i);
}

/* One piece after the other never needs a second helper, and each but the first finds it asleep. */
static void test_a_sleeper_is_woken_before_one_is_made(void **state)
{
    struct world *world = *state;
    create(world, 4);
    for (uint64_t i = 0; i < 8; i++) {
        sem_post(&world->gate);
        assert_int_equal(offload_submit(world->offload, world->pieces[i]), i > 0);
        await(&world->ended);
        while (atomic_load(&world->sleeps) <= i)
            sched_yield();
    }
    assert_int_equal(offload_threads(world->offload), 1);
}

static void test_destroy_finishes_what_was_submitted(void **state)
{
    struct world *world = *state;
    create(world, 2);
    for (int i = 0; i < PIECES; i++) {
        sem_post(&world->gate);
        offload_submit(world->offload, world->pieces[i]);
    }
    offload_destroy(world->offload);
    world->offload = NULL;
    assert_int_equal(atomic_load(&world->begun), PIECES);
    assert_int_equal(atomic_load(&world->inside), 0);
}

static void test_no_threads_is_refused(void **state)
{
    struct world *world = *state;
    struct offload_config config = {.run = run, .sleeps = &world->sleeps};
    assert_int_equal(offload_create(&world->offload, &config), -EINVAL);
    assert_int_equal(offload_threads(NULL), 0);
    offload_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_more_at_once_than_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_thread_keeps_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sleeper_is_woken_before_one_is_made, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_destroy_finishes_what_was_submitted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_threads_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
