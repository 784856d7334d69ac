/* SPDX-License-Identifier: MIT */
/* Turns in place: a child that ends at the very moment at which its asker gives it up. */
#include "parts/in_place.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { ASKER, CHILD, CELLS };
enum { MINE, THEIRS, COUNTERS }; /* counters */
#define MS UINT64_C(1000000)

struct world {
    struct in_place in_place;
    struct counters *counters;
    atomic_bool abandoned;
    struct request *child;
    pthread_t other; /* who goes on with the child */
    bool has_other;
};

/* Cell ASKER asks CHILD, with a deadline of 1 ms; that one waits for 2. */
static enum turn_end step(void *cell, struct turn *turn, const void *setup)
{
    const uint32_t *id = cell;
    (void)setup;
    if (*id == CHILD && turn->event == TURN_REQUEST) {
        turn->wait_ns = 2 * MS;
        return TURN_WAIT;
    }
    if (*id == ASKER && turn->event == TURN_REQUEST) {
        turn_target(turn, CHILD);
        turn->deadline_ns = MS;
        return TURN_CALL;
    }
    if (*id == ASKER)
        turn->status = turn->answers[0].status == 200 ? 200 : 504;
    return TURN_REPLY;
}

static int cell_open(void *cell, uint32_t id, const void *setup)
{
    (void)setup;
    *(uint32_t *)cell = id;
    return 0;
}

static const struct workload workload = {
    .name = "late", .cell_size = sizeof(uint32_t), .cell_open = cell_open, .step = step};

/* It was half-way through its end (calls.c: its fate was taken, the asker not yet told) for far
 * longer than the deadline. */
static void *end_late(void *arg)
{
    struct world *world = arg;
    nanosleep(&(struct timespec){.tv_nsec = 100 * MS}, NULL);
    atomic_store(&world->child->errand.fate, 0);
    in_place_go_on(&world->in_place, &world->counters[THEIRS], world->child);
    return NULL;
}

static bool later(void *arg, struct request *child)
{
    struct world *world = arg;
    world->child = child;
    atomic_store(&child->errand.fate, -1); /* nobody else may take it now */
    world->has_other = pthread_create(&world->other, NULL, end_late, world) == 0;
    return true;
}

static void ends_at_the_deadline(void **state)
{
    (void)state;
    struct world world = {.counters = counters_create(COUNTERS)};
    const struct model_config config = {.workload = &workload, .cells = CELLS, .queue_limit = 1};
    struct request *request = request_create(&workload);
    assert_non_null(world.counters);
    assert_non_null(request);
    assert_int_equal(
        in_place_open(&world.in_place, &(struct in_place_config){.model = &config,
                                                                 .counters = world.counters,
                                                                 .own = COUNTERS,
                                                                 .count = COUNTERS,
                                                                 .abandoned = &world.abandoned,
                                                                 .later = later,
                                                                 .arg = &world}),
        0);
    request->cell = ASKER;
    bool ran = in_place_run(&world.in_place, &world.counters[MINE], request);
    int status = request->status;
    assert_true(world.has_other);
    pthread_join(world.other, NULL);
    assert_true(ran);
    /* Whoever was first: it is a reply, and it is the only one. */
    assert_true(status == 200 || status == 504);
    assert_int_equal(atomic_load(&world.counters[MINE].answered), 1);
    assert_int_equal(atomic_load(&world.counters[MINE].rejected), 0);
    assert_int_equal(atomic_load(&world.counters[MINE].turns), 3);
    assert_int_equal(atomic_load(&world.counters[THEIRS].turns), 1);
    request_destroy(request, &workload);
    in_place_close(&world.in_place);
    free(world.counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends_at_the_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
