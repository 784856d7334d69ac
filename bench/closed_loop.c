/* SPDX-License-Identifier: MIT */
#include "closed_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define STUCK_AFTER_S 120

/* The options of the program, in a setup with documents. */
static int load(struct closed_loop_world *world, struct closed_loop_setup *documents,
                const struct workload *workload)
{
    struct workload_setup *setup = &documents->setup;
    const struct workload_setup *options = &world->options;
    int err = workload_setup_init(setup, world->payload, world->codec, documents->why,
                                  sizeof documents->why);
    if (err != 0)
        return err;
    setup->cpu_iterations = options->cpu_iterations;
    setup->hops = options->hops;
    setup->messages = options->messages;
    setup->hot_percent = options->hot_percent;
    setup->put_percent = options->put_percent;
    setup->heavy_percent = options->heavy_percent;
    setup->offload = documents->offload;
    if (world->journal && (workload_needs(workload) & WORKLOAD_NEEDS_JOURNAL))
        err = workload_setup_journal(setup, world->journal);
    return err == 0 && documents->own ? workload_setup_mark(setup, workload) : err;
}

struct closed_loop_setup *closed_loop_documents(struct closed_loop_world *world,
                                                const struct workload *workload, bool offload)
{
    enum { OWN = WORKLOAD_NEEDS_STORE_MIX | WORKLOAD_NEEDS_HEAVY | WORKLOAD_NEEDS_JOURNAL };
    const struct workload *own = workload_needs(workload) & OWN ? workload : NULL;
    struct closed_loop_setup *documents = world->setups;
    while (documents->tried && (documents->own != own || documents->offload != offload))
        if (++documents == world->setups + sizeof world->setups / sizeof *world->setups)
            return NULL;
    if (documents->tried)
        return documents;
    documents->tried = true;
    documents->own = own;
    documents->offload = offload;
    const int err = load(world, documents, workload);
    if (err != 0 && !*documents->why)
        snprintf(documents->why, sizeof documents->why, "%s: %s",
                 world->journal ? world->journal : world->payload->name, strerror(-err));
    return documents;
}

void closed_loop_world_finish(struct closed_loop_world *world)
{
    for (size_t i = 0; i < sizeof world->setups / sizeof *world->setups; i++)
        if (world->setups[i].tried)
            workload_setup_finish(&world->setups[i].setup);
}

static const struct workload_setup *setup_of(const struct closed_loop *loop)
{
    return &loop->documents->setup;
}

static void count_end(struct closed_loop *loop)
{
    const int64_t n = loop->n; /* before: then it may be the next block's already */
    if (atomic_fetch_add_explicit(&loop->ended, 1, memory_order_acq_rel) + 1 == n)
        sem_post(&loop->finished);
}

static void count_wrong(struct closed_loop *loop)
{
    atomic_fetch_add_explicit(&loop->wrong, 1, memory_order_relaxed);
}

/* Hands over the block's next request, if there is one left. */
static void begin_next(struct closed_loop_flight *flight)
{
    struct closed_loop *loop = flight->loop;
    const int64_t number = atomic_fetch_add_explicit(&loop->begun, 1, memory_order_relaxed);
    if (number >= loop->n)
        return;
    const struct workload_setup *setup = setup_of(loop);
    flight->used = true;
    flight->document = (loop->document + (uint64_t)number) % setup->documents;
    struct request *request = flight->request;
    request->in = setup->bodies[flight->document];
    request->in_len = setup->body_lens[flight->document];
    request->cell = loop->cells[flight->document];
    if (loop->model->post(loop->run, request) != 0) {
        count_wrong(loop);
        count_end(loop);
    }
}

/* On a thread of the model. After the last count_end() nothing here may be touched any more: the
 * client may begin the next block. */
static void done(struct request *request)
{
    struct closed_loop_flight *flight = request->arg;
    struct closed_loop *loop = flight->loop;
    if (request->status != 200 || request->out.len != loop->reply_lens[flight->document])
        count_wrong(loop);
    begin_next(flight);
    count_end(loop);
}

