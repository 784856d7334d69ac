/* SPDX-License-Identifier: MIT */
/*
 * The slow service that `call` talks to: echoes its body after a delay. Request number i has the
 * same delay, and the same fate, for the same seed, whichever connection it comes on.
 */
#include "clock.h"
#include "delay.h"
#include "model.h"
#include "options.h"
#include "output.h"
#include "parts/cpus.h"
#include "parts/listener.h"
#include "process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct downstream {
    const char *listen, *delay, *cpus, *json;
    double error_rate, stall_every_s, stall_for_s;
    uint64_t seed;
    bool list;

    struct delay_plan plan;
    const struct model *model;
    struct model_config config;
};

static int resolve(const struct options *options, struct downstream *d)
{
    struct sockaddr_storage address;
    socklen_t len;
    cpu_set_t cpus;
    if (d->list) {
        puts("delays\n  fixed:US\n  exp:MEAN_US\n  lognormal:MEDIAN_US,SIGMA");
        return EXIT_GOOD;
    }
    if (delay_parse(&d->plan, d->delay) != 0)
        return options_error(
            options, "--delay",
            "\"%s\" is not of the form fixed:US, exp:MEAN_US or lognormal:MEDIAN_US,SIGMA",
            d->delay);
    int code = OPTIONS_GO_ON;
    if (!options_given(options, "--stall-for"))
        code = options_refuse(options, "--stall-every", "without --stall-for");
    else if (!options_given(options, "--stall-every"))
        code = options_refuse(options, "--stall-for", "without --stall-every");
    if (code != OPTIONS_GO_ON)
        return code;
    if (d->stall_for_s > 0 && d->stall_for_s >= d->stall_every_s)
        return options_error(options, "--stall-for", "must be less than --stall-every");
    int err = address_parse(d->listen, &address, &len);
    if (err != 0)
        return options_error(options, "--listen", "%s: %s", d->listen,
                             err == -EINVAL ? "not of the form HOST:PORT" : "no such host");
    if (cpus_parse(d->cpus, &cpus) != 0)
        return options_error(options, "--cpus",
                             "\"%s\" is not a list of CPUs that this process may use", d->cpus);
    if (d->plan.kind == DELAY_FIXED && d->error_rate == 0 &&
        options_refuse(options, "--seed", "with a fixed --delay and no --error-rate") !=
            OPTIONS_GO_ON)
        return EXIT_USAGE;
    d->plan.seed = d->seed;
    d->plan.error_rate = d->error_rate;
    d->plan.stall_every_ns = (uint64_t)(d->stall_every_s * 1e9);
    d->plan.stall_for_ns = (uint64_t)(d->stall_for_s * 1e9);
    /* A loop holds any number of waiting requests on one thread. */
    d->model = model_find("event_loop");
    if (!d->model)
        return options_error(options, "model", "event_loop is not built in");
    d->config = (struct model_config){
        .workload = &delay_workload,
        .setup = &d->plan,
        .cells = 1,
        .threads = 1,
        .cpus = d->cpus,
        .queue_limit = 1000000,
        .on_full = MODEL_REJECT,
        .listen = d->listen,
        .content_type = "application/octet-stream",
        .max_body_bytes = (size_t)1 << 30,
        .io_timeout_ns = 60 * CLOCK_NS_PER_S,
        .drain_ns = 10 * CLOCK_NS_PER_S,
        .downstream_connections = 1,
    };
    return OPTIONS_GO_ON;
}

static int read_options(struct downstream *d, int argc, char **argv)
{
    *d = (struct downstream){.listen = "127.0.0.1:8081", .delay = "fixed:1000", .seed = 1};
    struct options_entry entries[] = {
        OPTIONS_TEXT("--listen", "HOST:PORT", &d->listen, "port 0: any that is free"),
        OPTIONS_TEXT("--delay", "DIST", &d->delay,
                     "fixed:US, exp:MEAN_US or lognormal:MEDIAN_US,SIGMA"),
        OPTIONS_COUNT("--seed", "N", &d->seed, 0, 0x1p63, "of delays and errors"),
        OPTIONS_NUMBER("--error-rate", "F", &d->error_rate, 0, 1, "share answered with 500"),
        OPTIONS_NUMBER("--stall-every", "S", &d->stall_every_s, 1e-3, 1e6,
                       "no answers for a while, from each multiple of this on"),
        OPTIONS_NUMBER("--stall-for", "S", &d->stall_for_s, 1e-3, 1e6, "how long"),
        OPTIONS_TEXT("--cpus", "LIST", &d->cpus, "run on these, e.g. 1 or 0,2-3"),
        OPTIONS_TEXT("--json", "FILE", &d->json, "write its counts there at the end"),
        OPTIONS_FLAG("--list", &d->list, "delays known"),
        {0},
    };
    const struct options options = {"downstream", "a slow service: echoes after a delay", entries};
    int code = options_parse(&options, argc, argv);
    return code == OPTIONS_GO_ON ? resolve(&options, d) : code;
}

static int fail(const char *what, const char *where, int err)
{
    fprintf(stderr, "downstream: %s: %s%s%s\n", what, where, *where ? ": " : "", strerror(-err));
    return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES ? EXIT_USAGE
                                                                         : EXIT_ENVIRONMENT;
}

static void write_figures(struct output *output, const struct downstream *d,
                          const struct model_stats *stats, uint64_t lost)
{
    output_count(output, "schema", 1);
    output_text(output, "program", "downstream");
    output_text(output, "delay", d->delay);
    output_count(output, "seed", d->seed);
    output_number(output, "error_rate", d->error_rate);
    output_number(output, "stall_every_s", d->stall_every_s);
    output_number(output, "stall_for_s", d->stall_for_s);
    output_count(output, "requests", stats->requests);
    output_count(output, "answered", stats->answered);
    output_count(output, "errors", atomic_load(&d->plan.errors));
    output_count(output, "connections", stats->connections);
    output_count(output, "lost", lost);
}

static int run(const struct downstream *d, struct output *output)
{
    process_prepare();
    process_block_stops();
    struct model_run *run;
    uint16_t port;
    int err = d->model->start(&d->config, &run, &port);
    if (err != 0)
        return fail("--listen", d->listen, err);
    printf("listening on %.*s:%" PRIu16 "\n", (int)(strrchr(d->listen, ':') - d->listen), d->listen,
           port);
    fflush(stdout);

    process_await_stop();
    struct model_stats stats;
    uint64_t lost = d->model->stop(run, &stats);
    write_figures(output, d, &stats, lost);
    err = output_close(output);
    if (err != 0)
        return fail("--json", d->json, err);
    return lost > 0 ? EXIT_FAILED : EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct downstream d;
    struct output output = {0};
    int code = read_options(&d, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    int err = output_open(&output, d.json);
    if (err != 0) {
        fail("--json", d.json, err);
        return EXIT_USAGE;
    }
    code = run(&d, &output);
    output_discard(&output);
    return code;
}
