/* SPDX-License-Identifier: MIT */
/* What is to be sent when: the arrivals, and the class of each. */
#ifndef ASSAY_LOAD_PLAN_H
#define ASSAY_LOAD_PLAN_H

#include "load_run.h"

struct load_plan {
    const struct load_config *config;
    struct arrivals due; /* from the beginning of the warm-up; none of a closed loop */
    double shares;       /* of all classes */
};

/* 0 or a negative errno. finish takes a zeroed one too. */
int load_plan_init(struct load_plan *plan, const struct load_config *config);
void load_plan_finish(struct load_plan *plan);

/* Of request number i, the same for the same seed. */
uint32_t load_plan_class(const struct load_plan *plan, size_t number);
/* The steps of the arrivals, if there are any, are the result's too. 0 or -ENOMEM. */
int load_plan_set_steps(const struct load_plan *plan, struct load_result *result);

#endif
