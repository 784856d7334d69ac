/* SPDX-License-Identifier: MIT */
/*
 * One run of the load generator: sends what is planned when it is due, and keeps an exact sample of
 * every answer. The *window* is what is measured: it begins after the warm-up and ends with the
 * plan. A request belongs to it by its planned time (closed loop: by the time it was sent).
 */
#ifndef ASSAY_LOAD_RUN_H
#define ASSAY_LOAD_RUN_H

#include "arrivals.h"
#include "connections.h"
#include "statistics.h"
#include "watch.h"

struct load_config {
    enum arrivals_kind arrival;
    double rate_hz;
    uint64_t warmup_ns, duration_ns, timeout_ns, spin_ns, seed;

    /* The requests to send, in turn: whole, head and body. */
    const struct bytes *requests;
    size_t documents;
    /* Is this the right answer to that document? */
    bool (*right)(const void *arg, size_t document, const struct http_response *response);
    const void *arg;

    pid_t watch_pid; /* 0: none */
};

struct load_result {
    /* Of the window. sent = answered + wrong + failed; planned = sent + unsent. */
    uint64_t planned;
    uint64_t sent;
    uint64_t answered;  /* in time, and right */
    uint64_t wrong;     /* an answer, but another status or other bytes */
    uint64_t failed;    /* no answer: reset, not HTTP, or none within timeout_ns */
    uint64_t timeouts;  /* of these: none in time */
    uint64_t unsent;    /* no connection came free before the end of the plan */
    uint64_t held_back; /* sent late because no connection was free: not the generator's own lag */
    uint64_t in_window; /* right answers that came during the window, whenever they were planned */
    uint64_t status_counts[600];

    struct statistics latency; /* from the planned time, of right answers; sorted, as all three */
    struct statistics service; /* from the send, of the same */
    /* The generator's own lateness: from the planned time, or from when a connection came free if
     * that was later, to the send. Of all requests sent. */
    struct statistics lag;

    size_t held; /* connections open when the plan ended, or being opened and open soon after */
    double in_flight_mean;
    uint64_t cpu_ns; /* the generator's own; this and what follows: during the window */
    struct watch watched;
    int watch_error; /* why there is nothing in watched, or 0 */
    uint64_t reconnects, closes;
};

/* connections are open. 0 or a negative errno; result must be given to load_result_finish. */
int load_run(const struct load_config *config, struct connections *connections,
             struct load_result *result);
void load_result_finish(struct load_result *result);

#endif
