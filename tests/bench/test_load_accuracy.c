/* SPDX-License-Identifier: MIT */
/*
 * What load reports against what is computed, within 1 %: load's own schedule, records and order
 * statistics (load_run.c, load_result.c, arrivals.c, statistics.c), with a simulated network and
 * clock behind connections.h. No noise of a machine can get in, so a deviation is a mistake.
 */
#include "draw.h"
#include "load_run.h"
#include "simulated.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define TOLERANCE 0.01

static const uint32_t ppms[] = {500000, 900000, 990000, 999000};
#define QUANTILES (sizeof ppms / sizeof *ppms)

/* The server: how long a request takes, and when it answers nobody. */
enum service_kind { SERVICE_FIXED, SERVICE_EXPONENTIAL, SERVICE_LOGNORMAL };
struct server {
    enum service_kind kind;
    uint64_t ns;               /* the time, its mean or its median */
    double sigma;              /* lognormal */
    bool drawn;                /* by chance; else evenly over the distribution */
    uint64_t every_ns, for_ns; /* no answer in [k * every, k * every + for), k = 1, 2 … */
};

/* The standard normal distribution's quantile, by bisection of erfc. */
static double normal_quantile(double share)
{
    double from = -9, to = 9;
    for (int i = 0; i < 60; i++) {
        double middle = (from + to) / 2;
        *(erfc(-middle / sqrt(2)) / 2 < share ? &from : &to) = middle;
    }
    return from;
}

static double service_quantile(const struct server *server, double share)
{
    double ns = (double)server->ns;
    if (server->kind == SERVICE_EXPONENTIAL)
        return -ns * log(1 - share);
    if (server->kind == SERVICE_LOGNORMAL)
        return ns * exp(server->sigma * normal_quantile(share));
    return ns;
}

/* Evenly: the multiples of the golden ratio, modulo 1, leave the smallest gaps. */
static uint64_t service_ns(const struct server *server, uint64_t serial)
{
    double share = fmod(((double)serial + 0.5) * 0.6180339887498949, 1);
    if (server->drawn)
        share = 1 - draw_uniform(77, serial);
    return (uint64_t)service_quantile(server, share);
}

static uint64_t past_stall(const struct server *server, uint64_t at_ns)
{
    uint64_t since_ns = at_ns - SIMULATED_START_NS;
    if (!server->every_ns || since_ns < server->every_ns ||
        since_ns % server->every_ns >= server->for_ns)
        return at_ns;
    return at_ns + server->for_ns - since_ns % server->every_ns;
}

static uint64_t answer_ns(const void *arg, uint64_t serial, uint32_t connection, uint64_t sent_ns)
{
    (void)connection;
    return past_stall(arg, sent_ns + service_ns(arg, serial));
}

static bool right(const void *arg, size_t document, const struct http_response *response)
{
    (void)arg, (void)document;
    return response->status == 200;
}

static const struct connection_request nothing;
static const struct load_class only = {
    .share = 1, .requests = &nothing, .documents = 1, .right = right};

/* A run of load against that server; config's missing parts are set. */
static void run(const struct server *server, struct load_config config, size_t connection_count,
                struct load_result *result)
{
    struct connections connections;
    const struct sockaddr_storage nowhere = {0};
    simulated.answer_ns = answer_ns;
    simulated.arg = server;
    if (config.class_count == 0) {
        config.classes = &only;
        config.class_count = 1;
    }
    if (config.timeout_ns == 0)
        config.timeout_ns = 1000 * S;
    config.in_flight = connection_count;
    config.arrivals.seed = 11;
    assert_int_equal(connections_init(&connections, connection_count, &nowhere, 0, false), 0);
    connections.stamps = config.defer;
    assert_int_equal(connections_open(&connections, 0), connection_count);
    assert_int_equal(load_run(&config, &connections, result), 0);
    connections_finish(&connections);
    simulated.oversleep_ns = NULL;
}

static void assert_near(const char *what, uint32_t ppm, double reported, double computed)
{
    if (fabs(reported / computed - 1) > TOLERANCE)
        fail_msg("%s: p%g is reported as %.0f ns and computed as %.0f ns", what, ppm / 1e4,
                 reported, computed);
}

static void assert_all_answered(const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    assert_true(counts->planned > 0);
    assert_int_equal(counts->sent, counts->planned);
    assert_int_equal(counts->answered, counts->planned);
    assert_int_equal(result->all.latency.count, counts->planned);
}

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

/*
 * Kiefer and Wolfowitz's recursion of a queue with several servers, first come first served: what
 * each request of the plan must have seen if there are only so many connections. Written without
 * any of load's code.
 */
static void queued(const struct server *server, const struct load_config *config, size_t servers,
                   struct statistics *latency)
{
    struct arrivals plan;
    struct arrivals_config arrivals = config->arrivals;
    arrivals.seed = 11;
    arrivals.span_ns = config->warmup_ns + config->duration_ns;
    assert_int_equal(arrivals_plan(&plan, &arrivals), 0);
    assert_int_equal(statistics_init(latency, plan.count), 0);
    uint64_t *free_ns = calloc(servers, sizeof *free_ns);
    assert_non_null(free_ns);
    for (size_t i = 0; i < plan.count; i++) {
        size_t first = 0;
        for (size_t k = 1; k < servers; k++)
            first = free_ns[k] < free_ns[first] ? k : first;
        uint64_t due_ns = SIMULATED_START_NS + plan.due_ns[i];
        uint64_t begun_ns = due_ns > free_ns[first] ? due_ns : free_ns[first];
        free_ns[first] = past_stall(server, begun_ns + service_ns(server, i));
        if (plan.due_ns[i] >= config->warmup_ns)
            statistics_add(latency, free_ns[first] - due_ns);
    }
    statistics_sort(latency);
    free(free_ns);
    arrivals_finish(&plan);
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
    assert_int_equal(result.all.counts.answered + result.all.counts.unsent, computed.count);
    assert_true(result.all.counts.unsent < 20); /* what was waiting when the plan ended */
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
    /* As load_run.c says it: drawn from the seed, in a stream of its own. */
    const uint64_t seed = draw_seed(11, DRAW_CLASSES);
    bool slow = draw_uniform(seed, serial) * (shares[0] + shares[1]) > shares[0];
    return sent_ns + (slow ? 20 * MS : MS);
}

static void classes_have_their_own_percentiles(void **state)
{
    (void)state;
    static const double shares[] = {4, 1};
    const struct load_class classes[] = {
        {.name = "fast", .share = 4, .requests = &nothing, .documents = 1, .right = right},
        {.name = "slow", .share = 1, .requests = &nothing, .documents = 1, .right = right},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_service_times),
        cmocka_unit_test(an_answer_that_lies_is_not_late),
        cmocka_unit_test(known_stall),
        cmocka_unit_test(stall_with_few_connections),
        cmocka_unit_test(one_connection_is_a_queue),
        cmocka_unit_test(own_lateness_is_told_apart),
        cmocka_unit_test(slack_is_lag),
        cmocka_unit_test(closed_loop_counts_what_it_sent),
        cmocka_unit_test(late_answers_are_failures),
        cmocka_unit_test(classes_have_their_own_percentiles),
        cmocka_unit_test(steps_are_not_blended),
        cmocka_unit_test(log_says_how_it_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