/* Waits for the block's end; a model that never answers must not hang the program. */
static void wait_finished(struct closed_loop *loop)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STUCK_AFTER_S;
    int err;
    do
        err = sem_timedwait(&loop->finished, &until) == 0 ? 0 : errno;
    while (err == EINTR);
    loop->stuck = err != 0;
}

static bool sends(const struct closed_loop *loop)
{
    return workload_needs(loop->workload) & WORKLOAD_SENDS;
}

static void begin_block(struct closed_loop *loop, int64_t n)
{
    if (sends(loop))
        workload_sent_expect(setup_of(loop), (uint64_t)n * setup_of(loop)->messages);
    loop->n = n;
    atomic_store_explicit(&loop->begun, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->ended, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->wrong, 0, memory_order_relaxed);
    for (int i = 0; i < CLOSED_LOOP_REQUESTS; i++)
        loop->flights[i].used = false;
}

void closed_loop_run(struct closed_loop *loop, int64_t n)
{
    begin_block(loop, n);
    for (int64_t i = 0; i < CLOSED_LOOP_REQUESTS && i < n; i++)
        begin_next(&loop->flights[i]);
    wait_finished(loop);
    /* A request that was not answered well has not sent all; the last reply's length is not known
     * before the first check. */
    const bool all_sent = loop->checking
                              ? loop->flights[0].request->status == 200
                              : atomic_load_explicit(&loop->wrong, memory_order_relaxed) == 0;
    if (sends(loop) && !loop->stuck && all_sent)
        loop->stuck = workload_sent_await(setup_of(loop), STUCK_AFTER_S) != 0;
    loop->document = (loop->document + (uint64_t)n) % setup_of(loop)->documents;
}

static bool reply_ok(const struct closed_loop_flight *flight)
{
    const struct closed_loop *loop = flight->loop;
    const struct request *request = flight->request;
    return workload_reply_ok(loop->workload, setup_of(loop), flight->document, request->status,
                             request->out.data, request->out.len);
}

bool closed_loop_good(struct closed_loop *loop)
{
    const int64_t wrong = atomic_load_explicit(&loop->wrong, memory_order_relaxed);
    if (loop->stuck)
        snprintf(loop->why, sizeof loop->why, "no end of a block within %d s", STUCK_AFTER_S);
    else if (wrong > 0)
        snprintf(loop->why, sizeof loop->why, "%lld of %lld replies were wrong", (long long)wrong,
                 (long long)loop->n);
    for (int i = 0; !*loop->why && i < CLOSED_LOOP_REQUESTS; i++)
        if (loop->flights[i].used && !reply_ok(&loop->flights[i]))
            snprintf(loop->why, sizeof loop->why, "document %zu: a reply was wrong",
                     loop->flights[i].document);
    return !*loop->why;
}

/* One request after the other, each reply checked in full; notes how long a right reply is. */
static void check_documents(struct closed_loop *loop)
{
    struct closed_loop_flight *flight = &loop->flights[0];
    loop->checking = true;
    for (size_t i = 0; i < setup_of(loop)->documents && !*loop->why; i++) {
        closed_loop_run(loop, 1);
        if (loop->stuck || flight->document != i || !reply_ok(flight))
            snprintf(loop->why, sizeof loop->why, "document %zu: %s (status %d)", i,
                     loop->stuck ? "no reply" : "the reply is wrong", flight->request->status);
        loop->reply_lens[i] = flight->request->out.len;
    }
    loop->checking = false;
}

