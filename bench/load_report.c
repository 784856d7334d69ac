/* SPDX-License-Identifier: MIT */
#include "load_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* METHOD section 4: below this share of the plan it was another load; above this lag the tail is
 * the machine's. */
#define SENT_MIN 0.99
#define LAG_MAX 0.1

const struct load_percentile load_percentiles[] = {
    {"p50", 500000},
    {"p90", 900000},
    {"p95", 950000},
    {"p99", 990000},
    {"p999", 999000},
    {"max", 1000000},
    {0},
};

double load_achieved_hz(const struct load_options *load, const struct load_result *result)
{
    return (double)result->in_window / load->duration_s;
}

double load_offered_hz(const struct load_options *load, const struct load_result *result)
{
    return (double)result->all.counts.planned / load->duration_s;
}

double load_little_ratio(const struct load_options *load, const struct load_result *result)
{
    double in_flight = load_is_closed(load) ? (double)load->in_flight : result->in_flight_mean;
    double service_s = statistics_mean(&result->all.service) / 1e9;
    return in_flight > 0 ? load_achieved_hz(load, result) * service_s / in_flight : NAN;
}

static bool kept_plan(const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    uint64_t kept = counts->planned - counts->unsent - counts->sent_after;
    return (double)kept >= SENT_MIN * (double)counts->planned;
}

bool load_report_good(const struct load_options *load, const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    return counts->failed == 0 && counts->wrong == 0 && counts->answered > 0 && kept_plan(result) &&
           result->held == load->connections && result->watch_error == 0 && result->dropped == 0;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void print_statistics(const char *what, const struct statistics *statistics)
{
    if (statistics->count == 0)
        return;
    const char *slowest = NULL; /* the first percentile with no sample beyond it */
    printf("  %s ms:", what);
    for (const struct load_percentile *p = load_percentiles; p->name; p++) {
        printf(" %s %.3f", p->name, ms(statistics_percentile(statistics, p->ppm)));
        if (!slowest && p->ppm < 1000000 && statistics->count * (1000000 - p->ppm) < 1000000)
            slowest = p->name;
    }
    if (slowest)
        printf(" (of %zu: %s is the slowest)", statistics->count, slowest);
    puts("");
}

static void print_counts(const char *what, const struct load_counts *counts)
{
    printf("  %ssent %" PRIu64 ", answered %" PRIu64 ", wrong %" PRIu64 " (%" PRIu64
           " rejected), failed %" PRIu64 " (%" PRIu64 " timed out), unsent %" PRIu64 "\n",
           what, counts->sent, counts->answered, counts->wrong, counts->rejected, counts->failed,
           counts->timeouts, counts->unsent);
}

static void print_classes(const struct load_options *load, const struct load_result *result)
{
    for (size_t i = 0; load->class_count > 1 && i < load->class_count; i++) {
        char what[128];
        snprintf(what, sizeof what, "%.100s: ", load->classes[i].name);
        print_counts(what, &result->classes[i].counts);
        snprintf(what, sizeof what, "%.100s: latency", load->classes[i].name);
        print_statistics(what, &result->classes[i].latency);
    }
}

static void print_steps(const struct load_options *load, const struct load_result *result)
{
    for (size_t i = 0; i < result->step_count; i++) {
        const struct load_part *part = &result->steps[i].part;
        char what[64];
        snprintf(what, sizeof what, "at %g/s: ", load->config.arrivals.steps[i].rate_hz);
        print_counts(what, &part->counts);
        snprintf(what, sizeof what, "at %g/s: latency", load->config.arrivals.steps[i].rate_hz);
        print_statistics(what, &part->latency);
    }
}

void load_report_print(const struct load_options *load, const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    printf("%s: %s arrivals, %zu of %" PRIu64 " connections held, %g s after %g s of warm-up\n",
           load->target_url, load->arrival, result->held, load->connections, load->duration_s,
           load->warmup_s);
    print_counts("", counts);
    if (load_is_closed(load))
        printf("  achieved %.1f requests/s (closed loop; Little's law ratio %.3f)\n",
               load_achieved_hz(load, result), load_little_ratio(load, result));
    else
        printf("  offered %.1f requests/s, achieved %.1f\n", load_offered_hz(load, result),
               load_achieved_hz(load, result));
    if (result->step_count > 1) {
        print_steps(load, result);
    } else {
        print_statistics("latency", &result->all.latency);
        print_statistics("service", &result->all.service);
        print_classes(load, result);
    }
    print_statistics("own lag", &result->lag);
    if (counts->unsent || counts->failed)
        printf("  %" PRIu64 " planned requests have no latency (%" PRIu64 " unsent, %" PRIu64
               " failed): the true percentiles are higher\n",
               counts->unsent + counts->failed, counts->unsent, counts->failed);
    if (counts->rejected)
        printf("  %" PRIu64
               " were rejected (503: more under way than the server's limit) and are not"
               " in the percentiles\n",
               counts->rejected);
    if (counts->wrong > counts->rejected)
        printf("  %" PRIu64 " wrong answers are not in the percentiles\n",
               counts->wrong - counts->rejected);
    /* A server that was told another number does its work well, and every answer is another. */
    const struct workload *workload = load->classes[0].known_workload;
    if (counts->wrong > counts->rejected && !counts->answered && workload &&
        workload_needs(workload) & WORKLOAD_NEEDS_CPU_ITERATIONS)
        printf("  (was the server given --cpu-iterations %" PRIu64 ", too?)\n",
               load->classes[0].cpu_iterations);
    if (result->dropped)
        printf("  %zu samples did not fit and are not in the percentiles\n", result->dropped);
    if (result->watch_error)
        printf("  --watch-pid, --beside-pid: %s\n", strerror(-result->watch_error));
}

void load_report_warn(const struct load_result *result)
{
    const struct load_counts *counts = &result->all.counts;
    if (counts->unsent)
        fprintf(stderr,
                "load: warning: %" PRIu64 " of %" PRIu64
                " planned requests were not sent, for no connection came free: %s\n",
                counts->unsent, counts->planned,
                kept_plan(result) ? "no percentile has their latency in it"
                                  : "this was not the load that was asked for");
    else if (!kept_plan(result))
        fprintf(stderr,
                "load: warning: %" PRIu64 " of %" PRIu64
                " planned requests were sent after the window only, for no connection came free: "
                "this was not the load that was asked for\n",
                counts->sent_after, counts->planned);
    uint64_t lag_ns = statistics_percentile(&result->lag, 990000);
    if ((double)lag_ns > LAG_MAX * (double)statistics_percentile(&result->all.latency, 500000) &&
        result->all.latency.count > 0)
        fprintf(stderr,
                "load: warning: was itself late by %.3f ms at p99, more than a tenth of the median "
                "latency: the tail is this machine's\n",
                ms(lag_ns));
}
