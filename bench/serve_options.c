/* SPDX-License-Identifier: MIT */
#include "serve_options.h"

#include "names.h"
#include "parts/cpus.h"
#include "parts/listener.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define THREADS_MOST 1024

/* What a workload needs must be given; what it does nothing with must not. */
static int check_needs(const struct options *options, const struct workload *workload)
{
    static const struct {
        unsigned need;
        const char *option;
        bool required;
    } table[] = {
        {WORKLOAD_NEEDS_PAYLOAD, "--payload", true},
        {WORKLOAD_NEEDS_PAYLOAD, "--codec", true},
        {WORKLOAD_NEEDS_DOWNSTREAM, "--downstream", true},
        {WORKLOAD_NEEDS_DOWNSTREAM, "--downstream-connections", false},
        {WORKLOAD_NEEDS_DOWNSTREAM, "--call-timeout-ms", false},
        {WORKLOAD_OFFLOADS, "--offload-threads", false},
        {WORKLOAD_NEEDS_JOURNAL, "--journal", true},
    };
    char when[64];
    if (workload_needs(workload) & WORKLOAD_IN_PROCESS_ONLY)
        return options_error(options, "--workload", "%s runs in process only (model_bench)",
                             workload->name);
    snprintf(when, sizeof when, "with --workload %s", workload->name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool needed = workload_needs(workload) & table[i].need;
        int code = OPTIONS_GO_ON;
        if (!needed)
            code = options_refuse(options, table[i].option, when);
        else if (table[i].required)
            code = options_require(options, table[i].option, when);
        if (code != OPTIONS_GO_ON)
            return code;
    }
    return names_refuse_unneeded(options, workload);
}

/* What the model does nothing with. */
static int check_uses(const struct options *options, const struct serve_options *serve)
{
    const struct {
        bool used;
        const char *option;
    } table[] = {
        {serve->model->uses & MODEL_THREADS, "--threads"},
        {serve->model->uses & MODEL_OFFLOAD_THREADS, "--offload-threads"},
        {serve->model->uses & MODEL_SPIN, "--spin-us"},
        {serve->model->batch > 0, "--batch"},
    };
    char when[64];
    snprintf(when, sizeof when, "with --model %s", serve->model->name);
    int code = OPTIONS_GO_ON;
    for (size_t i = 0; i < sizeof table / sizeof *table && code == OPTIONS_GO_ON; i++)
        if (!table[i].used)
            code = options_refuse(options, table[i].option, when);
    return code;
}

/* How many threads, if nobody said: a sweep (reports/sweep) found twice as much served with a
 * thread for each of two CPUs as with one, and no more with two for each. Where a call keeps its
 * thread there would be no more calls at once than that: one for each connection to the service. */
static uint64_t default_threads(const struct serve_options *serve, const struct workload *workload,
                                uint64_t cpus)
{
    if (!(serve->model->uses & MODEL_THREADS))
        return 1;
    bool kept = serve->model->waits == MODEL_WAITS_PER_THREAD &&
                workload_needs(workload) & WORKLOAD_NEEDS_DOWNSTREAM;
    uint64_t calls = kept ? serve->downstream_connections : 0;
    calls = calls < THREADS_MOST ? calls : THREADS_MOST;
    return calls > cpus ? calls : cpus;
}

static int check_places(const struct options *options, struct serve_options *serve,
                        const struct workload *workload)
{
    struct sockaddr_storage address;
    socklen_t len;
    cpu_set_t cpus;
    const char *const places[][2] = {{"--listen", serve->listen},
                                     {"--admin", serve->admin},
                                     {"--downstream", serve->downstream}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int err = places[i][1] ? address_parse(places[i][1], &address, &len) : 0;
        if (err != 0)
            return options_error(options, places[i][0], "%s: %s", places[i][1],
                                 err == -EINVAL ? "not of the form HOST:PORT" : "no such host");
    }
    if (cpus_parse(serve->cpus, &cpus) != 0)
        return options_error(options, "--cpus",
                             "\"%s\" is not a list of CPUs that this process may use", serve->cpus);
    if (serve->threads == 0)
        serve->threads = default_threads(serve, workload, (uint64_t)CPU_COUNT(&cpus));
    return OPTIONS_GO_ON;
}

