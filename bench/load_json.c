/* SPDX-License-Identifier: MIT */
/* The figures of load_report.h as JSON. */
#include "load_report.h"

#include <math.h>
#include <stdio.h>

static void write_figure(struct output *output, const char *key, uint64_t value, bool there)
{
    if (there)
        output_count(output, key, value);
    else
        output_number(output, key, NAN);
}

/* Null where there is no sample: 0 would be a figure, and the best there is. */
static void write_percentiles(struct output *output, const char *prefix,
                              const struct statistics *statistics)
{
    char key[64];
    for (const struct load_percentile *p = load_percentiles; p->name; p++) {
        snprintf(key, sizeof key, "%s%s_ns", prefix, p->name);
        write_figure(output, key, statistics_percentile(statistics, p->ppm), statistics->count > 0);
    }
    snprintf(key, sizeof key, "%smean_ns", prefix);
    output_number(output, key, statistics->count > 0 ? statistics_mean(statistics) : NAN);
}

static void write_counts(struct output *output, const struct load_counts *counts)
{
    output_count(output, "planned", counts->planned);
    output_count(output, "sent", counts->sent);
    output_count(output, "answered", counts->answered);
    output_count(output, "unsent", counts->unsent);
    output_count(output, "failed", counts->failed);
    output_count(output, "timeouts", counts->timeouts);
    output_count(output, "wrong", counts->wrong);
    output_count(output, "rejected", counts->rejected); /* of these */
    output_count(output, "held_back", counts->held_back);
    output_count(output, "sent_after", counts->sent_after); /* of these */
}

/* Null where there were several rates: percentiles of all of them together say nothing of any. */
static void write_blended(struct output *output, const struct load_result *result,
                          const char *prefix, const struct statistics *statistics)
{
    static const struct statistics none;
    write_percentiles(output, prefix, result->step_count > 1 ? &none : statistics);
}

static void write_class_config(struct output *output, const struct load_class_options *class)
{
    output_text(output, "method", class->method);
    output_text(output, "workload", class->workload);
    output_text(output, "payload", class->payload);
    output_text(output, "codec", class->codec);
    unsigned needs = class->known_workload ? workload_needs(class->known_workload) : 0;
    if (needs & WORKLOAD_NEEDS_CPU_ITERATIONS)
        output_count(output, "cpu_iterations", class->cpu_iterations);
    if (needs & WORKLOAD_NEEDS_RING) {
        output_count(output, "hops", class->hops);
        output_count(output, "cells", class->cells);
    }
    if (needs & WORKLOAD_NEEDS_MESSAGES)
        output_count(output, "messages", class->messages);
    if (needs & WORKLOAD_NEEDS_STORE_MIX) {
        output_count(output, "hot_percent", class->hot_percent);
        output_count(output, "put_percent", class->put_percent);
    }
    if (needs & WORKLOAD_NEEDS_HEAVY)
        output_count(output, "heavy_percent", class->heavy_percent);
    if (needs & WORKLOAD_NEEDS_HITS)
        output_count(output, "hit_percent", class->hit_percent);
}

static void write_config(struct output *output, const struct load_options *load)
{
    bool closed = load_is_closed(load);
    output_text(output, "target", load->target_url);
    output_text(output, "arrival", load->arrival);
    output_number(output, "rate_hz", closed || load->steps ? NAN : load->rate_hz);
    if (load->config.arrivals.kind == ARRIVALS_BURST)
        output_count(output, "burst", load->burst);
    output_number(output, "warmup_s", load->warmup_s);
    output_number(output, "timeout_s", load->timeout_s);
    output_count(output, "seed", load->seed);
    output_count(output, "spin_us", load->spin_us);
    output_count(output, "slack_us", load->slack_us);
    output_text(output, "cpus", load->cpus);
    if (load->class_count == 1)
        write_class_config(output, &load->classes[0]);
}

static void write_classes(struct output *output, const struct load_options *load,
                          const struct load_result *result)
{
    output_begin_list(output, "classes");
    for (size_t i = 0; load->class_count > 1 && i < load->class_count; i++) {
        const struct load_class_options *class = &load->classes[i];
        const struct load_part *part = &result->classes[i];
        output_begin(output, NULL);
        output_text(output, "name", class->name);
        output_number(output, "share", class->share);
        output_text(output, "path", class->path ? class->path : load->target.path);
        write_class_config(output, class);
        write_counts(output, &part->counts);
        write_blended(output, result, "", &part->latency);
        write_blended(output, result, "service_", &part->service);
        output_end(output);
    }
    output_end_list(output);
}

/* What the figures of a whole run are for one rate, those of its steps are for several. */
static void write_steps(struct output *output, const struct load_options *load,
                        const struct load_result *result)
{
    uint64_t from_ns = 0;
    output_begin_list(output, "steps");
    for (size_t i = 0; result->step_count > 1 && i < result->step_count; i++) {
        const struct load_step *step = &result->steps[i];
        output_begin(output, NULL);
        output_number(output, "rate_hz", load->config.arrivals.steps[i].rate_hz);
        output_count(output, "from_ns", from_ns);
        output_count(output, "to_ns", from_ns = step->end_ns);
        write_counts(output, &step->part.counts);
        write_percentiles(output, "", &step->part.latency);
        write_percentiles(output, "service_", &step->part.service);
        write_figure(output, "polled_ns", step->polled_ns, load->spin_us > 0);
        output_end(output);
    }
    output_end_list(output);
}

