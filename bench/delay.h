/* SPDX-License-Identifier: MIT */
/* The delays of the downstream service, and the workload that keeps them. */
#ifndef ASSAY_DELAY_H
#define ASSAY_DELAY_H

#include "workload.h"

#include <stdatomic.h>

enum delay_kind { DELAY_FIXED, DELAY_EXPONENTIAL, DELAY_LOGNORMAL };

/* model_config.setup of delay_workload. */
struct delay_plan {
    enum delay_kind kind;
    double us;    /* the delay, its mean (exponential) or its median (lognormal) */
    double sigma; /* lognormal: of the logarithm */
    uint64_t seed;
    double error_rate;       /* share of requests answered with 500 */
    uint64_t stall_every_ns; /* 0: never. In [k * every, k * every + for), k = 1, 2 …, from the */
    uint64_t stall_for_ns;   /* first request on, nothing is answered */
    /* Requests seen, which gives each its number, and when the first came (0: not yet). Relaxed:
     * only the numbers matter, nothing else is published through them. */
    _Atomic uint64_t requests, began_ns;
    _Atomic uint64_t errors; /* answered with 500; relaxed, as above */
};

/* "fixed:US", "exp:MEAN_US", "lognormal:MEDIAN_US,SIGMA". 0 or -EINVAL. */
int delay_parse(struct delay_plan *plan, const char *text);

/* Of request number `serial`, without stalls. */
uint64_t delay_ns(const struct delay_plan *plan, uint64_t serial);
bool delay_is_error(const struct delay_plan *plan, uint64_t serial);
/* delay_ns made longer, so that it does not end within a stall. since_ns: from the first request.
 */
uint64_t delay_past_stall(const struct delay_plan *plan, uint64_t since_ns, uint64_t delay_ns);

extern const struct workload delay_workload;

#endif
