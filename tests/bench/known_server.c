/* SPDX-License-Identifier: MIT */
#include "known_server.h"

#include "draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOLERANCE 0.01

const uint32_t ppms[QUANTILES] = {500000, 900000, 990000, 999000};

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

double service_quantile(const struct server *server, double share)
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
const struct load_class known_class = {
    .share = 1, .requests = &nothing, .documents = 1, .right = right};

void run(const struct server *server, struct load_config config, size_t connection_count,
         struct load_result *result)
{
    struct connections connections;
    const struct sockaddr_storage nowhere = {0};
    simulated.answer_ns = answer_ns;
    simulated.arg = server;
    if (config.class_count == 0) {
        config.classes = &known_class;
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
    simulated.walk_ns = simulated.read_ns = 0;
}

void assert_near(const char *what, uint32_t ppm, double reported, double computed)
{
    if (fabs(reported / computed - 1) > TOLERANCE)
        fail_msg("%s: p%g is reported as %.0f ns and computed as %.0f ns", what, ppm / 1e4,
                 reported, computed);
}

void assert_all_answered(const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    assert_true(counts->planned > 0);
    assert_int_equal(counts->sent, counts->planned);
    assert_int_equal(counts->answered, counts->planned);
    assert_int_equal(result->all.latency.count, counts->planned);
}

void queued(const struct server *server, const struct load_config *config, size_t servers,
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
