/* SPDX-License-Identifier: MIT */
#include "parts/lock.h"
#include "parts/syscalls.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 50000 };

static struct lock lock;
static uint64_t count; /* under the lock */

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        lock_take(&lock);
        count++;
        lock_give(&lock);
    }
    return NULL;
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    count = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, THREADS * ROUNDS);
    assert_int_equal(atomic_load(&lock.word), LOCK_FREE);
}

/* Counts its own system calls: at least one where it had to sleep. */
static void *take_once(void *made)
{
    lock_take(&lock);
    count++;
    lock_give(&lock);
    *(uint64_t *)made = syscalls_made;
    return NULL;
}

/* Held for long: the others sleep, and all of them are woken, one after the other. */
static void test_sleepers_are_woken(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t made[THREADS], before = syscalls_made;
    count = 0;
    lock_take(&lock);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_once, &made[i]), 0);
    while (atomic_load(&lock.word) != LOCK_AWAITED)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(count, 0);
    lock_give(&lock);
    assert_int_equal(syscalls_made, before + 1); /* the wake-up */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, THREADS);
    uint64_t slept = 0;
    for (int i = 0; i < THREADS; i++)
        slept += made[i];
    assert_true(slept > 0);
}

/* Nobody contends: no system call. */
static void test_no_call_when_free(void **state)
{
    (void)state;
    uint64_t before = syscalls_made;
    for (int i = 0; i < 100; i++) {
        lock_take(&lock);
        lock_give(&lock);
    }
    assert_int_equal(syscalls_made, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_sleepers_are_woken),
        cmocka_unit_test(test_no_call_when_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
