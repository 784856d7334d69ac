/* SPDX-License-Identifier: MIT */
/* The slow service that `call` talks to: echoes its body after a delay (delay.h), and can be told
 * to be slower, to stall, to refuse, to die and to come back (downstream_control.h). */
#include "downstream_control.h"
#include "options.h"
#include "output.h"
#include "parts/cpus.h"
#include "parts/listener.h"
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct downstream {
    const char *listen, *control, *delay, *cpus, *json;
    double error_rate, stall_every_s, stall_for_s;
    uint64_t seed;
    bool list, check;

    struct delay_plan plan;
    struct downstream_config config;
};

static int check_address(const struct options *options, const char *name, const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    int err = text ? address_parse(text, &address, &len) : 0;
    if (err == 0)
        return OPTIONS_GO_ON;
    return options_error(options, name, "%s: %s", text,
                         err == -EINVAL ? "not of the form HOST:PORT" : "no such host");
}

static int resolve_plan(const struct options *options, struct downstream *d)
{
    if (delay_parse(&d->plan, d->delay) != 0)
        return options_error(options, "--delay", "\"%s\" is not of the form " DELAY_FORMS,
                             d->delay);
    int code = OPTIONS_GO_ON;
    if (!options_given(options, "--stall-for"))
        code = options_refuse(options, "--stall-every", "without --stall-for");
    else if (!options_given(options, "--stall-every"))
        code = options_refuse(options, "--stall-for", "without --stall-every");
    /* Settings that come later may need it. */
    if (code == OPTIONS_GO_ON && d->plan.kind == DELAY_FIXED && d->error_rate == 0 && !d->control)
        code = options_refuse(options, "--seed", "with a fixed --delay and no --error-rate");
    if (code != OPTIONS_GO_ON)
        return code;
    if (d->stall_for_s > 0 && d->stall_for_s >= d->stall_every_s)
        return options_error(options, "--stall-for", "must be less than --stall-every");
    d->plan.seed = d->seed;
    d->plan.error_rate = d->error_rate;
    d->plan.stall_every_ns = (uint64_t)(d->stall_every_s * 1e9);
    d->plan.stall_for_ns = (uint64_t)(d->stall_for_s * 1e9);
    return OPTIONS_GO_ON;
}

static int resolve(const struct options *options, struct downstream *d)
{
    cpu_set_t cpus;
    if (d->list) {
        puts("delays\n  fixed:US\n  exp:MEAN_US\n  lognormal:MEDIAN_US,SIGMA\n"
             "  bimodal:FAST_US,SLOW_US,SLOW_SHARE");
        return EXIT_GOOD;
    }
    int code = resolve_plan(options, d);
    if (code == OPTIONS_GO_ON)
        code = check_address(options, "--listen", d->listen);
    if (code == OPTIONS_GO_ON)
        code = check_address(options, "--control", d->control);
    if (code != OPTIONS_GO_ON)
        return code;
    if (cpus_parse(d->cpus, &cpus) != 0)
        return options_error(options, "--cpus",
                             "\"%s\" is not a list of CPUs that this process may use", d->cpus);
    if (d->check)
        return EXIT_GOOD;
    d->config = (struct downstream_config){
        .listen = d->listen,
        .control = d->control,
        .cpus = d->cpus,
        .shared = downstream_share(),
    };
    if (!d->config.shared)
        return options_error(options, "memory", "%s", strerror(errno));
    d->config.shared->book.plans[0] = d->plan;
    return OPTIONS_GO_ON;
}

static int read_options(struct downstream *d, int argc, char **argv)
{
    *d = (struct downstream){.listen = "127.0.0.1:8081", .delay = "fixed:1000", .seed = 1};
    struct options_entry entries[] = {
        OPTIONS_TEXT("--listen", "HOST:PORT", &d->listen, "port 0: any that is free"),
        OPTIONS_TEXT("--control", "HOST:PORT", &d->control,
                     "POST settings there while it runs: curl -d 'delay=exp:5000 state=up'; "
                     "states: up, stopped, refusing, dead"),
        OPTIONS_TEXT("--delay", "DIST", &d->delay, DELAY_FORMS),
        OPTIONS_COUNT("--seed", "N", &d->seed, 0, 0x1p63, "of delays and errors"),
        OPTIONS_NUMBER("--error-rate", "F", &d->error_rate, 0, 1, "share answered with 500"),
        OPTIONS_NUMBER("--stall-every", "S", &d->stall_every_s, 1e-3, 1e6,
                       "no answers for a while, from each multiple of this on"),
        OPTIONS_NUMBER("--stall-for", "S", &d->stall_for_s, 1e-3, 1e6, "how long"),
        OPTIONS_TEXT("--cpus", "LIST", &d->cpus, "run on these, e.g. 1 or 0,2-3"),
        OPTIONS_TEXT("--json", "FILE", &d->json, "write its counts there at the end"),
        OPTIONS_FLAG("--list", &d->list, "delays known"),
        OPTIONS_FLAG("--check", &d->check, "end here if these options go together"),
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
                          const struct downstream_outcome *outcome)
{
    const struct downstream_shared *shared = d->config.shared;
    output_count(output, "schema", 1);
    output_text(output, "program", "downstream");
    output_text(output, "delay", d->delay);
    output_count(output, "seed", d->seed);
    output_number(output, "error_rate", d->error_rate);
    output_number(output, "stall_every_s", d->stall_every_s);
    output_number(output, "stall_for_s", d->stall_for_s);
    output_count(output, "plans", atomic_load(&shared->book.current) + 1);
    output_count(output, "requests", atomic_load(&shared->book.requests));
    output_count(output, "answered", atomic_load(&shared->book.answered));
    output_count(output, "errors", atomic_load(&shared->book.errors));
    output_count(output, "connections", shared->connections);
    output_count(output, "lost", shared->lost);
    output_count(output, "deaths", outcome->deaths);
}

static void listening(uint16_t port, void *address)
{
    downstream_say("listening", address, port);
}

static int run(const struct downstream *d, struct output *output)
{
    struct downstream_outcome outcome = {0};
    const char *where = d->listen;
    process_prepare();
    process_block_stops();
    int err = d->control ? downstream_control(&d->config, &where, &outcome)
                         : downstream_serve(&d->config, listening, (void *)(uintptr_t)d->listen);
    if (err != 0)
        return fail(where == d->control ? "--control" : "--listen", where, err);
    if (outcome.crashed)
        fputs("downstream: the service ended, and nobody had told it to\n", stderr);
    write_figures(output, d, &outcome);
    err = output_close(output);
    if (err != 0)
        return fail("--json", d->json, err);
    return d->config.shared->lost > 0 || outcome.crashed ? EXIT_FAILED : EXIT_GOOD;
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
