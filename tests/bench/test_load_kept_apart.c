/* SPDX-License-Identifier: MIT */
/*
 * What load counts and keeps apart: closed loops, answers that come too late, classes, steps, the
 * log of requests and idle polls, with a simulated network and clock behind connections.h.
 */
#include "draw.h"
#include "known_server.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A closed loop sees a stall once per connection: that is why it is labelled. */
static void closed_loop_counts_what_it_sent(void **state)
{
    (void)state;
    const struct server server = {
        .kind = SERVICE_FIXED, .ns = 10 * MS, .every_ns = 5 * S, .for_ns = 1 * S};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_CLOSED},
        .warmup_ns = 1 * S,
        .duration_ns = 20 * S,
    };
    struct load_result result;
    run(&server, config, 4, &result);
    /* Four connections, 100 requests a second each, in 16 of 20 s. */
    assert_near("answered", 0, (double)result.all.counts.answered, 4 * 100 * 16);
    assert_int_equal(statistics_percentile(&result.all.latency, 990000), 10 * MS);
    assert_near("max", 1000000, (double)statistics_percentile(&result.all.latency, 1000000),
                1.01 * S);
    assert_near("in flight", 0, result.in_flight_mean, 4);
    load_result_finish(&result);
}

/* However long it may last: what its samples might come to is more than any machine has. It has no
 * plan to be late for. */
static void a_long_closed_loop_begins(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 100 * S};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_CLOSED},
        .duration_ns = 20000 * S,
    };
    struct load_result result;
    run(&server, config, 4, &result);
    assert_int_equal(result.all.counts.answered, 4 * 200);
    assert_int_equal(result.dropped, 0);
    assert_int_equal(result.lag.count, 0);
    load_result_finish(&result);
}

/* Answers that do not come in time are failures, each of them, and in no percentile. */
static void late_answers_are_failures(void **state)
{
    (void)state;
    const struct server server = {
        .kind = SERVICE_FIXED, .ns = MS, .every_ns = 5 * S, .for_ns = 1 * S};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 1000},
        .warmup_ns = 1 * S,
        .duration_ns = 20 * S,
        .timeout_ns = 600 * MS,
    };
    struct load_result result;
    run(&server, config, 2000, &result);
    /* Of each stall those sent more than 0.6 s before its end: 400 of 1000. */
    assert_near("timeouts", 0, (double)result.all.counts.timeouts, 4 * 400);
    assert_int_equal(result.all.counts.failed, result.all.counts.timeouts);
    assert_int_equal(result.all.counts.answered, result.all.counts.sent - result.all.counts.failed);
    assert_true(statistics_percentile(&result.all.latency, 1000000) <= 600 * MS);
    load_result_finish(&result);
}

/* Each class has its own request, and its own time: which a server that knew it by its number
 * would keep. */
static uint64_t answer_by_class_ns(const void *arg, uint64_t serial, uint32_t connection,
                                   uint64_t sent_ns)
{
    const double *shares = arg;
    (void)connection;
    /* As load_plan.c says it: drawn from the seed, in a stream of its own. */
    const uint64_t seed = draw_seed(11, DRAW_CLASSES);
    bool slow = draw_uniform(seed, serial) * (shares[0] + shares[1]) > shares[0];
    return sent_ns + (slow ? 20 * MS : MS);
}

static void classes_have_their_own_percentiles(void **state)
{
    (void)state;
    static const double shares[] = {4, 1};
    const struct load_class classes[] = {
        {.name = "fast",
         .share = 4,
         .requests = known_class.requests,
         .documents = 1,
         .right = known_class.right},
        {.name = "slow",
         .share = 1,
         .requests = known_class.requests,
         .documents = 1,
         .right = known_class.right},
    };
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_POISSON, .rate_hz = 1000, .seed = 11},
        .warmup_ns = 1 * S,
        .duration_ns = 50 * S,
        .timeout_ns = 1000 * S,
        .in_flight = 300,
        .classes = classes,
        .class_count = 2,
    };
    struct connections connections;
    struct load_result result;
    const struct sockaddr_storage nowhere = {0};
    simulated.answer_ns = answer_by_class_ns;
    simulated.arg = shares;
    assert_int_equal(connections_init(&connections, 300, &nowhere, 0, false), 0);
    connections_open(&connections, 0);
    assert_int_equal(load_run(&config, &connections, &result), 0);
    connections_finish(&connections);

    const struct load_part *fast = &result.classes[0], *slow = &result.classes[1];
    assert_int_equal(fast->latency.count + slow->latency.count, result.all.latency.count);
    for (size_t q = 0; q < QUANTILES; q++) {
        assert_int_equal(statistics_percentile(&fast->latency, ppms[q]), MS);
        assert_int_equal(statistics_percentile(&slow->latency, ppms[q]), 20 * MS);
    }
    assert_int_equal(statistics_percentile(&fast->latency, 1000000), MS);
    assert_int_equal(statistics_percentile(&slow->latency, 1), 20 * MS);
    double slow_share = (double)slow->counts.sent / (double)result.all.counts.sent;
    assert_true(fabs(slow_share - 0.2) < 5 * sqrt(0.2 * 0.8 / 50000));
    assert_int_equal(statistics_percentile(&result.all.latency, 500000), MS);
    assert_int_equal(statistics_percentile(&result.all.latency, 900000), 20 * MS);
    load_result_finish(&result);
}

/* One connection and a fixed time: below its rate nothing waits; above it each request waits for
 * all before it; and afterwards the backlog is worked off. Each step has its own figures. */
