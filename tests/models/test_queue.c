/* SPDX-License-Identifier: MIT */
#include "parts/queue.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_order_limit_close(void **state)
{
    (void)state;
    struct queue queue;
    struct queue_worker worker;
    int tasks[9];
    assert_int_equal(queue_init(&queue, 0), -EINVAL);
    assert_int_equal(queue_init(&queue, 5), 0); /* not a power of two */
    assert_int_equal(queue_worker_init(&worker), 0);
    _Atomic uint64_t counter = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++)
            assert_int_equal(queue_push_below(&queue, &tasks[i], 5, &counter), 0);
        assert_int_equal(queue_push(&queue, &tasks[5]), -EAGAIN);
        assert_int_equal(queue_push_below(&queue, &tasks[5], 5, &counter), -EAGAIN);
        assert_int_equal(atomic_load(&counter), 5 * (round + 1));
        for (int i = 0; i < 5; i++)
            assert_ptr_equal(queue_pop(&queue, &worker), &tasks[i]);
    }
    assert_int_equal(queue_push(&queue, &tasks[7]), 0);
    queue_close(&queue);
    assert_int_equal(queue_push(&queue, &tasks[8]), -ESHUTDOWN);
    assert_int_equal(queue_push_below(&queue, &tasks[8], 5, &counter), -ESHUTDOWN);
    assert_int_equal(atomic_load(&counter), 15);
    assert_ptr_equal(queue_pop(&queue, &worker), &tasks[7]); /* what is inside comes out */
    assert_null(queue_pop(&queue, &worker));
    assert_null(queue_pop(&queue, &worker));
    queue_worker_finish(&worker);
    queue_finish(&queue);
}

struct member {
    struct queue *queue;
    struct queue_worker worker;
    pthread_t thread;
    atomic_int taken; /* read by the test while the worker runs */
};

static void *take_until_closed(void *arg)
{
    struct member *member = arg;
    atomic_int *task;
    while ((task = queue_pop(member->queue, &member->worker))) {
        atomic_fetch_add(task, 1);
        atomic_fetch_add(&member->taken, 1);
    }
    return NULL;
}

static void start(struct member *member, struct queue *queue)
{
    *member = (struct member){.queue = queue};
    assert_int_equal(queue_worker_init(&member->worker), 0);
    assert_int_equal(pthread_create(&member->thread, NULL, take_until_closed, member), 0);
}

static void join(struct member *member)
{
    pthread_join(member->thread, NULL);
    queue_worker_finish(&member->worker);
}

static void until_idle(struct queue *queue, uint32_t count)
{
    while (queue_idle(queue) != count)
        sched_yield();
}

static void test_wakes_the_most_recently_idle(void **state)
{
    (void)state;
    enum { WORKERS = 4, TASKS = 50 };
    struct queue queue;
    struct member members[WORKERS];
    atomic_int task = 0;
    assert_int_equal(queue_init(&queue, 8), 0);
    assert_int_equal(queue_push(&queue, &task), 0); /* nobody sleeps: nobody is woken */
    for (uint32_t i = 0; i < WORKERS; i++) {
        start(&members[i], &queue);
        until_idle(&queue, i + 1);
    }
    assert_int_equal(atomic_load(&members[0].taken), 1);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(queue_push(&queue, &task), 1);
        until_idle(&queue, WORKERS);
    }
    /* One at a time, so it is always the one that slept last. */
    assert_int_equal(atomic_load(&members[WORKERS - 1].taken), TASKS);
    queue_close(&queue);
    for (int i = 0; i < WORKERS; i++)
        join(&members[i]);
    assert_int_equal(atomic_load(&task), TASKS + 1);
    queue_finish(&queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, PER_PRODUCER = 20000 };

struct producer {
    struct queue *queue;
    atomic_int *tasks;
    pthread_t thread;
};

static void *produce(void *arg)
{
    struct producer *producer = arg;
    for (int i = 0; i < PER_PRODUCER; i++)
        while (queue_push(producer->queue, &producer->tasks[i]) == -EAGAIN)
            sched_yield();
    return NULL;
}

static void every_task_once(uint64_t spin_ns)
{
    struct queue queue;
    struct member members[CONSUMERS];
    struct producer producers[PRODUCERS];
    atomic_int *tasks = calloc(PRODUCERS * PER_PRODUCER, sizeof *tasks);
    assert_non_null(tasks);
    assert_int_equal(queue_init(&queue, 64), 0);
    queue.spin_ns = spin_ns;
    for (int i = 0; i < CONSUMERS; i++)
        start(&members[i], &queue);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.queue = &queue, .tasks = tasks + i * PER_PRODUCER};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    queue_close(&queue);
    int taken = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        join(&members[i]);
        taken += members[i].taken;
    }
    assert_int_equal(taken, PRODUCERS * PER_PRODUCER);
    for (int i = 0; i < PRODUCERS * PER_PRODUCER; i++)
        assert_int_equal(tasks[i], 1);
    free(tasks);
    queue_finish(&queue);
}

static void test_every_task_once(void **state)
{
    (void)state;
    every_task_once(0);
    every_task_once(5000);
}

/* One of several idle workers looks out, the others sleep; it takes what comes, and nobody is woken
 * for that. */
static void test_one_looks_out(void **state)
{
    (void)state;
    enum { WORKERS = 3, TASKS = 50 };
    struct queue queue;
    struct member members[WORKERS];
    atomic_int task = 0;
    assert_int_equal(queue_init(&queue, 8), 0);
    queue.spin_ns = UINT64_C(3600000000000); /* it looks out for as long as the test takes */
    for (int i = 0; i < WORKERS; i++)
        start(&members[i], &queue);
    for (int i = 0; i < TASKS; i++) {
        until_idle(&queue, WORKERS - 1);
        while (!queue_watched(&queue))
            sched_yield();
        assert_int_equal(queue_push(&queue, &task), 0);
        while (atomic_load(&task) <= i)
            sched_yield();
    }
    queue_close(&queue);
    for (int i = 0; i < WORKERS; i++)
        join(&members[i]);
    assert_int_equal(atomic_load(&task), TASKS);
    queue_finish(&queue);
}

/* It gives up after spin_ns, and is then woken like any other. */
static void test_looks_out_for_a_while(void **state)
{
    (void)state;
    struct queue queue;
    struct member member;
    atomic_int task = 0;
    assert_int_equal(queue_init(&queue, 8), 0);
    queue.spin_ns = 1000;
    start(&member, &queue);
    for (int i = 0; i < 20; i++) {
        until_idle(&queue, 1);
        assert_int_equal(queue_push(&queue, &task), 1);
        while (atomic_load(&task) <= i)
            sched_yield();
    }
    queue_close(&queue);
    join(&member);
    assert_int_equal(atomic_load(&task), 20);
    queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_limit_close),
        cmocka_unit_test(test_wakes_the_most_recently_idle),
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_one_looks_out),
        cmocka_unit_test(test_looks_out_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
