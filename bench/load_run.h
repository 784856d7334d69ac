/* SPDX-License-Identifier: MIT */
/*
 * One run of the load generator: sends what is planned when it is due, and keeps an exact sample of
 * every answer. The *window* is what is measured: it begins after the warm-up and ends with the
 * plan. A request belongs to it by its planned time (closed loop: by the time it was sent). What
 * was due in it and found no connection is still sent for a while afterwards, so that its latency
 * is in the percentiles; the rate that was achieved is of answers that came within it.
 */
#ifndef ASSAY_LOAD_RUN_H
#define ASSAY_LOAD_RUN_H

#include "arrivals.h"
#include "connections.h"
#include "load_log.h"
#include "load_result.h"

/* Requests of one kind. Which class request number i has is drawn from the seed by the shares. */
struct load_class {
    const char *name;
    double share; /* above 0; of the sum of all */
    /* The requests to send, in turn: whole, head and body. */
    const struct connection_request *requests;
    size_t documents;
    /* Is this the right answer to that document? */
    bool (*right)(const void *arg, size_t document, const struct http_response *response);
    const void *arg;
};

struct load_config {
    /* span_ns is set by the run; the warm-up belongs to the first of its steps. */
    struct arrivals_config arrivals;
    uint64_t warmup_ns, duration_ns, spin_ns;
    uint64_t timeout_ns; /* for an answer; and for a connection after the window, but 1 s at most */
    uint64_t slack_ns;   /* a send may be so late, to go with others: fewer wake-ups, more lag */
    /* Answers may lie until the next request is due, if connections have stamps: one wake-up for
     * both, and no latency is longer for it. */
    bool defer;
    size_t in_flight; /* at most so many requests at once, from 1 to the number of connections */
    const struct load_class *classes;
    size_t class_count;
    pid_t watch_pid, beside_pid; /* the server; what it asks in turn. 0: none */
    struct load_log *log; /* NULL: none; initialised by the run, finished by whoever gave it */
};

/* connections are open. 0 or a negative errno; result must be given to load_result_finish. */
int load_run(const struct load_config *config, struct connections *connections,
             struct load_result *result);

#endif
