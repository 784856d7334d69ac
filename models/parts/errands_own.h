/* SPDX-License-Identifier: MIT */
/* The inside of errands.c, calls.c and sends.c, for nobody else. */
#ifndef ASSAY_ERRANDS_OWN_H
#define ASSAY_ERRANDS_OWN_H

#include "errands.h"

/* One to be used again, or a new one; aborts when out of memory, as bytes_reserve(). And back. */
struct request *errands_take(struct errands *errands, const struct counters *mine);
void errands_give(struct errands *errands, const struct counters *mine, struct request *request);

/* Makes a target of a request what it is to be. 0 or a negative errno. */
int errands_begin(const struct errands *errands, struct request *errand, enum errand_kind kind,
                  const struct request *asker, const struct turn_target *target);

/* The request's own, with room for all targets of its turn. */
struct gather *gather_for(struct request *request, const struct workload *workload);

#endif