static void write_seconds(struct output *output, const struct load_result *result)
{
    output_begin_list(output, "seconds");
    for (size_t i = 0; i < result->second_count; i++) {
        const struct load_second *second = &result->seconds[i];
        bool sampled = second->counts.answered > 0;
        output_begin(output, NULL);
        output_count(output, "second", i);
        write_counts(output, &second->counts);
        output_count(output, "completed", second->in_window);
        write_figure(output, "p50_ns", second->p50_ns, sampled);
        write_figure(output, "p99_ns", second->p99_ns, sampled);
        write_figure(output, "max_ns", second->max_ns, sampled);
        write_figure(output, "service_p99_ns", second->service_p99_ns, sampled);
        write_figure(output, "lag_max_ns", second->lag_max_ns,
                     second->counts.sent > 0 && result->lag.count > 0);
        output_end(output);
    }
    output_end_list(output);
}

/* Of the CPUs that a process may use; nothing where that is not known. */
static void write_cpus(struct output *output, const char *prefix, const struct cpu_time *cpus)
{
    char key[64];
    snprintf(key, sizeof key, "%scpus", prefix);
    write_figure(output, key, cpus->count, cpus->count > 0);
    snprintf(key, sizeof key, "%scpus_idle_ns", prefix);
    write_figure(output, key, cpus->idle_ns, cpus->count > 0);
    snprintf(key, sizeof key, "%scpus_steal_ns", prefix);
    write_figure(output, key, cpus->steal_ns, cpus->count > 0);
}

static void write_watched(struct output *output, const struct load_result *result)
{
    const struct watch *watched = &result->watched;
    output_count(output, "watch_cpu_ns", watched->cpu_ns);
    output_count(output, "watch_cpu_user_ns", watched->cpu_user_ns);
    output_count(output, "watch_cpu_system_ns", watched->cpu_system_ns);
    write_figure(output, "watch_voluntary_switches", watched->voluntary_switches,
                 watched->voluntary_switches != UINT64_MAX);
    write_figure(output, "watch_involuntary_switches", watched->involuntary_switches,
                 watched->involuntary_switches != UINT64_MAX);
    output_count(output, "watch_rss_bytes", watched->rss_bytes);
    /* Of the same time as the switches. */
    output_count(output, "watch_answered", result->right);
    write_cpus(output, "watch_", &watched->cpus);
}

void load_report_write(struct output *output, const struct load_options *load,
                       const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    output_count(output, "schema", 1);
    output_text(output, "program", "load");
    write_config(output, load);
    write_counts(output, counts);
    /* Of the plan, but not in the percentiles: unsent, failed, wrong, or one sample too many. */
    output_count(output, "without_latency", counts->planned - (counts->answered - result->dropped));
    output_count(output, "samples_dropped", result->dropped);
    output_number(output, "offered_hz", load_offered_hz(load, result));
    output_number(output, "achieved_hz", load_achieved_hz(load, result));
    output_count(output, "completed", result->in_window); /* achieved_hz times the duration */
    output_count(output, "duration_ns", load->config.duration_ns);
    output_count(output, "connections", load->connections);
    output_count(output, "connections_held", result->held);
    output_count(output, "in_flight", load->in_flight);
    output_count(output, "answers_stamped", result->stamped);
    output_count(output, "reconnects", result->reconnects);
    output_count(output, "closed_by_peer", result->closes);
    output_count(output, "window_began_ns", result->from_ns); /* CLOCK_MONOTONIC */
    write_blended(output, result, "", &result->all.latency);
    write_blended(output, result, "service_", &result->all.service);
    write_percentiles(output, "lag_", &result->lag);
    output_number(output, "in_flight_mean", result->in_flight_mean);
    output_number(output, "little_ratio", load_little_ratio(load, result));
    output_count(output, "cpu_ns", result->cpu_ns);
    write_figure(output, "polled_ns", result->polled_ns, load->spin_us > 0); /* no work */
    output_begin(output, "status_counts");
    for (int status = 0; status < 600; status++) {
        char key[8];
        snprintf(key, sizeof key, "%d", status);
        if (result->status_counts[status])
            output_count(output, key, result->status_counts[status]);
    }
    output_end(output);
    write_cpus(output, "own_", &result->cpus);
    if (load->config.watch_pid && result->watch_error == 0)
        write_watched(output, result);
    if (load->config.beside_pid && result->watch_error == 0) {
        output_count(output, "beside_cpu_ns", result->beside.cpu_ns);
        write_cpus(output, "beside_", &result->beside.cpus);
    }
    write_classes(output, load, result);
    write_steps(output, load, result);
    write_seconds(output, result);
}
