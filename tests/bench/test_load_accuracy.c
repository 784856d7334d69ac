/* SPDX-License-Identifier: MIT */
/*
 * What load reports against what is computed, within 1 %: load's own schedule, records and order
 * statistics (load_run.c, load_result.c, arrivals.c, statistics.c), with a simulated network and
 * clock behind connections.h. No noise of a machine can get in, so a deviation is a mistake.
 */
#include "known_server.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Enough connections, no stall: the service times are what is seen, from the plan and the send. */
static void known_service_times(void **state)
{
    (void)state;
    static const struct server servers[] = {
        {.kind = SERVICE_FIXED, .ns = 5 * MS},
        {.kind = SERVICE_EXPONENTIAL, .ns = 5 * MS},
        {.kind = SERVICE_LOGNORMAL, .ns = 5 * MS, .sigma = 1},
        {.kind = SERVICE_LOGNORMAL, .ns = 300 * US, .sigma = 0.3},
    };
    const size_t count = sizeof servers / sizeof *servers;
    for (size_t i = 0; i < 2 * count; i++) {
        const struct server *server = &servers[i % count];
        struct load_config config = {
            .arrivals = {.kind = ARRIVALS_POISSON, .rate_hz = 10000},
            .warmup_ns = 1 * S,
            .duration_ns = 20 * S,
            .defer = i >= count, /* answers lie until the next request is due */
        };
        struct load_result result;
        run(server, config, 2000, &result);
        assert_all_answered(&result);
        assert_true((result.stamped > 0) == config.defer);
        assert_int_equal(result.all.counts.held_back, 0);
        for (size_t q = 0; q < QUANTILES; q++) {
            double computed = service_quantile(server, ppms[q] / 1e6);
            uint64_t latency_ns = statistics_percentile(&result.all.latency, ppms[q]);
            assert_near("latency", ppms[q], (double)latency_ns, computed);
            assert_near("service", ppms[q],
                        (double)statistics_percentile(&result.all.service, ppms[q]), computed);
        }
        /* Where answers lie, it polls once for each request: 0.1 us in this simulation. */
        assert_true(statistics_percentile(&result.lag, 1000000) <= (config.defer ? US / 10 : 0));
        /* Little's law: the mean number in flight is the rate times the mean time. */
        double mean_s = statistics_mean(&result.all.service) / 1e9;
        assert_near("in flight", 0, result.in_flight_mean, (double)result.in_window / 20 * mean_s);
        load_result_finish(&result);
    }
}

static uint64_t somewhat_late(uint64_t due_ns)
{
    (void)due_ns;
    return 100 * US;
}

/* A generator whose every sleep is 0.1 ms too long. Where an answer counts when it is read, that is
 * in the service time, too; where the kernel says when it came, only in the lag. */
static void an_answer_that_lies_is_not_late(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 200 * US};
    for (int defer = 0; defer < 2; defer++) {
        const struct load_config config = {
            .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 1000},
            .duration_ns = 10 * S,
            .defer = defer,
        };
        struct load_result result;
        simulated.oversleep_ns = somewhat_late;
        run(&server, config, 100, &result);
        assert_all_answered(&result);
        const double read_late = defer ? 0 : 100.0 * US;
        for (size_t q = 0; q < QUANTILES; q++) {
            assert_near("lag", ppms[q], (double)statistics_percentile(&result.lag, ppms[q]),
                        100.0 * US);
            assert_near("service", ppms[q],
                        (double)statistics_percentile(&result.all.service, ppms[q]),
                        200.0 * US + read_late);
            assert_near("latency", ppms[q],
                        (double)statistics_percentile(&result.all.latency, ppms[q]),
                        300.0 * US + read_late);
        }
        load_result_finish(&result);
    }
}

/*
 * Uniform arrivals, a fixed time s, and for T in every E nothing is answered. Of what was due in
 * (stall's beginning - s, stall's end - s) all comes at the stall's end: latencies spread evenly
 * from s to s + T over a share T/E of all.
 */
static double stalled_quantile(const struct server *server, double share)
{
    double stalled = (double)server->for_ns / (double)server->every_ns;
    double s = (double)server->ns, t = (double)server->for_ns;
    return share <= 1 - stalled ? s : s + t * (share - (1 - stalled)) / stalled;
}

