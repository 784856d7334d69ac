/* SPDX-License-Identifier: MIT */
#include "load_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t ppm;
} percentiles[] = {{"p50", 500000}, {"p90", 900000},  {"p95", 950000},
                   {"p99", 990000}, {"p999", 999000}, {"max", 1000000}};

static double achieved_hz(const struct load_options *load, const struct load_result *result)
{
    return (double)result->in_window / load->duration_s;
}

static double offered_hz(const struct load_options *load, const struct load_result *result)
{
    return (double)result->planned / load->duration_s;
}

/* Little's law, L = X W: in a closed loop the mean number in flight is the number of connections,
 * whatever this program believes; in an open loop it is what was counted. About 1 if all is well.
 */
static double little_ratio(const struct load_options *load, const struct load_result *result)
{
    double in_flight = load->config.arrival == ARRIVALS_CLOSED ? (double)load->connections
                                                               : result->in_flight_mean;
    return in_flight > 0
               ? achieved_hz(load, result) * statistics_mean(&result->service) / 1e9 / in_flight
               : NAN;
}

bool load_report_good(const struct load_options *load, const struct load_result *result)
{
    return result->failed == 0 && result->wrong == 0 && result->answered > 0 &&
           result->held == load->connections && result->watch_error == 0 &&
           result->latency.dropped == 0;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

void load_report_print(const struct load_options *load, const struct load_result *result)
{
    printf("%s: %s arrivals, %zu of %" PRIu64 " connections held, %g s after %g s of warm-up\n",
           load->target_url, load->arrival, result->held, load->connections, load->duration_s,
           load->warmup_s);
    printf("  sent %" PRIu64 ", answered %" PRIu64 ", wrong %" PRIu64 ", failed %" PRIu64
           " (%" PRIu64 " timed out), unsent %" PRIu64 "\n",
           result->sent, result->answered, result->wrong, result->failed, result->timeouts,
           result->unsent);
    if (load->config.arrival == ARRIVALS_CLOSED)
        printf("  achieved %.1f requests/s (closed loop; Little's law ratio %.3f)\n",
               achieved_hz(load, result), little_ratio(load, result));
    else
        printf("  offered %.1f requests/s, achieved %.1f\n", offered_hz(load, result),
               achieved_hz(load, result));
    static const struct {
        const char *what;
        size_t offset;
    } rows[] = {{"latency", offsetof(struct load_result, latency)},
                {"service", offsetof(struct load_result, service)},
                {"own lag", offsetof(struct load_result, lag)}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const struct statistics *s =
            (const struct statistics *)(const void *)((const char *)result + rows[r].offset);
        if (s->count == 0)
            continue;
        printf("  %s ms:", rows[r].what);
        for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
            printf(" %s %.3f", percentiles[i].name,
                   ms(statistics_percentile(s, percentiles[i].ppm)));
        puts("");
    }
    if (result->unsent || result->failed)
        printf("  %" PRIu64 " planned requests have no latency (%" PRIu64 " unsent, %" PRIu64
               " failed): the true percentiles are higher\n",
               result->unsent + result->failed, result->unsent, result->failed);
    if (result->wrong)
        printf("  %" PRIu64 " wrong answers are not in the percentiles\n", result->wrong);
    /* A server that was told another number does its work well, and every answer is another. */
    if (result->wrong && !result->answered && load->known_workload &&
        workload_needs(load->known_workload) & WORKLOAD_NEEDS_CPU_ITERATIONS)
        printf("  (was the server given --cpu-iterations %" PRIu64 ", too?)\n",
               load->cpu_iterations);
    if (result->latency.dropped)
        printf("  %zu samples did not fit and are not in the percentiles\n",
               result->latency.dropped);
    if (result->watch_error)
        printf("  --watch-pid: %s\n", strerror(-result->watch_error));
}

/* Null where there is no sample: 0 would be a figure, and the best there is. */
static void write_percentiles(struct output *output, const char *prefix,
                              const struct statistics *statistics)
{
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s%s_ns", prefix, percentiles[i].name);
        if (statistics->count > 0)
            output_count(output, key, statistics_percentile(statistics, percentiles[i].ppm));
        else
            output_number(output, key, NAN);
    }
    char key[64];
    snprintf(key, sizeof key, "%smean_ns", prefix);
    output_number(output, key, statistics->count > 0 ? statistics_mean(statistics) : NAN);
}

