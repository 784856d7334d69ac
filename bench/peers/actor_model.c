/* SPDX-License-Identifier: MIT */
/*
 * Ours: the actor model through its in-process door, running the workloads that measure messages.
 *   pingpong   one cell asks its neighbour, which answers: --messages questions and answers
 *   count      one cell sends --messages one-way messages to another, 1,000 a request
 *   ring       one request is forwarded --messages times from one of 100 cells to the next
 *   spawn      one cell makes --messages others, 1,000 a request, each answers one call and ends
 * One request at a time. One-way messages under way, to all cells together, are bounded by
 * queue_limit, turns in a row of one actor by the model's own batch limit. No mailbox has a bound
 * of its own; calls have none.
 */
#include "clock.h"
#include "options.h"
#include "output.h"
#include "workloads.h"

#include "model.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_REQUEST 1000
#define BLOCK 32 /* requests of `count` between two looks whether all is carried out */
#define WAIT_S 60

static const struct workload *workload;
static const struct model *model;
static struct model_run *run;
static struct workload_setup setup;
static sem_t finished; /* posted by the worker that answers the last request of a block */
static uint64_t left;  /* of the block; handed from thread to thread with the one request */
static bool wrong;     /* … likewise */

static void done(struct request *request)
{
    wrong |= !workload_reply_ok(workload, &setup, 0, request->status, request->out.data,
                                request->out.len);
    if (!wrong && --left > 0 && model->post(run, request) == 0)
        return;
    wrong |= left > 0;
    sem_post(&finished);
}

/* Requests one after the other; returns when all that they sent is carried out, too. */
static bool run_block(struct request *request, uint64_t requests)
{
    bool sends = workload_needs(workload) & WORKLOAD_SENDS;
    if (sends)
        workload_sent_expect(&setup, requests * setup.messages);
    left = requests;
    if (model->post(run, request) != 0)
        return false;
    while (sem_wait(&finished) != 0)
        ;
    return !wrong && (!sends || workload_sent_await(&setup, WAIT_S) == 0);
}

struct shape {
    const char *workload;
    uint32_t cells;
    uint64_t per_request; /* messages of one request; 0: all of them */
    uint64_t block;       /* requests */
};
static const struct shape shapes[] = {
    {"pingpong", 2, 0, 1},
    {"count", 2, PER_REQUEST, BLOCK},
    {"ring", 100, 0, 1},
    {"spawn", 1, PER_REQUEST, 1 << 20},
    {0},
};

struct actors {
    const char *workload_name, *json;
    uint64_t messages, threads;
    const struct shape *shape;
};

static int start(const struct actors *actors)
{
    static uint8_t body[] = "peers";
    static uint8_t *bodies[] = {body};
    static size_t body_lens[] = {sizeof body - 1};
    char why[256] = "";
    int err = workload_setup_init(&setup, NULL, NULL, why, sizeof why);
    if (err != 0)
        return err;
    uint64_t messages = actors->shape->per_request ? actors->shape->per_request : actors->messages;
    bool asks = strcmp(workload->name, "pingpong") == 0; /* a question and its answer are two */
    setup.documents = 1;
    setup.bodies = bodies;
    setup.body_lens = body_lens;
    setup.cells = actors->shape->cells;
    setup.hops = (uint32_t)messages;
    setup.messages = (uint32_t)(asks ? messages / 2 : messages);
    return model->start(&(struct model_config){.workload = workload,
                                               .setup = &setup,
                                               .cells = setup.cells,
                                               .threads = (unsigned)actors->threads,
                                               .queue_limit = (BLOCK + 1) * PER_REQUEST,
                                               .on_full = MODEL_REJECT,
                                               .content_type = "text/plain",
                                               .downstream_connections = 1,
                                               .call_timeout_ns = WAIT_S * CLOCK_NS_PER_S,
                                               .io_timeout_ns = WAIT_S * CLOCK_NS_PER_S,
                                               .drain_ns = WAIT_S * CLOCK_NS_PER_S},
                        &run, NULL);
}