static void one_known_stall(bool defer)
{
    const struct server server = {
        .kind = SERVICE_FIXED, .ns = MS, .every_ns = 5 * S, .for_ns = 500 * MS};
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 5000},
        .warmup_ns = 2 * S,
        .duration_ns = 20 * S, /* four stalls, and whole periods */
        .defer = defer,
    };
    struct load_result result;
    run(&server, config, 3000, &result);
    assert_all_answered(&result);
    for (size_t q = 0; q < QUANTILES; q++) {
        double computed = stalled_quantile(&server, ppms[q] / 1e6);
        assert_near("latency", ppms[q], (double)statistics_percentile(&result.all.latency, ppms[q]),
                    computed);
    }
    /* The timeline has it in the seconds it fell into: 5 s, 10 s … of the run, 3 s, 8 s … of the
     * window. */
    assert_int_equal(result.second_count, 20);
    for (size_t i = 0; i < result.second_count; i++) {
        const struct load_second *second = &result.seconds[i];
        assert_int_equal(second->counts.planned, 5000);
        if (i % 5 == 3) {
            assert_near("the stalled second", 990000, (double)second->p99_ns, MS + 490.0 * MS);
            assert_near("the stalled second", 1000000, (double)second->max_ns, MS + 500.0 * MS);
        } else if (i % 5 != 2) { /* its last millisecond meets the stall, too */
            assert_int_equal(second->max_ns, MS);
        }
    }
    load_result_finish(&result);
}

static void known_stall(void **state)
{
    (void)state;
    one_known_stall(false);
    one_known_stall(true);
}

/* Few connections: what waits for one is not forgotten (coordinated omission), nor does it look
 * like service. */
static void stall_with_few_connections(void **state)
{
    (void)state;
    const struct server server = {
        .kind = SERVICE_EXPONENTIAL, .ns = MS, .every_ns = 5 * S, .for_ns = 200 * MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_POISSON, .rate_hz = 4000},
        .warmup_ns = 1 * S,
        .duration_ns = 21 * S + 500 * MS,
    };
    struct load_result result;
    struct statistics computed;
    run(&server, config, 8, &result);
    queued(&server, &config, 8, &computed);
    assert_all_answered(&result);
    assert_int_equal(result.all.latency.count, computed.count);
    for (size_t q = 0; q < QUANTILES; q++)
        assert_near("latency", ppms[q], (double)statistics_percentile(&result.all.latency, ppms[q]),
                    (double)statistics_percentile(&computed, ppms[q]));
    /* The stall is seen from the send by eight requests each time; from the plan by hundreds. */
    assert_true(statistics_percentile(&result.all.service, 990000) < 10 * MS);
    assert_true(statistics_percentile(&result.all.latency, 990000) > 100 * MS);
    assert_true(result.all.counts.held_back > 4 * 700);
    assert_int_equal(statistics_percentile(&result.lag, 1000000), 0);
    statistics_finish(&computed);
    load_result_finish(&result);
}

/* The plan ends within a stall, when all connections are in use: who was due by then and had to
 * wait for one has his latency in the percentiles; but what was achieved was achieved by then. */
static void who_waited_at_the_end_has_a_latency(void **state)
{
    (void)state;
    const struct server server = {
        .kind = SERVICE_FIXED, .ns = MS, .every_ns = 5 * S, .for_ns = 200 * MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 4000},
        .warmup_ns = 1 * S,
        .duration_ns = 9 * S + 80 * MS,
    };
    struct load_result result;
    struct statistics computed;
    run(&server, config, 8, &result);
    queued(&server, &config, 8, &computed);
    assert_all_answered(&result);
    for (size_t q = 0; q < QUANTILES; q++)
        assert_near("latency", ppms[q], (double)statistics_percentile(&result.all.latency, ppms[q]),
                    (double)statistics_percentile(&computed, ppms[q]));
    /* 80 ms of arrivals, but for the four that still found a connection: less than 1 % of all. */
    const struct load_counts *counts = &result.all.counts;
    assert_in_range(counts->sent_after, 4 * 80 - 5, 4 * 80 - 3);
    assert_int_equal(result.seconds[9].counts.sent_after, counts->sent_after);
    assert_true(counts->sent_after < counts->planned / 100);
    assert_in_range(result.in_window, counts->answered - 4 * 81, counts->answered - 4 * 79);
    assert_int_equal(statistics_percentile(&result.lag, 1000000), 0);
    statistics_finish(&computed);
    load_result_finish(&result);
}