static void steps_are_not_blended(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 10 * MS}; /* 100 a second */
    static const struct arrivals_step steps[] = {{50, 3 * S}, {200, S}, {50, 4 * S}};
    struct load_log log = {0};
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .steps = steps, .step_count = 3},
        .warmup_ns = 1 * S,
        .duration_ns = 7 * S,
        .log = &log,
    };
    struct load_result result;
    run(&server, config, 1, &result);
    assert_all_answered(&result);
    assert_int_equal(result.step_count, 3);
    static const uint64_t ends_ns[] = {2 * S, 3 * S, 7 * S}, planned[] = {100, 200, 200};
    for (size_t i = 0; i < 3; i++) {
        const struct load_part *part = &result.steps[i].part;
        assert_int_equal(result.steps[i].end_ns, ends_ns[i]);
        assert_int_equal(part->counts.planned, planned[i]);
        assert_int_equal(part->counts.answered, planned[i]);
        assert_int_equal(part->latency.count, planned[i]);
    }
    assert_int_equal(statistics_percentile(&result.steps[0].part.latency, 1000000), 10 * MS);
    /* Request k of the overload is due at k × 5 ms and done at (k + 1) × 10 ms. */
    const struct statistics *over = &result.steps[1].part.latency;
    assert_near("overload", 500000, (double)statistics_percentile(over, 500000), 10e6 + 99 * 5e6);
    assert_near("overload", 1000000, (double)statistics_percentile(over, 1000000),
                10e6 + 199 * 5e6);
    /* 1 s of backlog, which shrinks by half a second a second: request k waits (1 - k × 10 ms). */
    const struct statistics *after = &result.steps[2].part.latency;
    assert_near("after", 1000000, (double)statistics_percentile(after, 1000000), 10e6 + 1e9);
    assert_int_equal(statistics_percentile(after, 500000), 10 * MS);

    /* The log has the same, request by request. */
    assert_int_equal(log.count, 500);
    assert_int_equal(log.dropped, 0);
    for (size_t i = 0; i < log.count; i++) {
        const struct load_entry *e = &log.entries[i];
        assert_int_equal(e->outcome, LOAD_RIGHT);
        assert_int_equal(e->status, 200);
        assert_int_equal(e->ended_ns - e->sent_ns, 10 * MS);
        assert_true(e->sent_ns >= e->due_ns && e->due_ns >= result.from_ns);
        assert_true(i == 0 || e->ended_ns > e[-1].ended_ns);
    }
    const struct load_entry *last = &log.entries[299]; /* of the overload */
    assert_near("log", 1000000, (double)(last->ended_ns - last->due_ns), 10e6 + 199 * 5e6);
    load_log_finish(&log);
    load_result_finish(&result);
}

/* What did not go well is in the log with what became of it. */
static void log_says_how_it_ended(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 400 * MS};
    struct load_log log = {0};
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 10},
        .duration_ns = 1 * S,
        .timeout_ns = 150 * MS,
        .log = &log,
    };
    struct load_result result;
    run(&server, config, 1, &result);
    const struct load_counts *counts = &result.all.counts;
    size_t timeouts = 0, unsent = 0;
    assert_int_equal(log.count, counts->planned);
    for (size_t i = 0; i < log.count; i++) {
        const struct load_entry *e = &log.entries[i];
        timeouts += e->outcome == LOAD_TIMEOUT && e->ended_ns - e->sent_ns == 150 * MS;
        unsent += e->outcome == LOAD_UNSENT && e->sent_ns == 0;
        assert_int_equal(e->status, 0);
    }
    assert_true(counts->timeouts > 0 && counts->unsent > 0);
    assert_int_equal(timeouts, counts->timeouts);
    assert_int_equal(unsent, counts->unsent);
    load_log_finish(&log);
    load_result_finish(&result);
}

/* A generator that polls uses all of its CPU: what it polled in vain it could have worked. One that
 * keeps up polls for 0.3 of each millisecond; one that takes 1 ms to read an answer and is to read
 * two in that time never does: and its lag, from when it read, says nothing of that. */
static void idle_polls_are_no_work(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 100 * US};
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 1000},
        .warmup_ns = 10 * MS,
        .duration_ns = 100 * MS,
        .spin_ns = 300 * US,
    };
    struct load_result result;
    run(&server, config, 10, &result);
    assert_all_answered(&result);
    assert_near("polled", 0, (double)result.polled_ns, 30.0 * MS);
    for (size_t q = 0; q < QUANTILES; q++)
        assert_near("latency", ppms[q], (double)statistics_percentile(&result.all.latency, ppms[q]),
                    100.0 * US);
    load_result_finish(&result);

    config.spin_ns = 0;
    run(&server, config, 10, &result);
    assert_int_equal(result.polled_ns, 0); /* it slept */
    load_result_finish(&result);

    config.arrivals.rate_hz = 2000;
    config.duration_ns = 1 * S;
    config.spin_ns = 300 * US;
    simulated.read_ns = MS;
    run(&server, config, 10, &result);
    assert_true(result.all.counts.held_back > 1500);
    assert_int_equal(statistics_percentile(&result.lag, 500000), 0);
    assert_true(result.polled_ns < 10 * MS);
    load_result_finish(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_loop_counts_what_it_sent),
        cmocka_unit_test(a_long_closed_loop_begins),
        cmocka_unit_test(late_answers_are_failures),
        cmocka_unit_test(classes_have_their_own_percentiles),
        cmocka_unit_test(steps_are_not_blended),
        cmocka_unit_test(log_says_how_it_ended),
        cmocka_unit_test(idle_polls_are_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
