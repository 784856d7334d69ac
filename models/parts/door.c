/* SPDX-License-Identifier: MIT */
#include "door.h"

#include "counters.h"

#include "cpus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int door_check(const struct model_config *config)
{
    const struct workload *workload = config->workload;
    cpu_set_t cpus;
    if (!workload || !workload->step || (workload->cell_size > 0 && config->cells == 0))
        return -EINVAL;
    if (config->threads == 0 || config->threads > 1024 || config->queue_limit == 0)
        return -EINVAL;
    if (config->on_full != MODEL_REJECT && config->on_full != MODEL_WAIT)
        return -EINVAL;
    if (config->listen && (config->max_body_bytes == 0 || config->io_timeout_ns == 0))
        return -EINVAL;
    if (config->downstream && (config->downstream_connections == 0 || config->call_timeout_ns == 0))
        return -EINVAL;
    if (config->offload_threads > 1024)
        return -EINVAL;
    return cpus_parse(config->cpus, &cpus);
}

int door_turn_away(const struct door *door, struct request *request, _Atomic uint64_t *rejected)
{
    if (door->on_full == MODEL_WAIT)
        return -EAGAIN;
    counter_add_shared(rejected, 1);
    request_refuse(request);
    request->done(request);
    return 0;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void counters_sum(const struct counters *counters, unsigned count, struct model_stats *stats)
{
    *stats = (struct model_stats){0};
    uint64_t closed = 0;
    for (const struct counters *c = counters; c < counters + count; c++) {
        /* Closed before opened, so that a snapshot taken in between never shows fewer than none. */
        closed += get(&c->closed);
        uint64_t at_once = get(&c->at_once);
        stats->requests += get(&c->requests) + get(&c->posted);
        stats->answered += get(&c->answered) + at_once;
        stats->rejected += get(&c->rejected);
        uint64_t turns = get(&c->turns) + at_once;
        stats->turns += turns;
        if (c - counters < MODEL_STATS_THREADS)
            stats->turns_of[c - counters] = turns;
        stats->messages += get(&c->messages) + get(&c->handed);
        stats->wakeups += get(&c->wakeups);
        stats->calls += get(&c->calls);
        stats->call_errors += get(&c->call_errors);
        stats->sends += get(&c->sends);
        stats->offloads += get(&c->offloads);
        stats->syscalls += get(&c->syscalls);
        stats->bad_requests += get(&c->bad_requests);
    }
    for (const struct counters *c = counters; c < counters + count; c++)
        stats->connections += get(&c->connections);
    stats->connections_open =
        stats->connections > closed ? (uint32_t)(stats->connections - closed) : 0;
}

__attribute__((format(printf, 2, 3))) static void print(struct bytes *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0)
        bytes_append(out, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

void door_write_health(struct bytes *out)
{
    print(out, "ok\n");
}

void door_write_metrics(struct bytes *out, const char *model, const char *workload,
                        const struct model_stats *stats)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } metrics[] = {
        {"assay_requests_total", "counter", "Requests accepted.", stats->requests},
        {"assay_answered_total", "counter", "Replies handed over, 503s not counted.",
         stats->answered},
        {"assay_rejected_total", "counter", "Requests answered 503.", stats->rejected},
        {"assay_turns_total", "counter", "Turns of cells.", stats->turns},
        {"assay_messages_total", "counter", "Messages queued between places of execution.",
         stats->messages},
        {"assay_wakeups_total", "counter", "Signals sent to a sleeping thread.", stats->wakeups},
        {"assay_calls_total", "counter", "Requests sent to the downstream service.", stats->calls},
        {"assay_call_errors_total", "counter", "Downstream requests that failed or timed out.",
         stats->call_errors},
        {"assay_sends_total", "counter", "One-way messages accepted.", stats->sends},
        {"assay_offloads_total", "counter", "Pieces of work offloaded.", stats->offloads},
        {"assay_syscalls_total", "counter", "System calls of the model's threads.",
         stats->syscalls},
        {"assay_connections_total", "counter", "Connections accepted.", stats->connections},
        {"assay_bad_requests_total", "counter", "Requests that the HTTP layer refused.",
         stats->bad_requests},
        {"assay_in_flight", "gauge", "Requests accepted and not yet answered.", stats->in_flight},
        {"assay_held_back", "gauge", "Connections that wait for room.", stats->held_back},
        {"assay_connections_open", "gauge", "Connections open now.", stats->connections_open},
        {"assay_pool_in_use", "gauge", "Connections to the downstream service that have a call.",
         stats->pool_in_use},
        {"assay_threads", "gauge", "Threads of the model, helpers included.", stats->threads},
    };
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        print(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[i].name, metrics[i].help,
              metrics[i].name, metrics[i].type);
        print(out, "%s{model=\"%s\",workload=\"%s\"} %" PRIu64 "\n", metrics[i].name, model,
              workload, metrics[i].value);
    }
    print(out, "# HELP assay_thread_turns_total Turns by thread.\n"
               "# TYPE assay_thread_turns_total counter\n");
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        if (stats->turns_of[i])
            print(out,
                  "assay_thread_turns_total{model=\"%s\",workload=\"%s\",thread=\"%d\"} %" PRIu64
                  "\n",
                  model, workload, i, stats->turns_of[i]);
}