/* Twice what the server can do: after the window, a second's worth is still sent, and no more; the
 * rate that was achieved is the window's. */
static void overload_is_not_worked_off(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 2000},
        .duration_ns = 5 * S,
    };
    struct load_result result;
    run(&server, config, 1, &result);
    const struct load_counts *counts = &result.all.counts;
    assert_int_equal(counts->planned, 10000);
    assert_in_range(result.in_window, 4999, 5000);
    assert_in_range(counts->sent_after, 999, 1001);
    assert_in_range(counts->answered, 5999, 6001);
    assert_int_equal(counts->unsent, counts->planned - counts->answered);
    assert_near("in flight", 0, result.in_flight_mean, 1);
    load_result_finish(&result);
}

/* To count the switches of a server of 1,000 threads takes 22 ms: no request is late for it, and
 * they are counted for as many requests as there are answers beside them. */
static void to_watch_a_server_makes_nothing_late(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 10000},
        .warmup_ns = 1 * S,
        .duration_ns = 2 * S,
        .watch_pid = 1,
        .beside_pid = 1,
    };
    struct load_result result;
    simulated.walk_ns = 22 * MS;
    run(&server, config, 100, &result);
    assert_all_answered(&result);
    assert_int_equal(statistics_percentile(&result.lag, 1000000), 0);
    assert_int_equal(statistics_percentile(&result.all.latency, 1000000), MS);
    assert_int_equal(result.right, 3 * 10000);
    assert_int_equal(result.watched.voluntary_switches, result.right);
    assert_int_equal(result.watched.cpu_ns, config.duration_ns); /* of the window alone */
    assert_int_equal(result.beside.cpu_ns, config.duration_ns);
    load_result_finish(&result);
}

/* One connection, Poisson arrivals, exponential service: M/M/1, whose response times are known to
 * be exponential with the rate µ - λ (Kleinrock, Queueing Systems I, 1975, 5.6). */
static void one_connection_is_a_queue(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_EXPONENTIAL, .ns = MS, .drawn = true};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_POISSON, .rate_hz = 500},
        .warmup_ns = 10 * S,
        .duration_ns = 2000 * S,
    };
    struct load_result result;
    struct statistics computed;
    run(&server, config, 1, &result);
    queued(&server, &config, 1, &computed);
    assert_all_answered(&result); /* what was waiting when the plan ended, too */
    assert_int_equal(result.all.latency.count, computed.count);
    for (size_t q = 0; q < QUANTILES; q++) {
        double reported = (double)statistics_percentile(&result.all.latency, ppms[q]);
        assert_near("latency", ppms[q], reported,
                    (double)statistics_percentile(&computed, ppms[q]));
        /* A million correlated draws: their p99.9 is itself not known to 1 %. */
        if (ppms[q] < 999000)
            assert_near("M/M/1", ppms[q], reported, -2.0 * MS * log(1 - ppms[q] / 1e6));
    }
    statistics_finish(&computed);
    load_result_finish(&result);
}

static uint64_t always_late(uint64_t due_ns)
{
    (void)due_ns;
    return 300 * US;
}

/* Once, in the middle of the run: as if the host had taken the CPU away. */
static uint64_t frozen_once(uint64_t due_ns)
{
    static const uint64_t at_ns = SIMULATED_START_NS + 5 * S;
    return due_ns >= at_ns && due_ns < at_ns + MS ? 500 * MS : 0;
}