static int start(struct closed_loop *loop)
{
    const struct closed_loop_world *world = loop->world;
    const struct workload_setup *setup = setup_of(loop);
    const size_t count = setup->documents;
    const uint32_t under_way = sends(loop) ? setup->messages : 1;
    const struct model_config config = {
        .workload = loop->workload,
        .setup = setup,
        .cells = setup->cells,
        .threads = world->threads,
        .cpus = *world->cpus ? world->cpus : NULL,
        /* Messages of a request may be under way when the one after its next sends its own. */
        .queue_limit = 4 * CLOSED_LOOP_REQUESTS * under_way,
        .on_full = MODEL_REJECT,
        .content_type = world->codec->content_type,
        .max_body_bytes = (size_t)64 << 20,
        .io_timeout_ns = UINT64_C(10000000000),
        .drain_ns = UINT64_C(10000000000),
        .downstream_connections = 1,
        .offload_threads = world->offload_threads,
        .spin_ns = world->spin_ns,
        .batch = world->batch,
        .call_timeout_ns = UINT64_C(10000000000),
        .one_poster = true,
    };
    loop->reply_lens = calloc(count, sizeof *loop->reply_lens);
    loop->cells = calloc(count, sizeof *loop->cells);
    if (!loop->reply_lens || !loop->cells || sem_init(&loop->finished, 0, 0) != 0)
        return -ENOMEM;
    for (size_t i = 0; loop->workload->cell_size && i < count; i++)
        loop->cells[i] =
            loop->workload->route
                ? loop->workload->route(setup->bodies[i], setup->body_lens[i], i, config.cells)
                : (uint32_t)(i % config.cells);
    for (int i = 0; i < CLOSED_LOOP_REQUESTS; i++) {
        struct request *request = request_create(loop->workload);
        if (!request)
            return -ENOMEM;
        loop->flights[i] = (struct closed_loop_flight){.request = request, .loop = loop};
        request->done = done;
        request->arg = &loop->flights[i];
    }
    return loop->model->start(&config, &loop->run, NULL);
}

bool closed_loop_ready(struct closed_loop *loop)
{
    if (loop->tried)
        return !*loop->why;
    loop->tried = true;
    loop->documents = closed_loop_documents(loop->world, loop->workload, loop->offload);
    if (!loop->documents || *loop->documents->why) {
        snprintf(loop->why, sizeof loop->why, "%s",
                 loop->documents ? loop->documents->why : "too many workloads of their own");
        return false;
    }
    const int err = start(loop);
    if (err != 0) {
        loop->run = NULL;
        snprintf(loop->why, sizeof loop->why, "%s: %s", loop->model->name, strerror(-err));
        return false;
    }
    check_documents(loop);
    return !*loop->why;
}

static double process_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double process_switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_nvcsw + (double)usage.ru_nivcsw;
}

static struct closed_loop_cost cost_now(struct closed_loop *loop)
{
    struct model_stats stats = {0};
    loop->model->stats(loop->run, &stats);
    struct closed_loop_cost cost = {
        .turns = (double)stats.turns,
        .messages = (double)stats.messages,
        .wakeups = (double)stats.wakeups,
        .syscalls = (double)stats.syscalls,
        .cpu_ns = process_cpu_ns(),
        .switches = process_switches(),
    };
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        cost.turns_of[i] = (double)stats.turns_of[i];
    return cost;
}

void closed_loop_cost_begin(struct closed_loop *loop, struct closed_loop_cost *cost)
{
    *cost = cost_now(loop);
}

void closed_loop_cost_end(struct closed_loop *loop, struct closed_loop_cost *cost)
{
    const struct closed_loop_cost now = cost_now(loop);
    cost->turns = now.turns - cost->turns;
    cost->messages = now.messages - cost->messages;
    cost->wakeups = now.wakeups - cost->wakeups;
    cost->syscalls = now.syscalls - cost->syscalls;
    cost->cpu_ns = now.cpu_ns - cost->cpu_ns;
    cost->switches = now.switches - cost->switches;
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        cost->turns_of[i] = now.turns_of[i] - cost->turns_of[i];
}

uint64_t closed_loop_stop(struct closed_loop *loop)
{
    uint64_t lost = 0;
    if (loop->run)
        lost = loop->model->stop(loop->run, NULL);
    if (loop->stuck) /* a thread may still hold the requests */
        return lost;
    for (int i = 0; i < CLOSED_LOOP_REQUESTS; i++)
        request_destroy(loop->flights[i].request, loop->workload);
    free(loop->reply_lens);
    free(loop->cells);
    return lost;
}
