/* SPDX-License-Identifier: MIT */
/* What the tests of the pool's two faces share: the misbehaving service, and calls of it. */
#ifndef ASSAY_TESTS_POOL_BED_H
#define ASSAY_TESTS_POOL_BED_H

#include "parts/clock.h"
#include "parts/pool.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS ((uint64_t)1000000)
#define PATIENCE_MS 120000 /* for what will come: against hanging, not a claim about time */

static struct service service;

static inline int start(void **state)
{
    (void)state;
    return service_start(&service);
}

static inline int stop(void **state)
{
    (void)state;
    service_stop(&service);
    return 0;
}

static inline struct pool *open_pool(unsigned connections)
{
    struct pool *pool;
    assert_int_equal(pool_create(&pool, &(struct pool_config){service.address, connections, "a/b"}),
                     0);
    return pool;
}

static inline void prepare(struct pool_call *call, const char *body, uint64_t ms)
{
    call->body = (const uint8_t *)body;
    call->body_len = strlen(body);
    call->deadline_ns = clock_now_ns() + ms * MS;
}

static inline bool answered(const struct pool_call *call, int status, const char *body)
{
    return call->status == status && call->answer.len == strlen(body) &&
           (!*body || memcmp(call->answer.data, body, strlen(body)) == 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
