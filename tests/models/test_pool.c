/* SPDX-License-Identifier: MIT */
/* The connection pool for callers that block, against the misbehaving service of the contract
 * tests. */
#include "pool_bed.h"

#include "parts/slot.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void expect(struct pool *pool, const char *body, int status, const char *answer)
{
    struct pool_call call = {0};
    prepare(&call, body, PATIENCE_MS);
    pool_call(pool, &call);
    if (!answered(&call, status, answer))
        print_message("%s: status %d, %zu bytes\n", body, call.status, call.answer.len);
    assert_true(answered(&call, status, answer));
    bytes_finish(&call.answer);
}

static void configs(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_create(&pool, &(struct pool_config){"127.0.0.1:1", 0, NULL}), -EINVAL);
    assert_int_equal(pool_create(&pool, &(struct pool_config){"127.0.0.1", 1, NULL}), -EINVAL);
    pool_destroy(NULL);
    assert_int_equal(pool_in_use(NULL), 0);
}

static void blocking(void **state)
{
    (void)state;
    struct pool *pool = open_pool(1);
    for (int i = 0; i < 10; i++)
        expect(pool, "echo", 200, "echo");
    assert_int_equal(atomic_load(&service.accepted), 1); /* kept alive */
    expect(pool, "chunks of it", 200, "chunks of it");
    expect(pool, "error", 500, "error");
    expect(pool, "bye", 200, "bye");
    expect(pool, "leave", 200, "leave"); /* closes behind the answer, and did not say so */
    int accepted = atomic_load(&service.accepted);
    for (int ms = 0; ms < PATIENCE_MS && atomic_load(&service.open) > 0; ms++)
        clock_sleep_ns(MS);
    expect(pool, "echo", 200, "echo"); /* the stale connection is replaced */
    assert_int_equal(atomic_load(&service.accepted), accepted + 1);
    expect(pool, "die", -EPIPE, "");
    expect(pool, "noise", -EBADMSG, "");
    expect(pool, "echo", 200, "echo");
    assert_int_equal(atomic_load(&service.open_max), 1);

    /* On a connection that was used before; shorter, and longer, than one wait is at most. */
    static const uint64_t deadlines_ms[] = {30, 130};
    for (size_t i = 0; i < 2; i++) {
        struct pool_call call = {0};
        uint64_t begin = clock_now_ns();
        prepare(&call, "stall", deadlines_ms[i]);
        assert_int_equal(pool_call(pool, &call), -ETIMEDOUT);
        assert_true(clock_now_ns() - begin >= deadlines_ms[i] * MS);
        expect(pool, "echo", 200, "echo");
    }
    pool_destroy(pool);
}

static void refused(void **state)
{
    (void)state;
    struct pool *pool = open_pool(2);
    service_stop(&service);
    expect(pool, "x", -ECONNREFUSED, "");
    expect(pool, "x", -ECONNREFUSED, "");
    pool_destroy(pool);
    assert_int_equal(service_start(&service), 0); /* for the tear-down */
}

struct caller {
    struct pool *pool;
    pthread_t thread;
    int good;
    unsigned woken;
};

static void *call_often(void *arg)
{
    struct caller *caller = arg;
    struct pool_call call = {0};
    for (int i = 0; i < 100; i++) {
        char body[32];
        snprintf(body, sizeof body, "%p %d", arg, i);
        prepare(&call, body, PATIENCE_MS);
        pool_call(caller->pool, &call);
        caller->good += answered(&call, 200, body);
    }
    bytes_finish(&call.answer);
    return NULL;
}

static void blocking_threads(void **state)
{
    (void)state;
    struct caller callers[6];
    struct pool *pool = open_pool(2);
    for (int i = 0; i < 6; i++) {
        callers[i] = (struct caller){.pool = pool};
        pthread_create(&callers[i].thread, NULL, call_often, &callers[i]);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].good, 100);
    }
    assert_true(atomic_load(&service.open_max) <= 2);
    pool_destroy(pool);
}

