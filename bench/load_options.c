/* SPDX-License-Identifier: MIT */
#include "load_options.h"

#include "clock.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A body is read whole and kept; this is more than any payload here. */
#define BODY_MAX ((size_t)256 << 20)

static int read_body(const struct options *options, struct load_options *load, size_t *len)
{
    int fd = open(load->body_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return options_error(options, "--body", "%s: %s", load->body_path, strerror(errno));
    struct bytes body = {0};
    ssize_t n;
    do {
        n = read(fd, bytes_reserve(&body, 65536), 65536);
        body.len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && body.len <= BODY_MAX);
    int err = n < 0 ? errno : n > 0 ? EFBIG : 0;
    close(fd);
    load->body = body.data;
    *len = body.len;
    if (err != 0)
        return options_error(options, "--body", "%s: %s", load->body_path, strerror(err));
    return OPTIONS_GO_ON;
}

static bool right_status(const void *arg, size_t document, const struct http_response *response)
{
    const struct load_options *load = arg;
    (void)document;
    return response->status >= load->status_from && response->status <= load->status_to;
}

static bool right_reply(const void *arg, size_t document, const struct http_response *response)
{
    const struct load_options *load = arg;
    return workload_reply_ok(load->known_workload, &load->setup, document, response->status,
                             response->body.data, response->body.len);
}

/* "200", or "2xx". */
static int read_status(const struct options *options, struct load_options *load)
{
    const char *text = load->expect_status;
    bool class = strlen(text) == 3 && strcasecmp(text + 1, "xx") == 0;
    bool number = strlen(text) == 3 && strspn(text, "0123456789") == 3;
    if ((!class && !number) || *text < '2' || *text > '5')
        return options_error(options, "--expect-status",
                             "\"%s\" is neither a status from 200 to 599 nor of the form 2xx",
                             text);
    load->status_from = class ? (*text - '0') * 100 : atoi(text);
    load->status_to = class ? load->status_from + 99 : load->status_from;
    return OPTIONS_GO_ON;
}

static int refuse_all(const struct options *options, const char *const *names, const char *when)
{
    for (; *names; names++) {
        if (options_refuse(options, *names, when) != OPTIONS_GO_ON)
            return EXIT_USAGE;
    }
    return OPTIONS_GO_ON;
}

/* `serve` takes no payload for a workload to which any bytes will do: then the first one is sent.
 */
static void default_payload(struct load_options *load)
{
    if (!load->known_workload || load->payload || load->codec ||
        workload_needs(load->known_workload) & WORKLOAD_NEEDS_PAYLOAD)
        return;
    for (size_t i = 0; codecs[i] && !load->codec; i++)
        load->codec = codec_is_whole(codecs[i]) ? codecs[i]->name : NULL;
    load->payload = payloads[0].name;
}

/* What is sent is a corpus. */
static int read_payload(const struct options *options, struct load_options *load)
{
    static const char *const others[] = {"--body", "--content-type", NULL};
    const struct payload *payload = NULL;
    const struct codec *codec = NULL;
    const char *when = load->workload ? "with --workload" : "with --payload or --codec";
    if (refuse_all(options, others, when) != OPTIONS_GO_ON ||
        (!load->payload && options_require(options, "--payload", when) != OPTIONS_GO_ON) ||
        (!load->codec && options_require(options, "--codec", when) != OPTIONS_GO_ON) ||
        !(payload = names_payload(options, load->payload)) ||
        !(codec = names_codec(options, load->codec)))
        return EXIT_USAGE;
    char why[512] = "";
    if (workload_setup_init(&load->setup, payload, codec, why, sizeof why) != 0)
        return options_error(options, "--payload", "%s", why);
    load->setup.cpu_iterations = load->cpu_iterations;
    load->setup.hops = (uint32_t)load->hops;
    load->setup.cells = (uint32_t)load->cells;
    return OPTIONS_GO_ON;
}

/* What a right answer is: the workload's reply, or any with the right status. */
static int read_check(const struct options *options, struct load_options *load)
{
    static const char *const others[] = {"--method", "--expect-status", NULL};
    static const char *const workloads_own[] = {"--cpu-iterations", "--hops", "--cells", NULL};
    if (!load->workload) {
        int code = refuse_all(options, workloads_own, "without --workload");
        return code == OPTIONS_GO_ON ? read_status(options, load) : code;
    }
    load->known_workload = names_workload(options, load->workload);
    if (!load->known_workload || refuse_all(options, others, "with --workload") != OPTIONS_GO_ON)
        return EXIT_USAGE;
    return names_refuse_unneeded(options, load->known_workload);
}

static int check_headers(const struct options *options, const struct load_options *load)
{
    for (size_t i = 0; i < load->headers.count; i++) {
        const char *h = load->headers.items[i];
        const char *colon = strchr(h, ':');
        if (!colon || colon == h || strpbrk(h, "\r\n"))
            return options_error(options, "--header", "\"%s\" is not of the form \"Name: value\"",
                                 h);
    }
    if (strspn(load->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(load->method) ||
        !*load->method)
        return options_error(options, "--method", "\"%s\" is not a method", load->method);
    return OPTIONS_GO_ON;
}

static int make_requests(const struct options *options, struct load_options *load)
{
    struct target_request request = {
        .method = load->method,
        .content_type = load->content_type,
        .headers = load->headers.items,
        .header_count = load->headers.count,
    };
    if (load->body_path) {
        int code = read_body(options, load, &request.body_len);
        if (code != OPTIONS_GO_ON)
            return code;
        request.body = load->body ? load->body : (const uint8_t *)"";
    }
    size_t documents = load->setup.codec ? load->setup.corpus.count : 1;
    load->requests = calloc(documents, sizeof *load->requests);
    if (!load->requests)
        return options_error(options, "requests", "out of memory");
    load->config.documents = documents;
    load->config.requests = load->requests;
    for (size_t i = 0; i < documents; i++) {
        if (load->setup.codec) {
            request.content_type = load->setup.codec->content_type;
            request.body = load->setup.bodies[i];
            request.body_len = load->setup.body_lens[i];
        }
        target_request_write(&load->requests[i], &load->target, &request);
    }
    return OPTIONS_GO_ON;
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
    if (arrivals_find(load->arrival, &load->config.arrival) != 0)
        return options_error(options, "--arrival", "\"%s\" is not one of poisson, uniform, closed",
                             load->arrival);
    bool closed = load->config.arrival == ARRIVALS_CLOSED;
    int code = closed ? options_refuse(options, "--rate", "with --arrival closed")
                      : options_require(options, "--rate", "unless --arrival is closed");
    /* Only chance needs one. */
    if (code == OPTIONS_GO_ON && load->config.arrival != ARRIVALS_POISSON)
        code = options_refuse(options, "--seed",
                              closed ? "with --arrival closed" : "with --arrival uniform");
    if (code == OPTIONS_GO_ON && closed)
        code = options_refuse(options, "--spin-us", "with --arrival closed");
    if (code != OPTIONS_GO_ON)
        return code;
    if (!closed && load->rate_hz * (load->warmup_s + load->duration_s) * 1.1 > (double)ARRIVALS_MAX)
        return options_error(options, "--rate", "plans more than %zu requests", ARRIVALS_MAX);
    bool corpus = load->payload || load->codec || load->workload;
    if (!options_given(options, "--method"))
        load->method = corpus || load->body_path ? "POST" : "GET";
    code = read_check(options, load);
    if (code == OPTIONS_GO_ON)
        default_payload(load);
    if (code == OPTIONS_GO_ON && corpus)
        code = read_payload(options, load);
    if (code == OPTIONS_GO_ON && !load->body_path)
        code = options_refuse(options, "--content-type", "without --body");
    if (code == OPTIONS_GO_ON)
        code = check_headers(options, load);
    if (code == OPTIONS_GO_ON)
        code = make_requests(options, load);
    load->config.rate_hz = load->rate_hz;
    load->config.warmup_ns = ns(load->warmup_s);
    load->config.duration_ns = ns(load->duration_s);
    load->config.timeout_ns = ns(load->timeout_s);
    load->config.spin_ns = load->spin_us * 1000;
    load->config.seed = load->seed;
    load->config.watch_pid = (pid_t)load->watch_pid;
    load->config.right = load->known_workload ? right_reply : right_status;
    load->config.arg = load;
    return code;
}

int load_options_read(struct load_options *load, int argc, char **argv)
{
    *load = (struct load_options){
        .arrival = "poisson",
        .expect_status = "2xx",
        .rate_hz = NAN,
        .warmup_s = 1,
        .duration_s = 5,
        .timeout_s = 5,
        .connections = 64,
        .seed = 1,
        .cpu_iterations = WORKLOAD_CPU_ITERATIONS,
        .hops = WORKLOAD_HOPS,
        .cells = WORKLOAD_CELLS,
    };
    struct options_entry entries[] = {
        OPTIONS_TEXT("--target", "URL", &load->target_url, "http://HOST:PORT/PATH"),
        OPTIONS_TEXT(
            "--arrival", "KIND", &load->arrival,
            "poisson or uniform: planned, whatever the server does; closed: on each answer"),
        OPTIONS_NUMBER("--rate", "HZ", &load->rate_hz, 1e-3, 1e7, "requests per second"),
        OPTIONS_COUNT("--connections", "N", &load->connections, 1, 1e6,
                      "opened beforehand; one request in flight on each"),
        OPTIONS_NUMBER("--warmup", "S", &load->warmup_s, 0, 1e6, "sent but not counted"),
        OPTIONS_NUMBER("--duration", "S", &load->duration_s, 1e-3, 1e6, "counted"),
        OPTIONS_NUMBER("--timeout", "S", &load->timeout_s, 1e-3, 1e6,
                       "an answer later than this is a failure"),
        OPTIONS_COUNT("--seed", "N", &load->seed, 0, 0x1p63, "of the plan of arrivals"),
        OPTIONS_TEXT("--workload", "NAME", &load->workload,
                     "check every byte of every reply: it must be this workload's"),
        OPTIONS_TEXT("--payload", "NAME", &load->payload,
                     "send the documents of this payload in turn; needed with --workload if serve "
                     "needs it, else the first by default"),
        OPTIONS_TEXT("--codec", "NAME", &load->codec, "encoded by this codec"),
        OPTIONS_COUNT("--cpu-iterations", "N", &load->cpu_iterations, 1, 1e15,
                      "what the server of `cpu` was given"),
        OPTIONS_COUNT("--hops", "N", &load->hops, 1, 1e6, "what the server of `ring` was given"),
        OPTIONS_COUNT("--cells", "N", &load->cells, 1, 1e6, "what the server of `ring` was given"),
        OPTIONS_TEXT("--body", "FILE", &load->body_path, "send this, to any server"),
        OPTIONS_TEXT("--content-type", "TYPE", &load->content_type, "of --body"),
        OPTIONS_TEXT("--method", "METHOD", &load->method, "POST with a body, else GET"),
        OPTIONS_TEXTS("--header", "'NAME: VALUE'", &load->headers,
                      "added to every request; may be repeated"),
        OPTIONS_TEXT("--expect-status", "STATUS", &load->expect_status,
                     "what a right answer has: 200, or a class: 2xx"),
        OPTIONS_COUNT("--watch-pid", "PID", &load->watch_pid, 1, 0x7fffffff,
                      "the server: its CPU time and context switches go into the results"),
        OPTIONS_TEXT("--cpus", "LIST", &load->cpus, "run on these, e.g. 1 or 0,2-3"),
        OPTIONS_COUNT("--spin-us", "US", &load->spin_us, 0, 1e6,
                      "poll for so long before a request is due, instead of sleeping"),
        OPTIONS_TEXT("--json", "FILE", &load->json, "write all figures there"),
        OPTIONS_FLAG("--list", &load->list, "workloads, payloads, codecs known"),
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
    for (size_t i = 0; load->requests && i < load->config.documents; i++)
        bytes_finish(&load->requests[i]);
    free(load->requests);
    free(load->body);
    workload_setup_finish(&load->setup);
}
