/* SPDX-License-Identifier: MIT */
#include "load_options.h"

#include "names.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* where: the line came from, for errors. */
static int add_class(const struct options *options, struct load_options *load, const char *line,
                     const char *where)
{
    if (load->class_count == LOAD_CLASSES_MAX)
        return options_error(options, where, "more than %d classes", LOAD_CLASSES_MAX);
    struct load_class_options *class = &load->classes[load->class_count++];
    *class = load_class_defaults;
    int code = load_class_read(class, &load->target, line, where);
    for (size_t i = 0; code == OPTIONS_GO_ON && i + 1 < load->class_count; i++) {
        if (strcmp(load->classes[i].name, class->name) == 0)
            return options_error(options, where, "there are two classes \"%s\"", class->name);
    }
    return code;
}

/* A class a line; empty lines and those that begin with # are skipped. */
static int read_mix(const struct options *options, struct load_options *load)
{
    FILE *file = fopen(load->mix_path, "re");
    if (!file)
        return options_error(options, "--mix", "%s: %s", load->mix_path, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    int code = OPTIONS_GO_ON;
    for (size_t number = 1; code == OPTIONS_GO_ON && getline(&line, &cap, file) >= 0; number++) {
        char where[256];
        snprintf(where, sizeof where, "--mix %.200s:%zu", load->mix_path, number);
        line[strcspn(line, "\r\n")] = '\0';
        const char *first = line + strspn(line, " \t");
        if (*first && *first != '#')
            code = add_class(options, load, first, where);
    }
    int err = ferror(file) ? errno : 0;
    fclose(file);
    free(line);
    if (code != OPTIONS_GO_ON)
        return code;
    if (err != 0 || load->class_count == 0)
        return options_error(options, "--mix", "%s: %s", load->mix_path,
                             err ? strerror(err) : "no class there");
    return OPTIONS_GO_ON;
}

static int read_classes(const struct options *options, struct load_options *load)
{
    bool lines = load->class_lines.count > 0;
    int code = OPTIONS_GO_ON;
    if (!lines && !load->mix_path) {
        load->class_count = 1;
        return load_class_resolve(options, &load->classes[0], &load->target);
    }
    code = load_class_refuse(options, lines ? "with --class: it belongs into the class"
                                            : "with --mix: it belongs into the file");
    if (code == OPTIONS_GO_ON && lines && load->mix_path)
        return options_error(options, "--class", "and --mix are two ways to say one thing");
    if (code == OPTIONS_GO_ON && load->mix_path)
        return read_mix(options, load);
    for (size_t i = 0; code == OPTIONS_GO_ON && i < load->class_lines.count; i++)
        code = add_class(options, load, load->class_lines.items[i], "--class");
    return code;
}

/* "RATE:SECONDS,RATE:SECONDS": the duration is their sum. The first one's rate is the warm-up's. */
static int read_steps(const struct options *options, struct load_options *load)
{
    size_t count = 0;
    uint64_t total_ns = 0;
    const char *text = load->steps;
    for (char *end; text; text = *end ? end + 1 : NULL) {
        double rate_hz = strtod(text, &end), seconds = NAN;
        if (end != text && *end == ':')
            seconds = strtod(end + 1, &end);
        if ((*end && *end != ',') || !(rate_hz >= 1e-3 && rate_hz <= 1e7) ||
            !(seconds >= 1e-3 && seconds <= 1e6))
            return options_error(options, "--steps", "\"%s\" is not of the form HZ:S,HZ:S ...",
                                 load->steps);
        if (count == LOAD_STEPS_MAX)
            return options_error(options, "--steps", "more than %d steps", LOAD_STEPS_MAX);
        load->steps_of_run[count++] = (struct arrivals_step){rate_hz, (uint64_t)(seconds * 1e9)};
        total_ns += load->steps_of_run[count - 1].ns;
    }
    load->duration_s = (double)total_ns / 1e9;
    load->steps_of_run[0].ns += (uint64_t)(load->warmup_s * 1e9);
    load->config.arrivals.steps = load->steps_of_run;
    load->config.arrivals.step_count = count;
    return OPTIONS_GO_ON;
}

/* At most, whatever the steps. */
static double planned(const struct load_options *load)
{
    const struct arrivals_config *arrivals = &load->config.arrivals;
    if (arrivals->step_count == 0)
        return load->rate_hz * (load->warmup_s + load->duration_s);
    double requests = 0;
    for (size_t i = 0; i < arrivals->step_count; i++)
        requests += arrivals->steps[i].rate_hz * (double)arrivals->steps[i].ns / 1e9;
    return requests;
}

/* How fast: --rate, or --steps, which say how long as well. */
static int read_rate(const struct options *options, struct load_options *load, bool closed)
{
    if (closed) {
        int code = options_refuse(options, "--rate", "with --arrival closed");
        return code == OPTIONS_GO_ON ? options_refuse(options, "--steps", "with --arrival closed")
                                     : code;
    }
    if (!load->steps)
        return options_require(options, "--rate",
                               "unless --arrival is closed or there are --steps");
    static const char *const others[] = {"--rate", "--duration", "--hgrm"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (options_refuse(options, others[i], "with --steps") != OPTIONS_GO_ON)
            return EXIT_USAGE;
    return read_steps(options, load);
}

static int read_arrivals(const struct options *options, struct load_options *load)
{
    struct arrivals_config *arrivals = &load->config.arrivals;
    if (arrivals_find(load->arrival, &arrivals->kind) != 0)
        return options_error(options, "--arrival",
                             "\"%s\" is not one of poisson, uniform, burst, closed", load->arrival);
    bool closed = arrivals->kind == ARRIVALS_CLOSED;
    int code = read_rate(options, load, closed);
    if (code == OPTIONS_GO_ON && arrivals->kind != ARRIVALS_BURST)
        code = options_refuse(options, "--burst", "without --arrival burst");
    if (code == OPTIONS_GO_ON && closed)
        code = options_refuse(options, "--spin-us", "with --arrival closed");
    if (code == OPTIONS_GO_ON && closed)
        code = options_refuse(options, "--slack-us", "with --arrival closed");
    if (code == OPTIONS_GO_ON && (closed || load->spin_us))
        code = options_refuse(options, "--as-read",
                              closed ? "with --arrival closed" : "with --spin-us");
    if (code != OPTIONS_GO_ON)
        return code;
    if (!closed && planned(load) * 1.1 > (double)ARRIVALS_MAX)
        return options_error(options, load->steps ? "--steps" : "--rate",
                             "plans more than %zu requests", ARRIVALS_MAX);
    arrivals->rate_hz = load->rate_hz;
    arrivals->burst = load->burst;
    arrivals->seed = load->seed;
    return OPTIONS_GO_ON;
}

/* Only chance needs a seed: when requests come, or which class they have. */
static int check_seed(const struct options *options, const struct load_options *load)
{
    bool chance = load->config.arrivals.kind == ARRIVALS_POISSON ||
                  load->config.arrivals.kind == ARRIVALS_BURST || load->class_count > 1;
    if (chance)
        return OPTIONS_GO_ON;
    return options_refuse(options, "--seed",
                          load_is_closed(load) ? "with --arrival closed"
                                               : "with --arrival uniform");
}

static uint64_t ns(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static int resolve(const struct options *options, struct load_options *load)
{
    char why[512];
    if (load->list) {
        names_print_workloads();
        return EXIT_GOOD;
    }
    if (options_require(options, "--target", "") != OPTIONS_GO_ON)
        return EXIT_USAGE;
    if (target_parse(&load->target, load->target_url, why, sizeof why) != 0)
        return options_error(options, "--target", "%s", why);
    int code = read_arrivals(options, load);
    if (code == OPTIONS_GO_ON)
        code = read_classes(options, load);
    if (code == OPTIONS_GO_ON)
        code = check_seed(options, load);
    if (code != OPTIONS_GO_ON)
        return code;
    if (load->in_flight == 0)
        load->in_flight = load->connections;
    if (load->in_flight > load->connections)
        return options_error(options, "--in-flight", "is more than --connections");
    for (size_t i = 0; i < load->class_count; i++)
        load->of_run[i] = load_class_of(&load->classes[i]);
    load->config.classes = load->of_run;
    load->config.class_count = load->class_count;
    load->config.in_flight = load->in_flight;
    load->config.warmup_ns = ns(load->warmup_s);
    load->config.duration_ns = ns(load->duration_s);
    load->config.timeout_ns = ns(load->timeout_s);
    load->config.spin_ns = load->spin_us * 1000;
    load->config.slack_ns = load->slack_us * 1000;
    load->config.defer = !load_is_closed(load) && load->spin_us == 0 && !load->as_read;
    load->config.watch_pid = (pid_t)load->watch_pid;
    load->config.log = load->requests ? &load->log : NULL;
    load->config.beside_pid = (pid_t)load->beside_pid;
    return load->check ? EXIT_GOOD : OPTIONS_GO_ON;
}

int load_options_read(struct load_options *load, int argc, char **argv)
{
    *load = (struct load_options){
        .arrival = "poisson",
        .rate_hz = NAN,
        .warmup_s = 1,
        .duration_s = 5,
        .timeout_s = 5,
        .connections = 64,
        .burst = 10,
        .seed = 1,
        .classes = {load_class_defaults},
    };
    struct options_entry entries[] = {
        OPTIONS_TEXT("--target", "URL", &load->target_url, "http://HOST:PORT/PATH"),
        OPTIONS_TEXT("--arrival", "KIND", &load->arrival,
                     "poisson, uniform or burst: planned, whatever the server does; closed: on "
                     "each answer"),
        OPTIONS_NUMBER("--rate", "HZ", &load->rate_hz, 1e-3, 1e7, "requests per second"),
        OPTIONS_TEXT("--steps", "HZ:S,HZ:S ...", &load->steps,
                     "one rate after the other, each for so long, instead of --rate and "
                     "--duration; figures of each step"),
        OPTIONS_COUNT("--burst", "N", &load->burst, 1, 1e6,
                      "so many at one instant; the instants are poisson's, the rate is --rate"),
        OPTIONS_COUNT("--connections", "N", &load->connections, 1, 1e6,
                      "opened beforehand; one request in flight on each"),
        OPTIONS_COUNT("--in-flight", "N", &load->in_flight, 0, 1e6,
                      "at most so many requests at once; 0: as many as connections"),
        OPTIONS_NUMBER(
            "--settle", "S", &load->settle_s, 0, 60,
            "after they are opened nothing is sent for so long: a server may accept them "
            "more slowly once those that it has are busy"),
        OPTIONS_NUMBER("--warmup", "S", &load->warmup_s, 0, 1e6, "sent but not counted"),
        OPTIONS_NUMBER("--duration", "S", &load->duration_s, 1e-3, 1e6, "counted"),
        OPTIONS_NUMBER("--timeout", "S", &load->timeout_s, 1e-3, 1e6,
                       "an answer later than this is a failure; and after --duration what found "
                       "no connection is still sent for so long, but 1 s at most"),
        OPTIONS_COUNT("--seed", "N", &load->seed, 0, 0x1p63, "of the plan of arrivals and classes"),
        OPTIONS_TEXTS("--class", "'NAME OPTION ...'", &load->class_lines,
                      "several kinds of request: a name, --share N, --path /PATH, and of the "
                      "options below those up to --expect-status; repeated"),
        OPTIONS_TEXT("--mix", "FILE", &load->mix_path,
                     "the same from a file: a class a line, # for comments"),
        LOAD_CLASS_OPTIONS(&load->classes[0]),
        OPTIONS_COUNT("--watch-pid", "PID", &load->watch_pid, 1, 0x7fffffff,
                      "the server: its CPU time (of --duration) and context switches (of --warmup, "
                      "too) go into the results"),
        OPTIONS_COUNT("--beside-pid", "PID", &load->beside_pid, 1, 0x7fffffff,
                      "what the server asks in turn: its CPU time, to tell who was saturated"),
        OPTIONS_TEXT("--cpus", "LIST", &load->cpus, "run on these, e.g. 1 or 0,2-3"),
        OPTIONS_COUNT("--spin-us", "US", &load->spin_us, 0, 1e6,
                      "poll for so long before a request is due, instead of sleeping"),
        OPTIONS_COUNT("--slack-us", "US", &load->slack_us, 0, 1e6,
                      "send up to so much too late, together with others: less CPU time, more lag"),
        OPTIONS_FLAG("--as-read", &load->as_read,
                     "an answer counts when it is read, as other tools have it; else, unless "
                     "--spin-us reads at once, when the kernel had it: fewer wake-ups"),
        OPTIONS_TEXT("--json", "FILE", &load->json, "write all figures there"),
        OPTIONS_TEXT("--hgrm", "FILE", &load->hgrm,
                     "write the latencies there, in ms, as HdrHistogram's plotters read them"),
        OPTIONS_TEXT("--requests", "FILE", &load->requests,
                     "write a line for every request there: when it was due, sent and ended, and "
                     "how (CSV)"),
        OPTIONS_FLAG("--list", &load->list, "workloads, payloads, codecs known"),
        OPTIONS_FLAG("--check", &load->check, "end here if these options go together"),
        {0},
    };
    const struct options options = {
        "load", "an open-loop load generator for HTTP/1.1; latency counts from the planned time",
        entries};
    int code = options_parse(&options, argc, argv);
    return code == OPTIONS_GO_ON ? resolve(&options, load) : code;
}

void load_options_finish(struct load_options *load)
{
    for (size_t i = 0; i < LOAD_CLASSES_MAX; i++)
        load_class_finish(&load->classes[i]);
    load_log_finish(&load->log);
}