static bool somebody_sleeps(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool sleeps = pool->sleepers > 0;
    pthread_mutex_unlock(&pool->lock);
    return sleeps;
}

/* The one connection is held until somebody waits for it. */
static void *release_when_one_waits(void *arg)
{
    struct caller *caller = arg;
    for (int ms = 0;
         ms < PATIENCE_MS && !(atomic_load(&service.held) && somebody_sleeps(caller->pool)); ms++)
        clock_sleep_ns(MS);
    service_release(&service);
    return NULL;
}

static void *call_and_count(void *arg)
{
    struct caller *caller = arg;
    struct pool_call call = {0};
    prepare(&call, "hold", PATIENCE_MS);
    caller->woken = pool_call_all(caller->pool, &call);
    caller->good = answered(&call, 200, "hold");
    bytes_finish(&call.answer);
    return NULL;
}

/* Who gives a connection back says whether that has woken somebody. */
static void wake_ups_are_told(void **state)
{
    (void)state;
    struct pool *pool = open_pool(1);
    struct caller callers[2] = {{.pool = pool}, {.pool = pool}};
    pthread_t releaser;
    for (int i = 0; i < 2; i++)
        pthread_create(&callers[i].thread, NULL, call_and_count, &callers[i]);
    pthread_create(&releaser, NULL, release_when_one_waits, &callers[0]);
    for (int i = 0; i < 2; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_true(callers[i].good);
    }
    pthread_join(releaser, NULL);
    assert_int_equal(callers[0].woken + callers[1].woken, 1); /* the first the second */
    pool_destroy(pool);
}

/* What is asked for, and what has to come. */
struct kind {
    const char *body, *answer;
};

static void expect_all(struct pool *pool, const struct kind *kinds, size_t count)
{
    struct pool_call calls[70] = {0};
    assert_in_range(count, 1, 70);
    for (size_t i = 0; i < count; i++) {
        bool late = strcmp(kinds[i].answer, "late") == 0;
        prepare(&calls[i], kinds[i].body, late ? 30 : PATIENCE_MS);
        calls[i].next = i + 1 < count ? &calls[i + 1] : NULL;
    }
    pool_call_all(pool, calls);
    for (size_t i = 0; i < count; i++) {
        bool good = strcmp(kinds[i].answer, "late") == 0 ? calls[i].status == -ETIMEDOUT
                    : strcmp(kinds[i].answer, "fail") == 0
                        ? calls[i].status < 0
                        : answered(&calls[i], 200, kinds[i].answer);
        if (!good)
            fail_msg("%zu: %s: status %d, %zu bytes", i, kinds[i].body, calls[i].status,
                     calls[i].answer.len);
        bytes_finish(&calls[i].answer);
    }
}

static void several(void **state)
{
    (void)state;
    static const struct kind good[] = {{"a", "a"}, {"bye", "bye"},       {"c", "c"},
                                       {"", ""},   {"chunks", "chunks"}, {"f", "f"}};
    static const struct kind bad[] = {{"die", "fail"},   {"a", "a"},        {"noise", "fail"},
                                      {"b", "b"},        {"drop", "fail"},  {"bye", "bye"},
                                      {"stall", "late"}, {"stall", "late"}, {"drop", "fail"}};
    pool_call_all(NULL, NULL); /* nothing to do */
    for (unsigned connections = 1; connections <= 7; connections += 3) {
        struct pool *pool = open_pool(connections);
        for (int round = 0; round < 5; round++) {
            expect_all(pool, good, 6);
            expect_all(pool, bad, 9);
            expect_all(pool, good, 1);
        }
        assert_true(atomic_load(&service.open_max) <= (int)connections);
        pool_destroy(pool);
        service_stop(&service); /* and with it what it counted */
        assert_int_equal(service_start(&service), 0);
    }
}

