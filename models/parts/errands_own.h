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

/* So many have ended, and do not count among those under way. Release: who sees that sees those
 * that they, or who was to send them, began. */
static inline void errands_count_end(struct counters *mine, _Atomic uint64_t *tally, uint64_t n)
{
    if (mine->shared) {
        atomic_fetch_add_explicit(tally, n, memory_order_release);
        return;
    }
    uint64_t ended = atomic_load_explicit(tally, memory_order_relaxed);
    atomic_store_explicit(tally, ended + n, memory_order_release);
}

/* The request's own, with room for all targets of its turn. */
struct gather *gather_for(struct request *request, const struct workload *workload);

#endif