static int find_setup(const struct options *options, struct serve_options *serve,
                      const struct workload *workload)
{
    const struct payload *payload = NULL;
    const struct codec *codec = NULL;
    if (workload_needs(workload) & WORKLOAD_NEEDS_PAYLOAD) {
        payload = names_payload(options, serve->payload_name);
        if (!payload || !(codec = names_codec(options, serve->codec_name)))
            return EXIT_USAGE;
    }
    char why[512] = "";
    if (workload_setup_init(&serve->setup, payload, codec, why, sizeof why) != 0)
        return options_error(options, "--payload", "%s", why);
    serve->setup.cpu_iterations = serve->cpu_iterations;
    serve->setup.hops = (uint32_t)serve->hops;
    serve->setup.cells = (uint32_t)serve->cells;
    serve->setup.fan = (uint32_t)serve->fan;
    serve->setup.messages = (uint32_t)serve->messages;
    serve->setup.offload = serve->offload;
    if (serve->cells < 2 && workload_needs(workload) & WORKLOAD_NEEDS_MESSAGES)
        return options_error(options, "--cells", "%s takes two at least", workload->name);
    const int err = serve->journal ? workload_setup_journal(&serve->setup, serve->journal) : 0;
    if (err != 0)
        return options_error(options, "--journal", "%s: %s", serve->journal, strerror(-err));
    return OPTIONS_GO_ON;
}

static int resolve(const struct options *options, struct serve_options *serve)
{
    if (serve->list) {
        names_print_models();
        names_print_workloads();
        return EXIT_GOOD;
    }
    if (options_require(options, "--model", "") != OPTIONS_GO_ON ||
        options_require(options, "--workload", "") != OPTIONS_GO_ON)
        return EXIT_USAGE;
    serve->model = names_model(options, serve->model_name);
    const struct workload *workload =
        serve->model ? names_workload(options, serve->workload_name) : NULL;
    if (!workload)
        return EXIT_USAGE;
    bool reject = strcmp(serve->on_full, "reject") == 0;
    if (!reject && strcmp(serve->on_full, "wait") != 0)
        return options_error(options, "--on-full", "\"%s\" is neither reject nor wait",
                             serve->on_full);
    int code = check_needs(options, workload);
    if (code == OPTIONS_GO_ON)
        code = check_uses(options, serve);
    unsigned batch = (unsigned)serve->batch; /* 0: the model knows best of what */
    if (batch == 0)
        serve->batch = serve->model->batch;
    if (code == OPTIONS_GO_ON)
        code = check_places(options, serve, workload);
    if (code == OPTIONS_GO_ON)
        code = find_setup(options, serve, workload);
    serve->config = (struct model_config){
        .workload = workload,
        .setup = &serve->setup,
        .cells = (uint32_t)serve->cells,
        .threads = (unsigned)serve->threads,
        .cpus = serve->cpus,
        .queue_limit = (uint32_t)serve->queue_limit,
        .on_full = reject ? MODEL_REJECT : MODEL_WAIT,
        .listen = serve->listen,
        .content_type =
            serve->setup.codec ? serve->setup.codec->content_type : "application/octet-stream",
        .max_body_bytes = serve->max_body_bytes,
        .io_timeout_ns = serve->io_timeout_ms * 1000000,
        .drain_ns = serve->drain_ms * 1000000,
        .downstream = serve->downstream,
        .downstream_connections = (unsigned)serve->downstream_connections,
        .call_timeout_ns = serve->call_timeout_ms * 1000000,
        .offload_threads = (unsigned)serve->offload_threads,
        .spin_ns = serve->spin_us * 1000,
        .batch = batch,
    };
    return code == OPTIONS_GO_ON && serve->check ? EXIT_GOOD : code;
}