struct holding {
    struct pool *pool;
    int connections;
    unsigned in_use; /* when all were held */
};

static void *release_when_all_are_held(void *arg)
{
    struct holding *holding = arg;
    for (int ms = 0; ms < PATIENCE_MS && atomic_load(&service.held) < holding->connections; ms++)
        clock_sleep_ns(MS);
    holding->in_use = pool_in_use(holding->pool);
    service_release(&service);
    return NULL;
}

/* All are written before any is waited for; what has no connection goes out on the first free. */
static void several_are_under_way_at_once(void **state)
{
    (void)state;
    struct kind kinds[70];
    enum { CONNECTIONS = 4 };
    for (size_t i = 0; i < 70; i++)
        kinds[i].body = kinds[i].answer = i % 3 ? "hold" : "hold it";
    struct holding holding = {.pool = open_pool(CONNECTIONS), .connections = CONNECTIONS};
    assert_int_equal(pool_in_use(holding.pool), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, release_when_all_are_held, &holding), 0);
    expect_all(holding.pool, kinds, 70);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&service.held_max), CONNECTIONS);
    assert_int_equal(atomic_load(&service.open_max), CONNECTIONS);
    assert_int_equal(holding.in_use, CONNECTIONS);
    assert_int_equal(pool_in_use(holding.pool), 0);
    pool_destroy(holding.pool);
}

/* With one more of our own. The service takes connections in the order they were made, and reads
 * from all it has before it takes another: when this one is answered it has read what was sent
 * before. */
static int count_requests(void)
{
    struct pool *pool = open_pool(1);
    expect(pool, "echo", 200, "echo");
    pool_destroy(pool);
    return atomic_load(&service.requests);
}

/* Beside those that never come, out of time before there is a connection: those are not sent. */
static void several_run_out_of_time(void **state)
{
    (void)state;
    struct kind kinds[70];
    for (size_t i = 0; i < 70; i++)
        kinds[i] = (struct kind){"stall", "late"};
    struct pool *pool = open_pool(3);
    expect_all(pool, kinds, 70);
    int requests = count_requests();
    assert_in_range(requests, 1, 3 + 1);
    pool_give_up_at(pool, 0);
    expect_all(pool, kinds, 70);
    assert_int_equal(count_requests(), requests + 1);
    pool_destroy(pool);
}

static void *call_several(void *arg)
{
    struct caller *caller = arg;
    enum { SEVERAL = 5 };
    struct pool_call calls[SEVERAL] = {0};
    char bodies[SEVERAL][40];
    for (int i = 0; i < 30; i++) {
        for (int n = 0; n < SEVERAL; n++) {
            snprintf(bodies[n], sizeof bodies[n], "%p %d %d", arg, i, n);
            prepare(&calls[n], bodies[n], PATIENCE_MS);
            calls[n].next = n + 1 < SEVERAL ? &calls[n + 1] : NULL;
        }
        pool_call_all(caller->pool, calls);
        for (int n = 0; n < SEVERAL; n++)
            caller->good += answered(&calls[n], 200, bodies[n]);
    }
    for (int n = 0; n < SEVERAL; n++)
        bytes_finish(&calls[n].answer);
    return NULL;
}

/* Nobody waits for a connection while it keeps others from theirs. */
static void several_in_threads(void **state)
{
    (void)state;
    struct caller callers[6];
    struct pool *pool = open_pool(4);
    for (int i = 0; i < 6; i++) {
        callers[i] = (struct caller){.pool = pool};
        pthread_create(&callers[i].thread, NULL, call_several, &callers[i]);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].good, 150);
    }
    assert_true(atomic_load(&service.open_max) <= 4);
    pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(configs),
        TEST(blocking),
        TEST(refused),
        TEST(blocking_threads),
        TEST(wake_ups_are_told),
        TEST(several),
        TEST(several_are_under_way_at_once),
        TEST(several_run_out_of_time),
        TEST(several_in_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
