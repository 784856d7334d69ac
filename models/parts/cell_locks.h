/* SPDX-License-Identifier: MIT */
/* A mutex per cell, for models whose threads share the cells. */
#ifndef ASSAY_CELL_LOCKS_H
#define ASSAY_CELL_LOCKS_H

#include "cells.h"
#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cell_lock {
    /* One turn at a time. Held during a turn only, not over a wait, a call or into the next cell,
     * so no thread ever has two of them. */
    _Alignas(64) struct lock turn;
};

struct cell_locks {
    struct cell_lock *locks; /* NULL: no shared state */
    uint32_t count;
};

/* So many, dealt out to the cells, which are open: one each, or one for all. None if they have no
 * state. 0 or -ENOMEM. */
static inline int cell_locks_init(struct cell_locks *locks, const struct cells *cells,
                                  uint32_t count)
{
    *locks = (struct cell_locks){.count = count};
    if (!cells->state)
        return 0;
    locks->locks = aligned_alloc(_Alignof(struct cell_lock), locks->count * sizeof *locks->locks);
    if (!locks->locks)
        return -ENOMEM;
    memset(locks->locks, 0, locks->count * sizeof *locks->locks);
    return 0;
}

static inline void cell_locks_finish(struct cell_locks *locks)
{
    free(locks->locks);
}

/* NULL where there is nothing to lock. Lock no other one while you have it. */
static inline struct lock *cell_locks_at(const struct cell_locks *locks, uint32_t cell)
{
    return locks->locks ? &locks->locks[cell % locks->count].turn : NULL;
}

#endif