int serve_options_read(struct serve_options *serve, int argc, char **argv)
{
    *serve = (struct serve_options){
        .listen = "127.0.0.1:8080",
        .on_full = "reject",
        .offload_threads = 4,
        .queue_limit = 1024,
        .downstream_connections = 64,
        .cpu_iterations = WORKLOAD_CPU_ITERATIONS,
        .hops = WORKLOAD_HOPS,
        .cells = WORKLOAD_CELLS,
        .fan = WORKLOAD_FAN,
        .messages = WORKLOAD_MESSAGES,
        .max_body_bytes = 8 << 20,
        .call_timeout_ms = 1000,
        .io_timeout_ms = 10000,
        .drain_ms = 10000,
    };
    struct options_entry entries[] = {
        OPTIONS_TEXT("--model", "NAME", &serve->model_name, "how turns are run; --list names them"),
        OPTIONS_TEXT("--workload", "NAME", &serve->workload_name, "what a request asks for"),
        OPTIONS_TEXT("--payload", "NAME", &serve->payload_name,
                     "rpc, call, cache: type of the messages"),
        OPTIONS_TEXT("--codec", "NAME", &serve->codec_name, "rpc, call, cache: their encoding"),
        OPTIONS_TEXT("--listen", "HOST:PORT", &serve->listen, "port 0: any that is free"),
        OPTIONS_TEXT("--admin", "HOST:PORT", &serve->admin,
                     "/metrics there, too, from a thread that is not the model's"),
        OPTIONS_COUNT(
            "--threads", "N", &serve->threads, 1, THREADS_MOST,
            "workers or loops; default: one for each of --cpus, or where a call keeps its "
            "thread for each downstream connection"),
        OPTIONS_COUNT("--offload-threads", "N", &serve->offload_threads, 1, 1024,
                      "helpers for what blocks, where turns may not"),
        OPTIONS_COUNT("--spin-us", "US", &serve->spin_us, 0, 1e6,
                      "how long an idle thread looks for work before it sleeps"),
        OPTIONS_COUNT("--batch", "N", &serve->batch, 1, 1e6,
                      "done for one connection or cell in a row; default: the model's"),
        OPTIONS_TEXT("--cpus", "LIST", &serve->cpus, "where they run, e.g. 0 or 0,2-3"),
        OPTIONS_COUNT("--queue-limit", "N", &serve->queue_limit, 1, 1e6,
                      "requests inside: accepted and not yet answered"),
        OPTIONS_TEXT("--on-full", "ACTION", &serve->on_full,
                     "reject: 503 at once; wait: stop reading"),
        OPTIONS_TEXT("--downstream", "HOST:PORT", &serve->downstream,
                     "call, cache, fanout, blend: the service asked"),
        OPTIONS_COUNT("--downstream-connections", "N", &serve->downstream_connections, 1, 65536,
                      "call, cache, fanout, blend: bound over all threads"),
        OPTIONS_COUNT("--call-timeout-ms", "MS", &serve->call_timeout_ms, 1, 3.6e6,
                      "call, cache, fanout, blend: deadline of an answer, queueing included"),
        OPTIONS_COUNT("--cpu-iterations", "N", &serve->cpu_iterations, 1, 1e15,
                      "cpu, blend, mixed: rounds of work per (heavy) request"),
        OPTIONS_COUNT("--hops", "N", &serve->hops, 1, 1e6, "ring: cells that a request passes"),
        OPTIONS_COUNT("--cells", "N", &serve->cells, 1, 1e6,
                      "ring, store, count, pingpong: cells that hold their state"),
        OPTIONS_COUNT("--fan", "N", &serve->fan, 1, 1e3, "fanout: calls in parallel per request"),
        OPTIONS_COUNT("--messages", "N", &serve->messages, 1, 1e6,
                      "count, pingpong: messages, or questions, per request"),
        OPTIONS_FLAG("--offload", &serve->offload, "mixed: offload the heavy requests"),
        OPTIONS_TEXT("--journal", "DIR", &serve->journal,
                     "journal: the folder for its file, removed at the end"),
        OPTIONS_COUNT("--max-body-bytes", "N", &serve->max_body_bytes, 1, 0x1p30,
                      "a larger request body: 413"),
        OPTIONS_COUNT("--io-timeout-ms", "MS", &serve->io_timeout_ms, 1, 3.6e6,
                      "a peer that neither reads nor finishes its request"),
        OPTIONS_COUNT("--drain-ms", "MS", &serve->drain_ms, 0, 3.6e6,
                      "after SIGTERM: give up on unanswered requests"),
        OPTIONS_TEXT("--json", "FILE", &serve->json, "write all figures there at the end"),
        OPTIONS_FLAG("--list", &serve->list, "models, workloads, payloads, codecs known"),
        OPTIONS_FLAG("--check", &serve->check, "end here if these options go together"),
        {0},
    };
    const struct options options = {
        "serve", "serves a workload over HTTP/1.1: POST /, GET /health, GET /metrics", entries};
    int code = options_parse(&options, argc, argv);
    return code == OPTIONS_GO_ON ? resolve(&options, serve) : code;
}