static struct request *new_request(void)
{
    struct request *request = request_create(workload);
    if (!request)
        return NULL;
    request->in = setup.bodies[0];
    request->in_len = setup.body_lens[0];
    if (workload->route)
        request->cell = workload->route(request->in, request->in_len, 0, setup.cells);
    request->done = done;
    return request;
}

static uint64_t measure(const struct actors *actors, struct request *request)
{
    const struct shape *shape = actors->shape;
    uint64_t requests = shape->per_request ? actors->messages / shape->per_request : 1;
    uint64_t began_ns = clock_ns();
    for (uint64_t i = 0; i < requests; i += shape->block) {
        uint64_t more = requests - i;
        if (!run_block(request, more < shape->block ? more : shape->block))
            return 0;
    }
    return clock_ns() - began_ns;
}

static int write_result(const struct actors *actors, uint64_t ns, const struct model_stats *stats)
{
    uint64_t most = 0, sum = stats->turns;
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        most = stats->turns_of[i] > most ? stats->turns_of[i] : most;
    struct output output = {0};
    int err = output_open(&output, actors->json);
    if (err != 0)
        return err;
    double messages = (double)actors->messages;
    output_count(&output, "messages", actors->messages);
    output_number(&output, "messages_hz", messages * (double)CLOCK_NS_PER_S / (double)ns);
    output_number(&output, "turns_per_message", (double)sum / messages);
    output_number(&output, "busiest_worker_share", (double)most / (double)sum);
    output_number(&output, "wakeups_per_message", (double)stats->wakeups / messages);
    output_number(&output, "syscalls_per_message", (double)stats->syscalls / messages);
    return output_close(&output);
}

static int read_options(struct actors *actors, int argc, char **argv)
{
    struct options_entry entries[] = {
        OPTIONS_TEXT("--workload", "NAME", &actors->workload_name, "pingpong, count, ring, spawn"),
        OPTIONS_COUNT("--messages", "N", &actors->messages, 2, 1e8, "how many; see above"),
        OPTIONS_COUNT("--threads", "N", &actors->threads, 1, MODEL_STATS_THREADS, "workers"),
        OPTIONS_TEXT("--json", "FILE", &actors->json, "write the result there"),
        {0},
    };
    struct options options = {"actor_model", "the actor model, in process", entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    for (actors->shape = shapes; actors->shape->workload; actors->shape++)
        if (strcmp(actors->shape->workload, actors->workload_name) == 0)
            break;
    workload = workload_find(actors->workload_name);
    model = model_find("actor");
    if (!actors->shape->workload || !workload)
        return options_error(&options, "--workload", "\"%s\" is none of these",
                             actors->workload_name);
    if (actors->shape->per_request && actors->messages % actors->shape->per_request)
        return options_error(&options, "--messages", "not a multiple of %d", PER_REQUEST);
    return OPTIONS_GO_ON;
}

int main(int argc, char **argv)
{
    struct actors actors = {.workload_name = "ring", .messages = 100000, .threads = 1};
    int code = read_options(&actors, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    sem_init(&finished, 0, 0);
    int err = start(&actors);
    struct request *request = err == 0 ? new_request() : NULL;
    if (!request) {
        fprintf(stderr, "actor_model: cannot start: %s\n", strerror(err ? -err : ENOMEM));
        return EXIT_ENVIRONMENT;
    }
    uint64_t ns = measure(&actors, request);
    struct model_stats stats = {0};
    uint64_t lost = model->stop(run, &stats);
    if (ns == 0 || lost != 0) {
        fprintf(stderr, "actor_model: %s: a reply was wrong, or late, or lost\n", workload->name);
        return EXIT_FAILED;
    }
    err = write_result(&actors, ns, &stats);
    if (err != 0)
        fprintf(stderr, "actor_model: --json: %s\n", strerror(-err));
    request_destroy(request, workload);
    setup.bodies = NULL; /* not its own */
    setup.body_lens = NULL;
    workload_setup_finish(&setup);
    return err == 0 ? EXIT_GOOD : EXIT_FAILED;
}
