/* SPDX-License-Identifier: MIT */
/* What a thread per connection promises besides the contract. Compiled with a bound of
 * CONN_THREADS_MAX connections that a test can reach. */
#include "bed.h"

#include "parts/conn_threads.h"

#include <stdio.h>
#include <string.h>

enum { MORE = 3 };

static void fill(struct bed *bed)
{
    bed_start(bed);
    for (int c = 0; c < CONN_THREADS_MAX; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "#inside"));
        assert_true(client_expect(&bed->clients[c], 200, "#inside"));
    }
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++) {
        bed_open(bed, c); /* the kernel says so, from the backlog */
        assert_true(client_post(&bed->clients[c], "#patient"));
    }
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++)
        assert_true(client_silent(&bed->clients[c], 10));
    assert_int_equal(bed_stats(bed).connections_open, CONN_THREADS_MAX);
    assert_int_equal(bed_stats(bed).threads, bed->threads + 1 + CONN_THREADS_MAX);
}

static void bounded(struct bed *bed)
{
    fill(bed);
    for (int c = 0; c < MORE; c++) { /* one leaves, one comes */
        client_close(&bed->clients[c]);
        assert_true(client_expect(&bed->clients[CONN_THREADS_MAX + c], 200, "#patient"));
        assert_true(bed_stats(bed).connections_open <= CONN_THREADS_MAX);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.connections, CONN_THREADS_MAX + MORE);
}

/* Those in the backlog are served even if all the room is taken by idle ones. */
static void stops_when_full(struct bed *bed)
{
    fill(bed);
    bed_begin_stop(bed);
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++) {
        assert_true(client_expect(&bed->clients[c], 200, "#patient"));
        assert_true(client_expect_end(&bed->clients[c], false));
    }
    bed_end_stop(bed);
}

/* Nobody from the backlog is answered while others still can come: clients that ask on would keep
 * it going for ever. */
static void stops_before_it_answers(struct bed *bed)
{
    struct client visitor;
    bed_start(bed);
    for (int c = 0; c < CONN_THREADS_MAX; c++) {
        bed_open(bed, c);
        if (c > 0) /* one is idle, and makes room at once */
            assert_true(client_post(&bed->clients[c], "g#busy"));
    }
    assert_true(bed_wait_int(&bed->probe.gated, CONN_THREADS_MAX - 1));
    assert_true(bed_wait_accepted(bed, CONN_THREADS_MAX));
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "#patient"));
    }
    bed_begin_stop(bed);
    assert_true(client_expect_end(&bed->clients[0], false));
    assert_true(client_silent(&bed->clients[CONN_THREADS_MAX], 50));
    bed_open_gate(bed);
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++) {
        assert_true(client_expect(&bed->clients[c], 200, "#patient"));
        assert_false(client_open(&visitor, bed->port));
    }
    for (int c = 1; c < CONN_THREADS_MAX; c++)
        assert_true(client_expect(&bed->clients[c], 200, "g#busy"));
    bed_end_stop(bed);
    assert_int_equal(bed->final.answered, CONN_THREADS_MAX - 1 + MORE);
}

static void gives_up_when_full(struct bed *bed)
{
    bed->config.drain_ns = 100000000;
    bed_start(bed);
    for (int c = 0; c < CONN_THREADS_MAX + MORE; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "g#never"));
    }
    assert_true(bed_wait_int(&bed->probe.gated, CONN_THREADS_MAX));
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), CONN_THREADS_MAX);
    assert_true(bed_wait_tasks(bed->tasks));
}

/* Those who were accepted, and whose threads would have come too late, end with it. */
static void gives_up_on_latecomers(struct bed *bed)
{
    bed->config.drain_ns = 300000000;
    bed_start(bed);
    for (int c = 0; c < CONN_THREADS_MAX; c++) {
        bed_open(bed, c);
        if (c > 0)
            assert_true(client_post(&bed->clients[c], "g#never"));
    }
    assert_true(bed_wait_int(&bed->probe.gated, CONN_THREADS_MAX - 1));
    assert_true(bed_wait_accepted(bed, CONN_THREADS_MAX));
    for (int c = CONN_THREADS_MAX; c < CONN_THREADS_MAX + MORE; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "#late"));
    }
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), CONN_THREADS_MAX - 1);
    assert_int_equal(bed->final.connections, CONN_THREADS_MAX + 1);
    assert_int_equal(bed->final.connections_open, 0);
    assert_true(bed_wait_tasks(bed->tasks));
}

/* A read and a write: nothing is handed over, nobody is woken. */
static void two_system_calls(struct bed *bed)
{
    enum { REQUESTS = 50 };
    bed_start(bed);
    bed_open(bed, 0);
    for (int i = 0; i <= REQUESTS; i++) {
        assert_true(client_post(&bed->clients[0], "#again"));
        assert_true(client_expect(&bed->clients[0], 200, "#again"));
    }
    client_close(&bed->clients[0]);
    assert_true(bed_wait_no_connections(bed));
    bed_stop(bed);
    assert_int_equal(bed->final.messages, 0);
    assert_int_equal(bed->final.wakeups, 0);
    assert_true(bed->final.syscalls >= 2 * REQUESTS);
    assert_true(bed->final.syscalls < 3 * REQUESTS);
}

/* Whoever waited for room at the door was woken when there was some, and that is told. */
static void wake_ups_are_told(struct bed *bed)
{
    bed->config.queue_limit = 1;
    bed->config.on_full = MODEL_WAIT;
    bed_start(bed);
    for (int c = 0; c < CONN_THREADS_MAX; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "g#"));
    }
    for (int ms = 0; bed_stats(bed).held_back < CONN_THREADS_MAX - 1; ms++) {
        assert_true(ms < BED_WAIT_MS);
        bed_sleep_ms(1);
    }
    bed_open_gate(bed);
    for (int c = 0; c < CONN_THREADS_MAX; c++)
        assert_true(client_expect(&bed->clients[c], 200, "g#"));
    bed_stop(bed);
    assert_int_equal(bed->final.wakeups, CONN_THREADS_MAX - 1);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"further connections wait in the backlog", bounded, NULL},
        {"stop serves them when it is full", stops_when_full, NULL},
        {"stop answers the backlog when nobody else can come", stops_before_it_answers, NULL},
        {"stop gives up when it is full", gives_up_when_full, NULL},
        {"stop gives up on those without a thread", gives_up_on_latecomers, NULL},
        {"two system calls a request", two_system_calls, NULL},
        {"whoever waited for room was woken", wake_ups_are_told, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
