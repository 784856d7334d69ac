/* SPDX-License-Identifier: MIT */
/* What load and downstream are made of: order statistics, arrivals, draws, delays. */
#include "arrivals.h"
#include "delay.h"
#include "draw.h"
#include "heads.h"
#include "statistics.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill(struct statistics *statistics, const uint64_t *values, size_t count)
{
    assert_int_equal(statistics_init(statistics, count), 0);
    for (size_t i = 0; i < count; i++)
        statistics_add(statistics, values[i]);
    statistics_sort(statistics);
}

static void percentiles_are_nearest_ranks(void **state)
{
    (void)state;
    /* The textbook example of the nearest-rank method. */
    static const uint64_t values[] = {50, 15, 40, 20, 35};
    static const struct {
        uint32_t ppm;
        uint64_t right;
    } table[] = {{0, 15},      {1, 15},      {50000, 15},  {200000, 15},
                 {200001, 20}, {300000, 20}, {400000, 20}, {500000, 35},
                 {600000, 35}, {600001, 40}, {990000, 50}, {1000000, 50}};
    struct statistics s;
    fill(&s, values, 5);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(statistics_percentile(&s, table[i].ppm), table[i].right);
    assert_float_equal(statistics_mean(&s), 32, 1e-9);
    statistics_finish(&s);
}

static void percentiles_of_1_to_n(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2000; n += 37) {
        struct statistics s;
        assert_int_equal(statistics_init(&s, n), 0);
        for (size_t i = 0; i < n; i++)
            statistics_add(&s, n - i);
        statistics_sort(&s);
        static const uint32_t ppms[] = {500000, 900000, 950000, 990000, 999000, 1000000};
        for (size_t p = 0; p < 6; p++) {
            uint64_t got = statistics_percentile(&s, ppms[p]);
            /* By definition: at least ppm millionths do not exceed it, of no smaller sample. */
            assert_true(got * 1000000 >= (uint64_t)n * ppms[p]);
            assert_true((got - 1) * 1000000 < (uint64_t)n * ppms[p]);
        }
        statistics_finish(&s);
    }
}

/* More of them than are worth comparing: by digits, however many bits they have. */
static void sorts_as_qsort_does(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 64; bits += 9) {
        struct statistics s;
        enum { n = 5000 };
        uint64_t *right = malloc(n * sizeof *right);
        assert_non_null(right);
        assert_int_equal(statistics_init(&s, n), 0);
        for (uint64_t i = 0; i < n; i++) {
            right[i] = draw_bits(bits, i) >> (64 - bits);
            statistics_add(&s, right[i]);
        }
        qsort(right, n, sizeof *right, ascending);
        statistics_sort(&s);
        assert_memory_equal(s.values, right, n * sizeof *right);
        statistics_finish(&s);
        free(right);
    }
}

static void samples_beyond_the_end_are_told(void **state)
{
    (void)state;
    struct statistics s;
    assert_int_equal(statistics_init(&s, 2), 0);
    assert_int_equal(statistics_percentile(&s, 500000), 0);
    for (uint64_t i = 1; i <= 5; i++)
        statistics_add(&s, i);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.dropped, 3);
    assert_int_equal(statistics_percentile(&s, 1000000), 2);
    statistics_finish(&s);
}

/* Threads that end take their context switches along: fewer than before are no number. */
static void switches_of_threads_that_ended_are_not_known(void **state)
{
    (void)state;
    const struct watch before = {.voluntary_switches = 70, .involuntary_switches = 5};
    struct watch after = {.voluntary_switches = 64, .involuntary_switches = 8};
    watch_since(&after, &before);
    assert_true(after.voluntary_switches == UINT64_MAX);
    assert_int_equal(after.involuntary_switches, 3);
}

static int plan(struct arrivals *arrivals, enum arrivals_kind kind, double rate_hz,
                uint64_t span_ns, uint64_t seed)
{
    return arrivals_plan(
        arrivals,
        &(struct arrivals_config){
            .kind = kind, .rate_hz = rate_hz, .burst = 10, .span_ns = span_ns, .seed = seed});
}

static void uniform_arrivals_are_equally_spaced(void **state)
{
    (void)state;
    struct arrivals a;
    assert_int_equal(plan(&a, ARRIVALS_UNIFORM, 250, 2 * S, 7), 0);
    assert_int_equal(a.count, 500);
    for (size_t i = 0; i < a.count; i++)
        assert_int_equal(a.due_ns[i], i * 4000000);
    arrivals_finish(&a);
}

/* Mean and variance of the gaps, their tail, and independence of neighbours: for n = 200,000 draws
 * the limits are about five standard errors, and the seed is fixed. */
