/* SPDX-License-Identifier: MIT */
#include "parts/runq.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct task {
    struct runnable runnable; /* first */
    atomic_int runs;
};

static struct runq *runq_create(void)
{
    struct runq *queue = aligned_alloc(_Alignof(struct runq), sizeof *queue);
    assert_non_null(queue);
    memset(queue, 0, sizeof *queue);
    return queue;
}

static void test_order_and_bound(void **state)
{
    (void)state;
    struct runq *queue = runq_create();
    static struct task tasks[RUNQ_SIZE + 1];
    for (int round = 0; round < 3; round++) {
        assert_null(runq_pop(queue));
        for (int i = 0; i < RUNQ_SIZE; i++)
            assert_true(runq_push(queue, &tasks[i].runnable));
        assert_false(runq_push(queue, &tasks[RUNQ_SIZE].runnable));
        for (int i = 0; i < RUNQ_SIZE; i++)
            assert_ptr_equal(runq_pop(queue), &tasks[i].runnable);
    }
    free(queue);
}

static void test_fill(void **state)
{
    (void)state;
    struct runq *queue = runq_create();
    static struct task tasks[RUNQ_SIZE + 2];
    struct runlist list = {0};
    for (int i = 0; i < RUNQ_SIZE + 2; i++)
        runlist_add(&list, &tasks[i].runnable);
    runq_fill(queue, &list);
    assert_int_equal(runq_len(queue), RUNQ_SIZE);
    assert_ptr_equal(list.first, &tasks[RUNQ_SIZE].runnable);
    assert_ptr_equal(runq_pop(queue), &tasks[0].runnable);
    runq_fill(queue, &list);
    for (int i = 1; i <= RUNQ_SIZE; i++)
        assert_ptr_equal(runq_pop(queue), &tasks[i].runnable);
    runq_fill(queue, &list);
    assert_null(list.first);
    assert_ptr_equal(runq_pop(queue), &tasks[RUNQ_SIZE + 1].runnable);
    assert_null(runq_pop(queue));
    free(queue);
}

/* ---- A thief who is there at once ---- */

static struct task pushed, follower, stranger;
static char *slots_page;
static size_t page_size;

/* The first task is being put into the queue: from here on a thief may have run it, and its next
 * sender have put it before a stranger in another list. */
static void at_first_store(int signal)
{
    (void)signal;
    pushed.runnable.next = &stranger.runnable;
    mprotect(slots_page, page_size, PROT_READ | PROT_WRITE);
}

static void test_fill_beside_a_thief(void **state)
{
    (void)state;
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    slots_page = pages + page_size; /* begins with the queue's tail and slots */
    struct runq *queue = (void *)(slots_page - offsetof(struct runq, tail));
    struct runlist list = {0};
    runlist_add(&list, &pushed.runnable);
    runlist_add(&list, &follower.runnable);
    struct sigaction before, action = {.sa_handler = at_first_store};
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_int_equal(mprotect(slots_page, page_size, PROT_READ), 0);
    runq_fill(queue, &list);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_ptr_equal(pushed.runnable.next, &stranger.runnable); /* the thief was there */
    assert_null(list.first);
    assert_ptr_equal(runq_pop(queue), &pushed.runnable);
    assert_ptr_equal(runq_pop(queue), &follower.runnable);
    assert_null(runq_pop(queue));
    munmap(pages, 2 * page_size);
}

static void test_steal_half(void **state)
{
    (void)state;
    struct runq *victim = runq_create(), *thief = runq_create();
    static struct task tasks[5];
    assert_null(runq_steal(thief, victim));
    for (int i = 0; i < 5; i++)
        assert_true(runq_push(victim, &tasks[i].runnable));
    assert_ptr_equal(runq_steal(thief, victim), &tasks[2].runnable); /* three, one to run now */
    assert_int_equal(runq_len(victim), 2);
    assert_ptr_equal(runq_pop(thief), &tasks[0].runnable);
    assert_ptr_equal(runq_pop(thief), &tasks[1].runnable);
    assert_null(runq_pop(thief));
    assert_ptr_equal(runq_pop(victim), &tasks[3].runnable);
    assert_ptr_equal(runq_steal(thief, victim), &tasks[4].runnable); /* the last one, too */
    assert_null(runq_pop(victim));
    free(victim);
    free(thief);
}

enum { WORKERS = 3, TASKS = 60000 };

struct shared {
    struct runq *queues[WORKERS];
    struct inject inject;
    struct task *tasks;
    atomic_int left; /* every worker ends when all have run */
};

struct worker {
    struct shared *shared;
    int index;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct shared *shared = worker->shared;
    struct runq *own = shared->queues[worker->index];
    int made = 0;
    while (atomic_load(&shared->left) > 0) {
        /* Worker 0 makes all the work, in bursts; the others live by theft. */
        for (int burst = 0; worker->index == 0 && burst < 100 && made < TASKS; burst++, made++)
            if (!runq_push(own, &shared->tasks[made].runnable))
                inject_push(&shared->inject, &shared->tasks[made].runnable);
        struct runnable *item = runq_pop(own);
        for (int i = 1; !item && i < WORKERS; i++)
            item = runq_steal(own, shared->queues[(worker->index + i) % WORKERS]);
        if (!item)
            item = inject_pop(&shared->inject);
        if (!item) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&((struct task *)item)->runs, 1);
        atomic_fetch_sub(&shared->left, 1);
    }
    return NULL;
}

static void test_every_task_once(void **state)
{
    (void)state;
    struct shared shared = {.left = TASKS};
    struct worker workers[WORKERS];
    shared.tasks = calloc(TASKS, sizeof *shared.tasks);
    assert_non_null(shared.tasks);
    inject_init(&shared.inject);
    for (int i = 0; i < WORKERS; i++)
        shared.queues[i] = runq_create();
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.shared = &shared, .index = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(shared.tasks[i].runs, 1);
    assert_null(inject_pop(&shared.inject));
    for (int i = 0; i < WORKERS; i++)
        free(shared.queues[i]);
    inject_finish(&shared.inject);
    free(shared.tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bound),     cmocka_unit_test(test_fill),
        cmocka_unit_test(test_fill_beside_a_thief), cmocka_unit_test(test_steal_half),
        cmocka_unit_test(test_every_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
