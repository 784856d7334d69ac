/* SPDX-License-Identifier: MIT */
#include "closed_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STUCK_AFTER_S 120

bool closed_loop_world_ready(struct closed_loop_world *world)
{
    if (world->tried)
        return !*world->why;
    world->tried = true;
    const int err = workload_setup_init(&world->setup, world->payload, world->codec, world->why,
                                        sizeof world->why);
    if (err != 0 && !*world->why)
        snprintf(world->why, sizeof world->why, "%s: %s", world->payload->name, strerror(-err));
    if (err != 0)
        return false;
    world->setup.cpu_iterations = world->cpu_iterations;
    world->setup.hops = world->hops;
    return true;
}

void closed_loop_world_finish(struct closed_loop_world *world)
{
    workload_setup_finish(&world->setup);
}

static void count_end(struct closed_loop *loop)
{
    if (atomic_fetch_add_explicit(&loop->ended, 1, memory_order_acq_rel) + 1 == loop->n)
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
    const struct workload_setup *setup = &loop->world->setup;
    flight->used = true;
    flight->document = (loop->document + (uint64_t)number) % setup->corpus.count;
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

static void begin_block(struct closed_loop *loop, int64_t n)
{
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
    loop->document = (loop->document + (uint64_t)n) % loop->world->setup.corpus.count;
}

static bool reply_ok(const struct closed_loop_flight *flight)
{
    const struct closed_loop *loop = flight->loop;
    const struct request *request = flight->request;
    return workload_reply_ok(loop->workload, &loop->world->setup, flight->document, request->status,
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
    for (size_t i = 0; i < loop->world->setup.corpus.count && !*loop->why; i++) {
        closed_loop_run(loop, 1);
        if (loop->stuck || flight->document != i || !reply_ok(flight))
            snprintf(loop->why, sizeof loop->why, "document %zu: %s (status %d)", i,
                     loop->stuck ? "no reply" : "the reply is wrong", flight->request->status);
        loop->reply_lens[i] = flight->request->out.len;
    }
}

static int start(struct closed_loop *loop)
{
    const struct closed_loop_world *world = loop->world;
    const size_t count = world->setup.corpus.count;
    const struct model_config config = {
        .workload = loop->workload,
        .setup = &world->setup,
        .cells = world->setup.cells,
        .threads = world->threads,
        .cpus = *world->cpus ? world->cpus : NULL,
        .queue_limit = 4 * CLOSED_LOOP_REQUESTS,
        .on_full = MODEL_REJECT,
        .content_type = world->codec->content_type,
        .max_body_bytes = (size_t)64 << 20,
        .io_timeout_ns = UINT64_C(10000000000),
        .drain_ns = UINT64_C(10000000000),
        .downstream_connections = 1,
        .call_timeout_ns = UINT64_C(10000000000),
    };
    loop->reply_lens = calloc(count, sizeof *loop->reply_lens);
    loop->cells = calloc(count, sizeof *loop->cells);
    if (!loop->reply_lens || !loop->cells || sem_init(&loop->finished, 0, 0) != 0)
        return -ENOMEM;
    for (size_t i = 0; loop->workload->cell_size && i < count; i++)
        loop->cells[i] = loop->workload->route
                             ? loop->workload->route(world->setup.bodies[i],
                                                     world->setup.body_lens[i], i, config.cells)
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
    if (!closed_loop_world_ready(loop->world)) {
        memcpy(loop->why, loop->world->why, sizeof loop->why);
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

void closed_loop_cost_begin(struct closed_loop *loop, struct closed_loop_cost *cost)
{
    struct model_stats stats = {0};
    loop->model->stats(loop->run, &stats);
    cost->turns = (double)stats.turns;
    cost->messages = (double)stats.messages;
    cost->wakeups = (double)stats.wakeups;
    cost->cpu_ns = process_cpu_ns();
}

void closed_loop_cost_end(struct closed_loop *loop, struct closed_loop_cost *cost)
{
    const double cpu_ns = process_cpu_ns();
    struct model_stats stats = {0};
    loop->model->stats(loop->run, &stats);
    cost->turns = (double)stats.turns - cost->turns;
    cost->messages = (double)stats.messages - cost->messages;
    cost->wakeups = (double)stats.wakeups - cost->wakeups;
    cost->cpu_ns = cpu_ns - cost->cpu_ns;
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
