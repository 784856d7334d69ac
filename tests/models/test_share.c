/* SPDX-License-Identifier: MIT */
/* The connection pool for loops, each with a share of it, against the same service. */
#include "pool_bed.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A loop with a share, as small as it can be. */
enum { CALLS = 16 };
struct loop {
    struct event_source woken;
    struct pool_share *share;
    struct pool_call calls[CALLS];
    const char *body;
    uint64_t timeout_ms;
    int rounds, started, finished, good, timed_out;
    int epoll_fd, event_fd;
    pthread_t thread;
};

static void loop_ignore(struct event_source *source, uint32_t events)
{
    (void)source, (void)events;
}

static void loop_wake(void *arg)
{
    struct loop *loop = arg;
    uint64_t one = 1;
    assert_int_equal(write(loop->event_fd, &one, sizeof one), sizeof one);
}

static _Thread_local struct loop *here;
static _Thread_local bool starting;

static void loop_start_call(struct pool_call *call)
{
    prepare(call, here->body, here->timeout_ms);
    here->started++;
    starting = true;
    pool_share_start(here->share, call);
    starting = false;
}

static void loop_done(struct pool_call *call)
{
    here->good += !starting && answered(call, 200, here->body);
    here->timed_out += call->status == -ETIMEDOUT && call->answer.len == 0;
    here->finished++;
    if (here->started < here->rounds)
        loop_start_call(call);
}

static void loop_open(struct loop *loop, struct pool *pool, unsigned index, unsigned shares)
{
    *loop = (struct loop){.body = "echo", .timeout_ms = PATIENCE_MS, .rounds = 500};
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->woken.ready = loop_ignore;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &loop->woken};
    assert_int_equal(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event), 0);
    assert_int_equal(pool_share_create(&loop->share,
                                       &(struct pool_share_config){
                                           pool, index, shares, loop->epoll_fd, loop_wake, loop}),
                     0);
}

static void *loop_run(void *arg)
{
    struct loop *loop = here = arg;
    struct epoll_event events[32];
    for (int i = 0; i < CALLS && loop->started < loop->rounds; i++) {
        loop->calls[i].done = loop_done;
        loop_start_call(&loop->calls[i]);
    }
    while (loop->finished < loop->rounds) {
        int count = clock_epoll_wait(loop->epoll_fd, events, 32, pool_share_due_ns(loop->share));
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
        pool_share_run(loop->share, clock_now_ns());
    }
    return NULL;
}

static void loop_close(struct loop *loop)
{
    pool_share_destroy(loop->share);
    for (int i = 0; i < CALLS; i++)
        bytes_finish(&loop->calls[i].answer);
    close(loop->epoll_fd);
    close(loop->event_fd);
}

static void one_loop(void **state)
{
    (void)state;
    struct pool *pool = open_pool(4);
    struct loop loop;
    loop_open(&loop, pool, 0, 1);
    loop_run(&loop);
    assert_int_equal(loop.good, loop.rounds);
    assert_int_equal(atomic_load(&service.accepted), 4);

    static const struct {
        const char *body;
        int good, timed_out;
    } cases[] = {{"leave", 20, 0}, {"bye", 20, 0},  {"chunks", 20, 0}, {"stall", 0, 20},
                 {"die", 0, 0},    {"noise", 0, 0}, {"echo", 20, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loop.started = loop.finished = loop.good = loop.timed_out = 0;
        loop.rounds = 20;
        loop.body = cases[i].body;
        loop.timeout_ms = cases[i].timed_out ? 30 : PATIENCE_MS;
        loop_run(&loop);
        if (loop.good != cases[i].good || loop.timed_out != cases[i].timed_out)
            print_message("%s: %d good, %d timed out\n", loop.body, loop.good, loop.timed_out);
        assert_int_equal(loop.good, cases[i].good);
        assert_int_equal(loop.timed_out, cases[i].timed_out);
    }
    assert_true(atomic_load(&service.open_max) <= 4);
    loop_close(&loop);
    pool_destroy(pool);
}

static void loop_refused(void **state)
{
    (void)state;
    struct pool *pool = open_pool(2);
    service_stop(&service);
    struct loop loop;
    loop_open(&loop, pool, 0, 1);
    loop.rounds = 50;
    loop_run(&loop);
    assert_int_equal(loop.finished, 50);
    assert_int_equal(loop.good + loop.timed_out, 0);
    loop_close(&loop);
    pool_destroy(pool);
    assert_int_equal(service_start(&service), 0);
}

/* One loop may use every connection, when the others do not need them. */
static void all_for_one(void **state)
{
    (void)state;
    struct pool *pool = open_pool(4);
    struct loop idle, busy;
    loop_open(&idle, pool, 0, 2);
    loop_open(&busy, pool, 1, 2);
    busy.body = "hold";
    busy.rounds = 8;
    pthread_create(&busy.thread, NULL, loop_run, &busy);
    for (int ms = 0; ms < PATIENCE_MS && atomic_load(&service.held) < 4; ms++)
        clock_sleep_ns(MS);
    assert_int_equal(atomic_load(&service.held), 4);
    service_release(&service);
    pthread_join(busy.thread, NULL);
    assert_int_equal(busy.good, 8);
    assert_int_equal(atomic_load(&service.open_max), 4);
    loop_close(&idle);
    loop_close(&busy);
    pool_destroy(pool);
}

/* Keeps its loop going until everybody is finished: an idle loop gives its connections away. */
static _Atomic int unfinished;

static void *loop_run_with_others(void *arg)
{
    struct loop *loop = arg;
    struct epoll_event events[32];
    loop_run(loop);
    atomic_fetch_sub(&unfinished, 1);
    while (atomic_load(&unfinished) > 0) {
        uint64_t tick = clock_now_ns() + 5 * MS;
        int count = clock_epoll_wait(loop->epoll_fd, events, 32, tick);
        for (int i = 0; i < count; i++) {
            struct event_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
        pool_share_run(loop->share, clock_now_ns());
    }
    return NULL;
}

static void loops(unsigned shares, unsigned connections)
{
    struct pool *pool = open_pool(connections);
    struct loop all[4];
    for (unsigned i = 0; i < shares; i++)
        loop_open(&all[i], pool, i, shares);
    atomic_store(&unfinished, (int)shares);
    for (unsigned i = 0; i < shares; i++)
        pthread_create(&all[i].thread, NULL, loop_run_with_others, &all[i]);
    for (unsigned i = 0; i < shares; i++)
        pthread_join(all[i].thread, NULL);
    for (unsigned i = 0; i < shares; i++) {
        assert_int_equal(all[i].good, all[i].rounds);
        loop_close(&all[i]);
    }
    assert_true(atomic_load(&service.open_max) <= (int)connections);
    pool_destroy(pool);
}

static void enough_for_all(void **state)
{
    (void)state;
    loops(3, 8);
}

static void fewer_than_loops(void **state)
{
    (void)state;
    loops(4, 1);
}

static void one_over(void **state)
{
    (void)state;
    loops(2, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_loop),       TEST(loop_refused), TEST(all_for_one),
        TEST(enough_for_all), TEST(one_over),     TEST(fewer_than_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