static void write_config(struct output *output, const struct load_options *load)
{
    bool closed = load->config.arrival == ARRIVALS_CLOSED;
    output_text(output, "target", load->target_url);
    output_text(output, "method", load->method);
    output_text(output, "arrival", load->arrival);
    output_number(output, "rate_hz", closed ? NAN : load->rate_hz);
    output_number(output, "warmup_s", load->warmup_s);
    output_number(output, "timeout_s", load->timeout_s);
    output_count(output, "seed", load->seed);
    output_count(output, "spin_us", load->spin_us);
    output_text(output, "workload", load->workload);
    output_text(output, "payload", load->payload);
    output_text(output, "codec", load->codec);
    output_text(output, "cpus", load->cpus);
    unsigned needs = load->known_workload ? workload_needs(load->known_workload) : 0;
    if (needs & WORKLOAD_NEEDS_CPU_ITERATIONS)
        output_count(output, "cpu_iterations", load->cpu_iterations);
    if (needs & WORKLOAD_NEEDS_RING) {
        output_count(output, "hops", load->hops);
        output_count(output, "cells", load->cells);
    }
}

static void write_watched(struct output *output, const struct watch *watched)
{
    output_count(output, "watch_cpu_ns", watched->cpu_ns);
    output_count(output, "watch_cpu_user_ns", watched->cpu_user_ns);
    output_count(output, "watch_cpu_system_ns", watched->cpu_system_ns);
    output_count(output, "watch_voluntary_switches", watched->voluntary_switches);
    output_count(output, "watch_involuntary_switches", watched->involuntary_switches);
    output_count(output, "watch_rss_bytes", watched->rss_bytes);
}

void load_report_write(struct output *output, const struct load_options *load,
                       const struct load_result *result)
{
    output_count(output, "schema", 1);
    output_text(output, "program", "load");
    write_config(output, load);
    output_count(output, "planned", result->planned);
    output_count(output, "sent", result->sent);
    output_count(output, "answered", result->answered);
    output_count(output, "unsent", result->unsent);
    output_count(output, "failed", result->failed);
    output_count(output, "timeouts", result->timeouts);
    output_count(output, "wrong", result->wrong);
    output_count(output, "held_back", result->held_back);
    /* Of the plan, but not in the percentiles: unsent, failed, wrong, or one sample too many. */
    output_count(output, "without_latency",
                 result->planned - (result->answered - result->latency.dropped));
    output_count(output, "samples_dropped", result->latency.dropped);
    output_number(output, "offered_hz", offered_hz(load, result));
    output_number(output, "achieved_hz", achieved_hz(load, result));
    output_count(output, "duration_ns", load->config.duration_ns);
    output_count(output, "connections", load->connections);
    output_count(output, "connections_held", result->held);
    output_count(output, "reconnects", result->reconnects);
    output_count(output, "closed_by_peer", result->closes);
    write_percentiles(output, "", &result->latency);
    write_percentiles(output, "service_", &result->service);
    write_percentiles(output, "lag_", &result->lag);
    output_number(output, "in_flight_mean", result->in_flight_mean);
    output_number(output, "little_ratio", little_ratio(load, result));
    output_count(output, "cpu_ns", result->cpu_ns);
    output_begin(output, "status_counts");
    for (int status = 0; status < 600; status++) {
        char key[8];
        snprintf(key, sizeof key, "%d", status);
        if (result->status_counts[status])
            output_count(output, key, result->status_counts[status]);
    }
    output_end(output);
    if (load->config.watch_pid && result->watch_error == 0)
        write_watched(output, &result->watched);
}
