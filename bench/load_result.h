/* SPDX-License-Identifier: MIT */
/*
 * What a run of the load generator came to: counts as they happen, an exact sample of every right
 * answer, and afterwards the order statistics of all, of each class and of each second.
 */
#ifndef ASSAY_LOAD_RESULT_H
#define ASSAY_LOAD_RESULT_H

#include "statistics.h"
#include "watch.h"

#include "clock.h"

#include <stdbool.h>

/* sent = answered + wrong + failed; planned = sent + unsent. By when a request was due. */
struct load_counts {
    uint64_t planned;
    uint64_t sent;
    uint64_t answered;  /* in time, and right */
    uint64_t wrong;     /* an answer, but another status or other bytes */
    uint64_t rejected;  /* of these: 503, the server would not do it now */
    uint64_t failed;    /* no answer: reset, not HTTP, or none within timeout_ns */
    uint64_t timeouts;  /* of these: none in time */
    uint64_t unsent;    /* no connection came free, nor in the time given for it after the window */
    uint64_t held_back; /* sent late because no connection was free: not the generator's own lag */
    uint64_t sent_after; /* of these: none came free before the end of the window */
};

/* Of the window: all of it, or the requests of one class, or those planned in one second of it. */
struct load_part {
    struct load_counts counts;
    struct statistics latency; /* from the planned time, of right answers; sorted, as both */
    struct statistics service; /* from the send, of the same */
};

/* Of the window, with a part of its own for each step of the arrivals. */
struct load_step {
    struct load_part part;
    uint64_t end_ns;    /* from the beginning of the window */
    uint64_t polled_ns; /* its part of load_result's, by when a turn began */
};

struct load_second {
    struct load_counts counts;
    uint64_t in_window;  /* right answers that came in this second, whenever they were planned */
    uint64_t lag_max_ns; /* of what was planned in it */
    uint64_t p50_ns, p99_ns, max_ns, service_p99_ns; /* of right answers, if there are any */
};

struct load_sample {
    uint64_t latency_ns, service_ns;
    uint16_t class_index, step;
    uint32_t second;
};

struct load_result {
    uint64_t from_ns, to_ns; /* the window: set when the run begins */
    struct load_part all;
    struct load_part *classes; /* in the order of the config; of a single one no statistics here */
    size_t class_count;
    struct load_step *steps; /* one at least; of a single one no statistics here */
    size_t step_count;
    struct load_second *seconds; /* of the window */
    size_t second_count;

    uint64_t in_window; /* right answers that came during the window, whenever they were planned */
    uint64_t right;     /* right answers of the whole run, warm-up and all */
    uint64_t status_counts[600];
    /* The generator's own lateness: from the planned time, or from when a connection came free if
     * that was later, to the send. Of all requests sent; sorted. None of a closed loop. */
    struct statistics lag;

    size_t held; /* connections open when all was sent, or being opened and open soon after */
    double in_flight_mean;
    uint64_t cpu_ns;      /* the generator's own; this and what follows: during the window */
    uint64_t polled_ns;   /* with spin_ns: in turns of its loop that found nothing to do */
    struct cpu_time cpus; /* that the generator may use */
    /* Config's watch_pid, whose switches and ticks are of the whole run; and beside_pid, of which
     * there is CPU time only. */
    struct watch watched, beside;
    int watch_error; /* why there is nothing in them, or 0 */
    uint64_t reconnects, closes;
    uint64_t stamped; /* answers of the whole run whose arrival the kernel told */

    struct load_sample *samples; /* as they come; gone after load_result_summarise() */
    size_t sample_count, sample_cap;
    size_t dropped; /* beyond sample_cap: in the counts, not in the percentiles */
};

/* Of one step that is the window, until others are set. 0 or -ENOMEM. finish takes a zeroed one
 * too. */
int load_result_init(struct load_result *result, size_t classes, uint64_t duration_ns,
                     size_t sample_cap);
/* Where each of several steps ends, from the beginning of the window. 0 or -ENOMEM. */
int load_result_set_steps(struct load_result *result, const uint64_t *ends_ns, size_t count);
/* Does it belong into the window? */
static inline bool load_result_counts(const struct load_result *result, uint64_t at_ns)
{
    return at_ns >= result->from_ns && at_ns < result->to_ns;
}

static inline struct load_second *load_result_second(const struct load_result *result,
                                                     uint64_t at_ns)
{
    return &result->seconds[(at_ns - result->from_ns) / CLOCK_NS_PER_S];
}

static inline struct load_step *load_result_step(const struct load_result *result, uint64_t at_ns)
{
    size_t i = 0;
    while (i + 1 < result->step_count && at_ns - result->from_ns >= result->steps[i].end_ns)
        i++;
    return &result->steps[i];
}

/* What became of a request of that class that was planned for due_ns; those outside the window are
 * passed over. free_ns: when a connection was free for it. */
void load_result_sent(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                      uint64_t free_ns, uint64_t now_ns);
void load_result_failed(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                        bool late);
struct load_answer {
    uint32_t class_index;
    int status;
    bool right;
    uint64_t due_ns, sent_ns, now_ns;
};
void load_result_answered(struct load_result *result, const struct load_answer *answer);
/* Of an open plan, after the run: it held this one, which was sent or not. */
void load_result_planned(struct load_result *result, uint32_t class_index, uint64_t due_ns,
                         bool sent);

/* After the run: sums counts up, sorts. 0 or -ENOMEM. */
int load_result_summarise(struct load_result *result);
void load_result_finish(struct load_result *result);

#endif