static void poisson_arrivals_have_exponential_gaps(void **state)
{
    (void)state;
    struct arrivals a;
    const double rate_hz = 2000;
    assert_int_equal(plan(&a, ARRIVALS_POISSON, rate_hz, 100 * S, 42), 0);
    double n = (double)a.count, sum = 0, squares = 0, products = 0, over_one = 0, before = 1;
    assert_true(fabs(n - 200000) < 5 * sqrt(200000.0));
    for (size_t i = 0; i < a.count; i++) {
        assert_true(a.due_ns[i] < 100 * S);
        double gap = (double)(a.due_ns[i] - (i ? a.due_ns[i - 1] : 0)) * rate_hz / 1e9;
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        products += (gap - 1) * (before - 1);
        over_one += gap > 1;
        before = gap;
    }
    assert_true(fabs(sum / n - 1) < 0.011);
    assert_true(fabs(squares / n - 2) < 0.05);
    assert_true(fabs(products / n) < 0.011);
    assert_true(fabs(over_one / n - exp(-1)) < 0.0054);
    arrivals_finish(&a);
}

static void bursts_are_together_and_their_instants_poisson(void **state)
{
    (void)state;
    struct arrivals a, alone;
    assert_int_equal(plan(&a, ARRIVALS_BURST, 10000, 20 * S, 5), 0);
    assert_int_equal(plan(&alone, ARRIVALS_POISSON, 1000, 20 * S, 5), 0);
    assert_int_equal(a.count, alone.count * 10);
    for (size_t i = 0; i < a.count; i++)
        assert_int_equal(a.due_ns[i], alone.due_ns[i / 10]);
    arrivals_finish(&a);
    arrivals_finish(&alone);
}

/* Uniform arrivals at two rates: when each is due follows by arithmetic. */
static void steps_change_the_rate(void **state)
{
    (void)state;
    static const struct arrivals_step steps[] = {{100, S}, {1000, S}, {10, S}};
    struct arrivals a;
    struct arrivals_config config = {
        .kind = ARRIVALS_UNIFORM, .steps = steps, .step_count = 3, .span_ns = 4 * S};
    assert_int_equal(arrivals_plan(&a, &config), 0);
    assert_int_equal(a.count, 100 + 1000 + 20); /* the last lasts to the end */
    for (size_t i = 0; i < a.count; i++) {
        uint64_t due_ns = i < 100    ? i * 10000000
                          : i < 1100 ? S + (i - 100) * 1000000
                                     : 2 * S + (i - 1100) * 100000000;
        assert_in_range(a.due_ns[i], due_ns ? due_ns - 1 : 0, due_ns + 1);
    }
    arrivals_finish(&a);

    /* A plan that ends within the second. */
    config.span_ns = 3 * S / 2;
    assert_int_equal(arrivals_plan(&a, &config), 0);
    assert_int_equal(a.count, 100 + 500);
    arrivals_finish(&a);

    /* Bursts: as many requests, at as many instants fewer. */
    config.kind = ARRIVALS_BURST;
    config.burst = 10;
    config.seed = 3;
    config.span_ns = 3 * S;
    assert_int_equal(arrivals_plan(&a, &config), 0);
    assert_int_equal(a.count % 10, 0);
    assert_true(fabs((double)a.count - 1110) < 5 * sqrt(1110 * 10.0));
    arrivals_finish(&a);
}

/* Counts of a Poisson process in each step, and it is the same process where the rate is not
 * changed. */
static void steps_of_poisson(void **state)
{
    (void)state;
    static const struct arrivals_step steps[] = {{2000, 30 * S}, {8000, 20 * S}, {500, 50 * S}};
    static const double expected[] = {60000, 160000, 25000};
    struct arrivals a, b;
    const struct arrivals_config config = {
        .kind = ARRIVALS_POISSON, .steps = steps, .step_count = 3, .span_ns = 100 * S, .seed = 42};
    assert_int_equal(arrivals_plan(&a, &config), 0);
    size_t counts[3] = {0};
    for (size_t i = 0; i < a.count; i++) {
        assert_true(i == 0 || a.due_ns[i] >= a.due_ns[i - 1]);
        counts[a.due_ns[i] < 30 * S ? 0 : a.due_ns[i] < 50 * S ? 1 : 2]++;
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs((double)counts[i] - expected[i]) < 5 * sqrt(expected[i]));
    assert_int_equal(plan(&b, ARRIVALS_POISSON, 2000, 30 * S, 42), 0);
    assert_int_equal(b.count, counts[0]);
    assert_memory_equal(a.due_ns, b.due_ns, b.count * sizeof *b.due_ns);
    arrivals_finish(&a);
    arrivals_finish(&b);
}

