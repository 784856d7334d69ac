/* SPDX-License-Identifier: MIT */
/* One server: a model that runs a workload behind HTTP/1.1. */
#include "admin.h"
#include "clock.h"
#include "names.h"
#include "output.h"
#include "parts/http.h"
#include "process.h"
#include "serve_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int fail(const char *what, const char *why, int code)
{
    fprintf(stderr, "serve: %s: %s\n", what, why);
    return code;
}

/* Why a model did not start, in the words of the option that is to blame. */
static int start_failed(const struct serve_options *serve, int err)
{
    switch (err) {
    case -EADDRINUSE:
    case -EADDRNOTAVAIL:
    case -EACCES:
        fprintf(stderr, "serve: --listen: %s: %s\n", serve->listen, strerror(-err));
        return EXIT_USAGE;
    case -EINVAL:
        return fail("--model", "refuses --listen, --cpus, --downstream or --threads as given",
                    EXIT_USAGE);
    default:
        return fail("start", strerror(-err), EXIT_ENVIRONMENT);
    }
}

static void write_stats(struct output *output, const struct model_stats *stats)
{
    output_count(output, "requests", stats->requests);
    output_count(output, "answered", stats->answered);
    output_count(output, "rejected", stats->rejected);
    output_count(output, "turns", stats->turns);
    output_count(output, "messages", stats->messages);
    output_count(output, "wakeups", stats->wakeups);
    output_count(output, "calls", stats->calls);
    output_count(output, "call_errors", stats->call_errors);
    output_count(output, "sends", stats->sends);
    output_count(output, "offloads", stats->offloads);
    output_count(output, "syscalls", stats->syscalls);
    output_count(output, "connections", stats->connections);
    output_count(output, "bad_requests", stats->bad_requests);
    output_count(output, "in_flight", stats->in_flight);
    output_count(output, "connections_open", stats->connections_open);
    output_count(output, "model_threads", stats->threads);
}

static uint64_t timeval_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

static void write_usage(struct output *output)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    output_count(output, "cpu_user_ns", timeval_ns(usage.ru_utime));
    output_count(output, "cpu_system_ns", timeval_ns(usage.ru_stime));
    output_count(output, "voluntary_switches", (uint64_t)usage.ru_nvcsw);
    output_count(output, "involuntary_switches", (uint64_t)usage.ru_nivcsw);
    output_count(output, "max_rss_bytes", process_peak_rss_bytes());
}

static void say(const char *what, const char *address, uint16_t port)
{
    printf("%s on %.*s:%" PRIu16 "\n", what, (int)(strrchr(address, ':') - address), address, port);
    fflush(stdout);
}

/* EXIT_GOOD; else the model has been stopped again. */
static int start_admin(const struct serve_options *serve, struct model_run *run,
                       struct admin **admin)
{
    uint16_t port;
    *admin = NULL;
    if (!serve->admin)
        return EXIT_GOOD;
    int err = admin_start(admin,
                          &(struct admin_config){.listen = serve->admin,
                                                 .model = serve->model,
                                                 .run = run,
                                                 .workload = serve->workload_name},
                          &port);
    if (err == 0) {
        say("admin", serve->admin, port);
        return EXIT_GOOD;
    }
    serve->model->stop(run, NULL);
    fprintf(stderr, "serve: --admin: %s: %s\n", serve->admin, strerror(-err));
    return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES ? EXIT_USAGE
                                                                         : EXIT_ENVIRONMENT;
}

static int serve_until_stopped(const struct serve_options *serve, struct output *output)
{
    process_block_stops();
    struct model_run *run;
    struct admin *admin;
    uint16_t port;
    uint64_t began_ns = clock_ns();
    int err = serve->model->start(&serve->config, &run, &port);
    if (err != 0)
        return start_failed(serve, err);
    uint64_t start_ns = clock_ns() - began_ns;
    say("listening", serve->listen, port);
    int code = start_admin(serve, run, &admin);
    if (code != EXIT_GOOD)
        return code;

    process_await_stop();
    admin_stop(admin);
    struct model_stats stats;
    began_ns = clock_ns();
    uint64_t lost = serve->model->stop(run, &stats);
    uint64_t drain_ns = clock_ns() - began_ns;
    output_count(output, "schema", 1);
    output_text(output, "program", "serve");
    output_text(output, "llhttp_version", http_parser_version());
    serve_options_write(output, serve);
    output_count(output, "port", port);
    write_stats(output, &stats);
    output_count(output, "lost", lost);
    output_count(output, "start_ns", start_ns);
    output_count(output, "drain_ns", drain_ns);
    write_usage(output);
    err = output_close(output);
    if (err != 0)
        return fail("--json", strerror(-err), EXIT_ENVIRONMENT);
    if (lost > 0)
        fprintf(stderr, "serve: lost %" PRIu64 " requests\n", lost);
    return lost > 0 ? EXIT_FAILED : EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct serve_options serve;
    struct output output = {0};
    int code = serve_options_read(&serve, argc, argv);
    if (code == OPTIONS_GO_ON) {
        int err = output_open(&output, serve.json);
        if (err != 0) {
            fprintf(stderr, "serve: --json: %s: %s\n", serve.json, strerror(-err));
            code = EXIT_USAGE;
        } else {
            process_prepare();
            code = serve_until_stopped(&serve, &output);
        }
    }
    output_discard(&output);
    serve_options_finish(&serve);
    return code;
}
