/* SPDX-License-Identifier: MIT */
/*
 * Event loops: one epoll loop per thread, and nothing in it blocks.
 *
 * A round of a loop: take events (reading and parsing all that can be read), take the inbox, take
 * what is due; then run turns; then admit what was held back. A connection stays with the loop it
 * was dealt to, a cell with loop `cell % loops`, so neither needs a lock; a request goes from loop
 * to loop through their inboxes, and so do calls of cells and one-way messages; answers are
 * gathered in the loop that asked. What would block goes to helper threads (parts/offload.h), which
 * put it into the inbox when it is done. Loop 0 also accepts, and deals the connections out in
 * turn.
 */
#include "model.h"

#include "parts/clock.h"
#include "parts/cpus.h"
#include "parts/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct model event_loop_model;

/* Loop 0: to each loop in turn. */
static void deal(void *arg, int fd)
{
    struct model_run *run = arg;
    struct loop *to = &run->loop[run->serial % run->config.threads];
    atomic_fetch_add_explicit(&run->open, 1, memory_order_relaxed);
    if (loop_conn_create(&to->conns, fd, run->serial) < 0) {
        atomic_fetch_sub_explicit(&run->open, 1, memory_order_relaxed);
        return;
    }
    run->serial++;
    counter_add(&run->counters[0].connections, 1);
}

static void event_loop_stats(struct model_run *run, struct model_stats *stats)
{
    counters_sum(run->counters, run->config.threads + 1, stats);
    door_tell(&run->door, stats);
    stats->pool_in_use = pool_in_use(run->pool);
    stats->threads = run->config.threads + offload_threads(run->offload);
}

static int event_loop_post(struct model_run *run, struct request *request)
{
    struct loop *loop = loop_self && loop_self->run == run ? loop_self : NULL;
    struct counters *counters = &run->counters[loop ? loop->index : run->config.threads];
    void (*add)(_Atomic uint64_t *, uint64_t) = loop ? counter_add : counter_add_shared;
    if (atomic_load_explicit(&run->phase, memory_order_acquire) == CLOSED)
        return -ESHUTDOWN;
    if (!door_enter(&run->door))
        return door_turn_away(&run->door, request, &counters->rejected);
    add(&counters->requests, 1);
    request->owner = NULL;
    if (!loop)
        loop = &run->loop[atomic_fetch_add_explicit(&run->next_loop, 1, memory_order_relaxed) %
                          run->config.threads];
    loop_begin(loop, request);
    return 0;
}

/* The loops have ended. Returns the number of requests that the connections still had. */
static uint64_t run_free(struct model_run *run, struct model_stats *final)
{
    uint64_t lost = 0;
    unsigned helpers = offload_threads(run->offload);
    atomic_store_explicit(&run->phase, CLOSED, memory_order_release);
    offload_destroy(run->offload);
    run->offload = NULL;
    loop_lose_all(run);
    acceptor_close(&run->acceptor);
    for (unsigned i = 0; run->loop && i < run->config.threads; i++)
        lost += loop_close(&run->loop[i]);
    if (final) {
        event_loop_stats(run, final);
        final->threads += helpers;
    }
    pool_destroy(run->pool);
    waiting_finish(&run->waiting);
    errands_finish(&run->errands);
    cells_close(&run->cells);
    free(run->loop);
    free(run->counters);
    free(run);
    return lost;
}

static void begin_end(struct model_run *run, int phase)
{
    run->give_up_ns = clock_in_ns(run->config.drain_ns);
    atomic_store_explicit(&run->phase, phase, memory_order_release);
    loop_nudge_all(run);
}

/* Everything but the threads. */
static int run_open(struct model_run *run)
{
    const struct model_config *config = &run->config;
    unsigned threads = config->threads;
    int error = cells_open(&run->cells, config->workload, config->cells, config->setup);
    if (!error && config->downstream)
        error = pool_create(&run->pool, &(struct pool_config){config->downstream,
                                                              config->downstream_connections,
                                                              config->content_type});
    if (error)
        return error;
    run->counters = counters_create(threads + 1);
    run->loop = aligned_alloc(_Alignof(struct loop), threads * sizeof(struct loop));
    if (run->loop)
        memset(run->loop, 0, threads * sizeof(struct loop));
    if (!run->counters || !run->loop)
        return -ENOMEM;
    error = errands_init(&run->errands, config, &run->cells, run->counters, threads, threads + 1);
    if (!error)
        error = offload_create(&run->offload,
                               &(struct offload_config){
                                   .threads = config->offload_threads ? config->offload_threads : 1,
                                   .cpus = config->cpus,
                                   .run = loop_offloaded,
                                   .arg = run,
                                   .sleeps = &run->counters[threads].syscalls});
    if (error)
        return error;
    for (unsigned i = 0; i < threads && !error; i++)
        error = loop_open(run, &run->loop[i]);
    if (error || !config->listen)
        return error;
    run->acceptor.deal = deal;
    run->acceptor.arg = run;
    return acceptor_open(&run->acceptor, config->listen, run->loop[0].epoll_fd);
}

static int event_loop_start(const struct model_config *config, struct model_run **out,
                            uint16_t *port)
{
    int error = door_check(config);
    if (error)
        return error;
    struct model_run *run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    run->config = *config;
    if (run->config.batch == 0)
        run->config.batch = event_loop_model.batch;
    run->door = (struct door){.limit = config->queue_limit, .on_full = config->on_full};
    waiting_init(&run->waiting, &run->door, loop_conn_admit);
    run->acceptor.listener.fd = run->acceptor.listener.reserve = -1;
    error = run_open(run);
    uint16_t bound = run->acceptor.listener.port; /* before loop 0 runs: the listener is its own */
    unsigned started = 0;
    run->running = config->threads;
    while (!error && started < config->threads) {
        struct loop *loop = &run->loop[started];
        error = cpus_thread_create(&loop->thread, config->cpus, "loop", loop_main, loop);
        started += !error;
    }
    if (error) {
        run->running = started;
        if (started)
            begin_end(run, CLOSING);
        while (started > 0)
            pthread_join(run->loop[--started].thread, NULL);
        run_free(run, NULL);
        return error;
    }
    if (port)
        *port = bound;
    *out = run;
    return 0;
}

static uint64_t event_loop_stop(struct model_run *run, struct model_stats *final)
{
    begin_end(run, CLOSING);
    for (unsigned i = 0; i < run->config.threads; i++)
        pthread_join(run->loop[i].thread, NULL);
    uint64_t lost = door_inside(&run->door);
    return lost + run_free(run, final);
}

const struct model event_loop_model = {
    .name = "event_loop",
    .summary = "one epoll loop per thread, non-blocking, cells owned by loops",
    .uses = MODEL_THREADS | MODEL_OFFLOAD_THREADS | MODEL_SPIN,
    .waits = MODEL_WAITS_UNBOUND,
    .batch = 1, /* requests of a connection before others have a round */
    .start = event_loop_start,
    .post = event_loop_post,
    .stats = event_loop_stats,
    .stop = event_loop_stop,
};