static void arrivals_come_from_the_seed(void **state)
{
    (void)state;
    struct arrivals a, b, c;
    assert_int_equal(plan(&a, ARRIVALS_POISSON, 1000, S, 1), 0);
    assert_int_equal(plan(&b, ARRIVALS_POISSON, 1000, S, 1), 0);
    assert_int_equal(plan(&c, ARRIVALS_POISSON, 1000, S, 2), 0);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.due_ns, b.due_ns, a.count * sizeof *a.due_ns);
    assert_memory_not_equal(a.due_ns, c.due_ns, 100 * sizeof *a.due_ns);
    arrivals_finish(&a);
    arrivals_finish(&b);
    arrivals_finish(&c);
    assert_int_equal(plan(&a, ARRIVALS_POISSON, 1e7, 1000 * S, 1), -E2BIG);
    assert_int_equal(plan(&a, ARRIVALS_CLOSED, 0, S, 1), 0);
    assert_int_equal(a.count, 0);
}

/* load and downstream have the same seed by default: neither when a request comes nor which class
 * it has may tell how long its answer takes, or whether it is an error. Correlations of n draws,
 * within five standard errors, for this seed for ever. */
static void what_load_draws_says_nothing_of_downstream(void **state)
{
    (void)state;
    enum { n = 20000, seed = 1 };
    struct arrivals a;
    struct delay_plan p = {.seed = seed, .error_rate = 0.5};
    assert_int_equal(delay_parse(&p, "exp:1000"), 0);
    assert_int_equal(plan(&a, ARRIVALS_POISSON, 1000, 40 * S, seed), 0);
    assert_true(a.count > n);
    double delays = 0, errors = 0;
    for (size_t i = 0; i < n; i++) {
        double gap = (double)(a.due_ns[i] - (i ? a.due_ns[i - 1] : 0)) / 1e6;
        double class = draw_uniform(draw_seed(seed, DRAW_CLASSES), i);
        delays += (gap - 1) * ((double)delay_ns(&p, i) / 1e6 - 1);
        errors += (class - 0.5) * (delay_is_error(&p, i) ? 0.5 : -0.5);
    }
    assert_true(fabs(delays / n) < 5 / sqrt(n));
    assert_true(fabs(errors / n) < 5 * 0.5 * sqrt(1.0 / 12) / sqrt(n));
    arrivals_finish(&a);
}

/* Parsed, or known: what is made of these bytes; learnt from afterwards. False: not whole. */
static bool answer(struct heads *heads, const char *text, bool head, bool *known,
                   struct http_response *response)
{
    const uint8_t *data = (const uint8_t *)text;
    size_t len = strlen(text), used = 0;
    http_response_reset(response);
    response->head = head;
    *known = heads_answer(heads, response, data, len);
    if (*known)
        return true;
    assert_int_equal(http_response_feed(response, data, len, &used), 0);
    if (response->complete && used == len)
        heads_learn(heads, response, data, len);
    return response->complete && used == len;
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

static void known_heads_say_what_the_parser_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool head, whole, known; /* known when it comes again, before and after all others */
    } table[] = {
        {OK "hello", false, true, true},
        {OK "world", false, true, true},
        {OK "wor", false, false, false},
        {OK "worlds", false, false, false},
        {OK, true, true, false}, /* to a HEAD */
        {"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhello", false, true, true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", false, true, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false,
         true, false},
        {"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", false, true, false},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", false, false, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, true, true},
        {"HTTP/1.1 100 Continue\r\n\r\n" OK "hello", false, true, true},
    };
    enum { count = sizeof table / sizeof *table };
    struct heads *heads = calloc(1, sizeof *heads);
    struct http_response parsed, again;
    http_response_init(&parsed, true);
    http_response_init(&again, true);
    assert_non_null(heads);
    for (size_t i = 0; i < count; i++) {
        bool known;
        struct heads fresh = {0};
        assert_int_equal(answer(&fresh, table[i].text, table[i].head, &known, &parsed),
                         table[i].whole);
        assert_false(known);
        answer(heads, table[i].text, table[i].head, &known, &again);
        /* Another answer of that length may have taken its place: but never its meaning. */
        assert_int_equal(answer(heads, table[i].text, table[i].head, &known, &again),
                         table[i].whole);
        assert_int_equal(known, table[i].known);
        if (!table[i].whole)
            continue;
        assert_int_equal(again.status, parsed.status);
        assert_int_equal(again.keep_alive, parsed.keep_alive);
        assert_int_equal(again.complete, parsed.complete);
        assert_int_equal(again.body_bytes, parsed.body_bytes);
        assert_int_equal(again.body.len, parsed.body.len);
        if (parsed.body.len)
            assert_memory_equal(again.body.data, parsed.body.data, parsed.body.len);
    }
    http_response_finish(&parsed);
    http_response_finish(&again);
    free(heads);
}

