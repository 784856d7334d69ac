/* SPDX-License-Identifier: MIT */
/*
 * The delays of the downstream service, and the workload that keeps them.
 *
 * A *plan* says what requests meet. Request number i of a plan (from 0, in the order in which they
 * arrive, on whatever connection) has the delay and the fate that the plan's seed gives to i: so
 * whoever asks, each model meets the same sequence. A new plan begins to count at 0 again.
 */
#ifndef ASSAY_DELAY_H
#define ASSAY_DELAY_H

#include "workload.h"

#include <stdatomic.h>

enum delay_kind { DELAY_FIXED, DELAY_EXPONENTIAL, DELAY_LOGNORMAL, DELAY_BIMODAL };

struct delay_plan {
    char text[96]; /* as given to delay_parse() */
    enum delay_kind kind;
    double us;      /* the delay, its mean (exponential), its median (lognormal), or the fast one */
    double sigma;   /* lognormal: of the logarithm */
    double slow_us; /* bimodal: the other one … */
    double slow_share; /* … and its share of requests */
    uint64_t seed;
    double error_rate;       /* share of requests answered with 500 */
    uint64_t stall_every_ns; /* 0: never. In [k * every, k * every + for), k = 1, 2 …, from the */
    uint64_t stall_for_ns;   /* first request on, nothing is answered */
    /* Requests seen, which gives each its number, and when the first came (0: not yet). Relaxed:
     * only the numbers matter, nothing else is published through them. */
    _Atomic uint64_t requests, began_ns;
};

#define DELAY_PLANS_MAX 10000

/* model_config.setup of delay_workload. May lie in memory that processes share. */
struct delay_book {
    /* Which plan new requests meet. A plan is written before it becomes current and never again
     * (but for its counters), so a release here and an acquire in the reader is all it takes. */
    _Atomic uint32_t current;
    _Atomic uint64_t requests, answered, errors; /* of all plans; errors: with 500. Relaxed */
    struct delay_plan plans[DELAY_PLANS_MAX];
};

/* "fixed:US", "exp:MEAN_US", "lognormal:MEDIAN_US,SIGMA", "bimodal:FAST_US,SLOW_US,SLOW_SHARE".
 * 0 or -EINVAL. */
int delay_parse(struct delay_plan *plan, const char *text);
#define DELAY_FORMS                                                                                \
    "fixed:US, exp:MEAN_US, lognormal:MEDIAN_US,SIGMA or bimodal:FAST_US,SLOW_US,SLOW_SHARE"

/* Of request number `serial`, without stalls. */
uint64_t delay_ns(const struct delay_plan *plan, uint64_t serial);
bool delay_is_error(const struct delay_plan *plan, uint64_t serial);
/* delay_ns made longer, so that it does not end within a stall. since_ns: from the first request.
 */
uint64_t delay_past_stall(const struct delay_plan *plan, uint64_t since_ns, uint64_t delay_ns);

/* Settings become the plan of what arrives from now on; what has arrived keeps its own. One writer.
 * 0, or -ENOSPC: it was the ten-thousandth. */
int delay_change(struct delay_book *book, const struct delay_plan *settings);

extern const struct workload delay_workload;

#endif
