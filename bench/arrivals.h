/* SPDX-License-Identifier: MIT */
/* When requests are due: planned as a whole before the run, from a seed. */
#ifndef ASSAY_ARRIVALS_H
#define ASSAY_ARRIVALS_H

#include <stddef.h>
#include <stdint.h>

enum arrivals_kind {
    ARRIVALS_POISSON, /* independent, exponential gaps: what many independent users do */
    ARRIVALS_UNIFORM, /* equal gaps */
    ARRIVALS_BURST,   /* several at one instant, the instants as in POISSON: a batch, a cron job */
    ARRIVALS_CLOSED,  /* no plan: each connection sends when it has its answer */
};

struct arrivals {
    uint64_t *due_ns; /* ascending, from the start of the run */
    size_t count;
};

#define ARRIVALS_MAX ((size_t)50 << 20)

int arrivals_find(const char *name, enum arrivals_kind *kind); /* 0 or -EINVAL */
extern const char *const arrivals_names[];                     /* by kind; NULL-terminated */

/* A while at one rate. */
struct arrivals_step {
    double rate_hz; /* of requests, whatever the kind; above 0 */
    uint64_t ns;
};

struct arrivals_config {
    enum arrivals_kind kind;
    double rate_hz;                    /* all the time, if there are no steps */
    const struct arrivals_step *steps; /* one after the other; the last lasts to the end */
    size_t step_count;
    uint64_t burst; /* BURST: so many at one instant */
    uint64_t span_ns, seed;
};

/* All arrivals in [0, span_ns). 0, -ENOMEM, or -E2BIG: about ARRIVALS_MAX or more of them. finish
 * takes a zeroed plan too. */
int arrivals_plan(struct arrivals *arrivals, const struct arrivals_config *config);
void arrivals_finish(struct arrivals *arrivals);

#endif
