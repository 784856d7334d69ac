/* SPDX-License-Identifier: MIT */
/* The heap against a model that cannot be wrong: a plain array searched from end to end. */
#include "parts/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_empty(void **state)
{
    (void)state;
    struct timers timers = {0};
    size_t place = 0;
    assert_true(timers_next_ns(&timers) == TIMERS_NEVER);
    assert_null(timers_pop(&timers, TIMERS_NEVER));
    timers_cancel(&timers, &place);
    timers_finish(&timers);
}

static void test_not_before_it_is_due(void **state)
{
    (void)state;
    struct timers timers = {0};
    int item;
    timers_add(&timers, 100, &item, NULL);
    assert_int_equal(timers_next_ns(&timers), 100);
    assert_null(timers_pop(&timers, 99));
    assert_ptr_equal(timers_pop(&timers, 100), &item);
    assert_null(timers_pop(&timers, TIMERS_NEVER));
    timers_finish(&timers);
}

static void test_cancel_then_add_again(void **state)
{
    (void)state;
    struct timers timers = {0};
    size_t a = 0, b = 0;
    timers_add(&timers, 5, &a, &a);
    timers_add(&timers, 7, &b, &b);
    assert_true(a && b);
    timers_cancel(&timers, &a);
    assert_int_equal(a, 0);
    assert_int_equal(timers_next_ns(&timers), 7);
    timers_cancel(&timers, &a); /* twice is harmless */
    timers_add(&timers, 9, &a, &a);
    assert_ptr_equal(timers_pop(&timers, 10), &b);
    assert_int_equal(b, 0);
    assert_ptr_equal(timers_pop(&timers, 10), &a);
    timers_finish(&timers);
}

struct item {
    uint64_t due_ns; /* TIMERS_NEVER: not in the heap */
    size_t place;
};

static uint64_t model_next(const struct item *items, size_t count)
{
    uint64_t next = TIMERS_NEVER;
    for (size_t i = 0; i < count; i++)
        if (items[i].due_ns < next)
            next = items[i].due_ns;
    return next;
}

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void run_against_model(uint64_t seed)
{
    enum { COUNT = 300 };
    struct item items[COUNT];
    struct timers timers = {0};
    size_t armed = 0;
    for (size_t i = 0; i < COUNT; i++)
        items[i] = (struct item){TIMERS_NEVER, 0};
    for (int round = 0; round < 20000; round++) {
        uint64_t r = random_next(&seed);
        struct item *item = &items[(r >> 8) % COUNT];
        /* Runs of the same operation, so that the heap grows and empties. */
        bool grow = (round / 700) % 2 == 0 ? r % 4 != 0 : r % 4 == 0;
        if (item->due_ns != TIMERS_NEVER && r % 3 == 0) {
            timers_cancel(&timers, &item->place);
            item->due_ns = TIMERS_NEVER;
            armed--;
        } else if (grow && item->due_ns == TIMERS_NEVER) {
            item->due_ns = (r >> 20) % 1000; /* many equal times */
            timers_add(&timers, item->due_ns, item, &item->place);
            armed++;
        } else if (!grow) {
            uint64_t now = (r >> 20) % 1200, next = model_next(items, COUNT);
            struct item *popped = timers_pop(&timers, now);
            assert_int_equal(popped != NULL, next != TIMERS_NEVER && next <= now);
            if (popped) {
                assert_int_equal(popped->due_ns, next);
                popped->due_ns = TIMERS_NEVER;
                armed--;
            }
        }
        assert_int_equal(timers.len, armed);
        assert_true(timers_next_ns(&timers) == model_next(items, COUNT));
        assert_int_equal(item->place != 0, item->due_ns != TIMERS_NEVER);
    }
    for (uint64_t last = 0; armed; armed--) {
        struct item *popped = timers_pop(&timers, TIMERS_NEVER);
        assert_non_null(popped);
        assert_true(popped->due_ns >= last);
        last = popped->due_ns;
    }
    assert_null(timers_pop(&timers, TIMERS_NEVER));
    timers_finish(&timers);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run_against_model(seed * 0x9e3779b97f4a7c15u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_not_before_it_is_due),
        cmocka_unit_test(test_cancel_then_add_again),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