void serve_options_finish(struct serve_options *serve)
{
    workload_setup_finish(&serve->setup);
}

void serve_options_write(struct output *output, const struct serve_options *serve)
{
    enum { CELLS = WORKLOAD_NEEDS_RING | WORKLOAD_NEEDS_CELLS };
    unsigned needs = workload_needs(serve->config.workload);
    const struct model *model = serve->model;
    const struct {
        unsigned need;
        const char *key;
        uint64_t value;
    } counts[] = {
        {0, "threads", serve->threads},
        {0, "queue_limit", serve->queue_limit},
        {0, "max_body_bytes", serve->max_body_bytes},
        {0, "io_timeout_ms", serve->io_timeout_ms},
        {0, "drain_ms", serve->drain_ms},
        {WORKLOAD_NEEDS_DOWNSTREAM, "downstream_connections", serve->downstream_connections},
        {WORKLOAD_NEEDS_DOWNSTREAM, "call_timeout_ms", serve->call_timeout_ms},
        {WORKLOAD_NEEDS_CPU_ITERATIONS, "cpu_iterations", serve->cpu_iterations},
        {WORKLOAD_NEEDS_RING, "hops", serve->hops},
        {CELLS, "cells", serve->cells},
        {WORKLOAD_NEEDS_FAN, "fan", serve->fan},
        {WORKLOAD_NEEDS_MESSAGES, "messages", serve->messages},
        {WORKLOAD_NEEDS_HEAVY, "offload", serve->offload},
    };
    output_begin(output, "options");
    output_text(output, "model", serve->model_name);
    output_text(output, "workload", serve->workload_name);
    output_text(output, "payload", serve->payload_name);
    output_text(output, "codec", serve->codec_name);
    output_text(output, "listen", serve->listen);
    output_text(output, "admin", serve->admin);
    output_text(output, "cpus", serve->cpus);
    output_text(output, "on_full", serve->on_full);
    output_text(output, "downstream", serve->downstream);
    output_text(output, "journal", serve->journal);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!counts[i].need || needs & counts[i].need)
            output_count(output, counts[i].key, counts[i].value);
        else
            output_number(output, counts[i].key, NAN);
    }
    const struct {
        bool used;
        const char *key;
        uint64_t value;
    } of_model[] = {
        {model->uses & MODEL_OFFLOAD_THREADS && needs & WORKLOAD_OFFLOADS, "offload_threads",
         serve->offload_threads},
        {model->uses & MODEL_SPIN, "spin_us", serve->spin_us},
        {model->batch > 0, "batch", serve->batch},
    };
    for (size_t i = 0; i < sizeof of_model / sizeof *of_model; i++) {
        if (of_model[i].used)
            output_count(output, of_model[i].key, of_model[i].value);
        else
            output_number(output, of_model[i].key, NAN);
    }
    output_end(output);
}