/* A generator that oversleeps: in its own lag and in the latency, not in the service time. */
static void own_lateness_is_told_apart(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = 10 * MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 10},
        .duration_ns = 100 * S,
    };
    struct load_result result;
    simulated.oversleep_ns = always_late;
    run(&server, config, 10, &result);
    assert_all_answered(&result);
    for (size_t q = 0; q < QUANTILES; q++) {
        assert_near("lag", ppms[q], (double)statistics_percentile(&result.lag, ppms[q]), 0.3 * MS);
        /* It comes late to the answer, too. */
        assert_near("latency", ppms[q], (double)statistics_percentile(&result.all.latency, ppms[q]),
                    10.6 * MS);
        assert_near("service", ppms[q], (double)statistics_percentile(&result.all.service, ppms[q]),
                    10.3 * MS);
    }
    load_result_finish(&result);

    const struct server fast = {.kind = SERVICE_FIXED, .ns = 100 * US};
    const struct load_config dense = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 1000},
        .duration_ns = 10 * S,
    };
    simulated.oversleep_ns = frozen_once;
    run(&fast, dense, 1000, &result);
    assert_all_answered(&result);
    /* 500 of 10,000 were late, evenly from 0 to 500 ms. */
    assert_near("lag", 990000, (double)statistics_percentile(&result.lag, 990000), 400.0 * MS);
    assert_near("lag", 999000, (double)statistics_percentile(&result.lag, 999000), 490.0 * MS);
    assert_near("latency", 990000, (double)statistics_percentile(&result.all.latency, 990000),
                400.1 * MS);
    assert_int_equal(statistics_percentile(&result.all.service, 990000), 100 * US);
    assert_near("lag of that second", 0, (double)result.seconds[5].lag_max_ns, 500.0 * MS);
    assert_int_equal(result.seconds[4].lag_max_ns, 0);
    load_result_finish(&result);
}

/* Behind its plan, it sends on each answer: that it comes late to them is its lag, too, though
 * every connection was in use until then. */
static void an_answer_left_unread_is_own_lag(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = MS};
    const struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 2000},
        .duration_ns = 10 * S,
        .defer = true,
    };
    struct load_result result;
    simulated.oversleep_ns = always_late;
    run(&server, config, 1, &result);
    assert_true(result.all.counts.unsent > 10000);
    for (size_t q = 0; q < QUANTILES; q++) {
        assert_near("lag", ppms[q], (double)statistics_percentile(&result.lag, ppms[q]), 0.3 * MS);
        assert_int_equal(statistics_percentile(&result.all.service, ppms[q]), MS);
    }
    load_result_finish(&result);
}

/* Allowed to be late, it is so late and no later, and says so. */
static void slack_is_lag(void **state)
{
    (void)state;
    const struct server server = {.kind = SERVICE_FIXED, .ns = MS};
    struct load_config config = {
        .arrivals = {.kind = ARRIVALS_UNIFORM, .rate_hz = 100},
        .duration_ns = 10 * S,
        .slack_ns = 300 * US,
    };
    struct load_result result;
    run(&server, config, 10, &result);
    assert_all_answered(&result);
    for (size_t q = 0; q < QUANTILES; q++) {
        /* But for the first, which is due before it first sleeps. */
        assert_int_equal(statistics_percentile(&result.lag, ppms[q]), 300 * US);
        assert_int_equal(statistics_percentile(&result.all.latency, ppms[q]), MS + 300 * US);
        assert_int_equal(statistics_percentile(&result.all.service, ppms[q]), MS);
    }
    load_result_finish(&result);

    config.arrivals.rate_hz = 100000; /* many within the slack, and at the end of the plan */
    run(&server, config, 1000, &result);
    assert_all_answered(&result);
    assert_true(statistics_percentile(&result.lag, 1000000) <= 300 * US);
    load_result_finish(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_service_times),
        cmocka_unit_test(an_answer_that_lies_is_not_late),
        cmocka_unit_test(known_stall),
        cmocka_unit_test(stall_with_few_connections),
        cmocka_unit_test(who_waited_at_the_end_has_a_latency),
        cmocka_unit_test(overload_is_not_worked_off),
        cmocka_unit_test(to_watch_a_server_makes_nothing_late),
        cmocka_unit_test(one_connection_is_a_queue),
        cmocka_unit_test(own_lateness_is_told_apart),
        cmocka_unit_test(an_answer_left_unread_is_own_lag),
        cmocka_unit_test(slack_is_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