static void delay_specifications(void **state)
{
    (void)state;
    struct delay_plan p = {0};
    assert_int_equal(delay_parse(&p, "fixed:20000"), 0);
    assert_int_equal(p.kind, DELAY_FIXED);
    assert_int_equal(delay_ns(&p, 0), 20000000);
    assert_int_equal(delay_ns(&p, 12345), 20000000);
    assert_int_equal(delay_parse(&p, "exp:1.5"), 0);
    assert_int_equal(p.kind, DELAY_EXPONENTIAL);
    assert_int_equal(delay_parse(&p, "lognormal:500,0.5"), 0);
    assert_int_equal(p.kind, DELAY_LOGNORMAL);
    assert_float_equal(p.sigma, 0.5, 0);
    static const char *const bad[] = {
        "",          "fixed",     "fixed:",      "fixed:x",      "fixed:-1",
        "fixed:1,2", "exp:nan",   "exp:1e99",    "lognormal:1",  "lognormal:1,",
        "gamma:10",  "fixed:10 ", "bimodal:1,2", "bimodal:1,2,", "bimodal:1,2,1.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(delay_parse(&p, bad[i]), -EINVAL);
}

static void delays_follow_their_distribution(void **state)
{
    (void)state;
    enum { n = 50000 };
    uint64_t *draws = malloc(n * sizeof *draws);
    assert_non_null(draws);
    struct delay_plan p = {.seed = 3};
    double sum = 0;
    assert_int_equal(delay_parse(&p, "exp:1000"), 0);
    for (uint64_t i = 0; i < n; i++)
        sum += (double)delay_ns(&p, i);
    assert_true(fabs(sum / n / 1e6 - 1) < 5 / sqrt(n));

    assert_int_equal(delay_parse(&p, "lognormal:1000,0.5"), 0);
    for (uint64_t i = 0; i < n; i++) {
        draws[i] = delay_ns(&p, i);
        assert_int_equal(draws[i], delay_ns(&p, i));
    }
    qsort(draws, n, sizeof *draws, ascending);
    /* Median, and the quantiles one standard deviation away in the logarithm. */
    assert_true(fabs((double)draws[n / 2] / 1e6 - 1) < 0.02);
    assert_true(fabs(log((double)draws[(size_t)(n * 0.841345)] / 1e6) - 0.5) < 0.03);
    assert_true(fabs(log((double)draws[(size_t)(n * 0.158655)] / 1e6) + 0.5) < 0.03);
    free(draws);

    size_t slow = 0;
    assert_int_equal(delay_parse(&p, "bimodal:1000,50000,0.2"), 0);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t ns = delay_ns(&p, i);
        assert_true(ns == 1000000 || ns == 50000000);
        slow += ns == 50000000;
    }
    assert_true(fabs((double)slow / n - 0.2) < 5 * sqrt(0.16 / n));

    size_t errors = 0;
    p.error_rate = 0.1;
    for (uint64_t i = 0; i < n; i++)
        errors += delay_is_error(&p, i);
    assert_true(fabs((double)errors / n - 0.1) < 5 * sqrt(0.09 / n));
    p.error_rate = 0;
    for (uint64_t i = 0; i < n; i++)
        assert_false(delay_is_error(&p, i));
}

static void no_delay_ends_within_a_stall(void **state)
{
    (void)state;
    struct delay_plan p = {.stall_every_ns = 1000, .stall_for_ns = 300};
    assert_int_equal(delay_past_stall(&p, 0, 10), 10);
    assert_int_equal(delay_past_stall(&p, 0, 999), 999);
    assert_int_equal(delay_past_stall(&p, 0, 1000), 1300);
    assert_int_equal(delay_past_stall(&p, 950, 100), 350);
    assert_int_equal(delay_past_stall(&p, 1299, 0), 1);
    assert_int_equal(delay_past_stall(&p, 1300, 0), 0);
    assert_int_equal(delay_past_stall(&p, 2000, 0), 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_nearest_ranks),
        cmocka_unit_test(percentiles_of_1_to_n),
        cmocka_unit_test(sorts_as_qsort_does),
        cmocka_unit_test(samples_beyond_the_end_are_told),
        cmocka_unit_test(switches_of_threads_that_ended_are_not_known),
        cmocka_unit_test(uniform_arrivals_are_equally_spaced),
        cmocka_unit_test(poisson_arrivals_have_exponential_gaps),
        cmocka_unit_test(bursts_are_together_and_their_instants_poisson),
        cmocka_unit_test(steps_change_the_rate),
        cmocka_unit_test(steps_of_poisson),
        cmocka_unit_test(arrivals_come_from_the_seed),
        cmocka_unit_test(what_load_draws_says_nothing_of_downstream),
        cmocka_unit_test(known_heads_say_what_the_parser_says),
        cmocka_unit_test(delay_specifications),
        cmocka_unit_test(delays_follow_their_distribution),
        cmocka_unit_test(no_delay_ends_within_a_stall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
