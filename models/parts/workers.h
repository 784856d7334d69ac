/* SPDX-License-Identifier: MIT */
/* Threads that take tasks from one bounded queue (queue.h) and may block in them. */
#ifndef ASSAY_WORKERS_H
#define ASSAY_WORKERS_H

#include "../request.h"
#include "counters.h"
#include "queue.h"

#include <pthread.h>

struct worker {
    struct workers *workers;
    struct counters *counters; /* its own */
    struct request *request;   /* for work that comes without one: a worker does one at a time */
    struct queue_worker queue;
    pthread_t thread;
    bool running;
};

struct workers_config {
    /* threads, cpus, spin_ns, workload; and queue_limit: the queue has room for so many requests
     * from outside, so many one-way messages and so many children that came too late. Outlives the
     * workers. */
    const struct model_config *model;
    struct counters *counters; /* one for each worker */
    struct counters *others;   /* of all threads that are none */
    void (*serve)(struct worker *worker, void *task);
    void *arg;
};

struct workers {
    struct workers_config config;
    struct queue queue;
    struct worker *list; /* NULL: not started */
};

/* 0 or a negative errno; workers_stop() in either case. */
int workers_start(struct workers *workers, const struct workers_config *config);

/* What is in the queue is still served; then they end. Takes a zeroed one, too. */
void workers_stop(struct workers *workers);

/* Any thread; mine: its counters, NULL if they are not at hand. 0, -EAGAIN: full, or -ESHUTDOWN.
 * Counts the wake-up, if there was one. */
int workers_push(struct workers *workers, struct counters *mine, void *task);

/* The same with a request that came by post(): counts that, too, in `others`. */
int workers_post(struct workers *workers, struct request *request);

/* in_place_config.later. */
bool workers_later(struct workers *workers, struct request *request);

/* Tells `others` how many tasks the queue has taken: each is a message. To be called before
 * counters_sum(); counting them one by one would be work for what the queue knows. */
void workers_tell(struct workers *workers);

/* The counters of this thread: its own if it is one of these workers, else `others`. */
struct counters *workers_mine(const struct workers *workers);

#endif
