/* SPDX-License-Identifier: MIT */
#include "parts/cpus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int first_cpu(void)
{
    cpu_set_t set;
    assert_int_equal(cpus_parse(NULL, &set), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set))
            return (int)cpu;
    }
    fail();
    return -1;
}

static void lists(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "a",     "0,",   ",0",
                                        "0-",   "-1",    "1-0",  "0 ",
                                        "0,,0", "0-0-0", "1023", "99999999999999999999"};
    cpu_set_t set;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(cpus_parse(wrong[i], &set), -EINVAL);

    char text[64];
    int cpu = first_cpu();
    snprintf(text, sizeof text, "%d,%d-%d", cpu, cpu, cpu);
    assert_int_equal(cpus_parse(text, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET((size_t)cpu, &set));
}

static void *affinity(void *arg)
{
    return (void *)(intptr_t)sched_getaffinity(0, sizeof(cpu_set_t), arg);
}

static void threads_are_bound(void **state)
{
    (void)state;
    char list[16];
    int cpu = first_cpu();
    snprintf(list, sizeof list, "%d", cpu);
    pthread_t thread;
    cpu_set_t seen;
    void *result;
    assert_int_equal(cpus_thread_create(&thread, list, "bound", affinity, &seen), 0);
    pthread_join(thread, &result);
    assert_null(result);
    assert_int_equal(CPU_COUNT(&seen), 1);
    assert_true(CPU_ISSET((size_t)cpu, &seen));

    cpu_set_t all;
    assert_int_equal(cpus_parse(NULL, &all), 0);
    assert_int_equal(cpus_thread_create(&thread, NULL, "free", affinity, &seen), 0);
    pthread_join(thread, &result);
    assert_true(CPU_EQUAL(&seen, &all));

    assert_int_equal(cpus_thread_create(&thread, "1023", "nowhere", affinity, &seen), -EINVAL);
    assert_int_equal(cpus_pin_self("x"), -EINVAL);
    assert_int_equal(cpus_pin_self(list), 0);
    assert_int_equal(cpus_parse(NULL, &seen), 0);
    assert_int_equal(CPU_COUNT(&seen), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(threads_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
