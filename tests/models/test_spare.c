/* SPDX-License-Identifier: MIT */
/* What a thread keeps is used again, is bounded and of one size, and goes with the thread (which
 * address sanitizer sees to). */
#include "parts/spare.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct bytes take(void)
{
    struct bytes bytes = {0};
    spare_take(&bytes);
    assert_non_null(bytes.data);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(bytes.cap, SPARE_SIZE);
    memset(bytes.data, 'x', SPARE_SIZE);
    bytes.len = SPARE_SIZE;
    return bytes;
}

static void give(struct bytes *bytes)
{
    spare_give(bytes);
    assert_null(bytes->data);
    assert_int_equal(bytes->len + bytes->cap, 0);
}

static void test_is_used_again(void **state)
{
    (void)state;
    struct bytes first = take(), second = take();
    uint8_t *kept = first.data, *too = second.data;
    assert_ptr_not_equal(kept, too);
    give(&second);
    give(&first);
    first = take(); /* the last one given is the warmest */
    second = take();
    assert_ptr_equal(first.data, kept);
    assert_ptr_equal(second.data, too);
    give(&second);
    give(&first);
}

/* A buffer of malloc()'s own size class comes back from free() soon, so their places say which were
 * kept: the first SPARE_KEPT given, no more. */
static void test_is_bounded(void **state)
{
    (void)state;
    static struct bytes many[SPARE_KEPT + 8];
    static const uint8_t *given[SPARE_KEPT];
    for (size_t i = 0; i < SPARE_KEPT + 8; i++)
        many[i] = take();
    for (size_t i = 0; i < SPARE_KEPT + 8; i++) {
        if (i < SPARE_KEPT)
            given[i] = many[i].data;
        give(&many[i]);
    }
    for (size_t i = SPARE_KEPT; i-- > 0;) {
        many[i] = take();
        assert_ptr_equal(many[i].data, given[i]);
    }
    for (size_t i = 0; i < SPARE_KEPT; i++)
        give(&many[i]);
}

static void test_other_sizes_are_not_kept(void **state)
{
    (void)state;
    struct bytes bytes = take();
    bytes_reserve(&bytes, 1); /* it grows */
    assert_true(bytes.cap > SPARE_SIZE);
    give(&bytes);
    bytes_append(&bytes, "small", 5);
    give(&bytes);
    give(&bytes); /* nothing at all */
    bytes = take();
    give(&bytes);
}

static void *pass_on(void *arg)
{
    struct bytes *bytes = arg, own = take();
    uint8_t *theirs = bytes->data;
    give(bytes); /* that was taken on another thread */
    *bytes = take();
    assert_ptr_equal(bytes->data, theirs);
    give(&own);
    return NULL;
}

static void test_threads_pass_it_on(void **state)
{
    (void)state;
    struct bytes bytes = take();
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, pass_on, &bytes), 0);
        pthread_join(thread, NULL);
    }
    give(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_used_again),
        cmocka_unit_test(test_is_bounded),
        cmocka_unit_test(test_other_sizes_are_not_kept),
        cmocka_unit_test(test_threads_pass_it_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
