/* SPDX-License-Identifier: MIT */
/* The cells of a workload: made, found, closed. Who may run a turn in one is the model's business.
 */
#ifndef ASSAY_CELLS_H
#define ASSAY_CELLS_H

#include "../workload.h"

struct cells {
    const struct workload *workload;
    unsigned char *state; /* NULL if the workload has no state */
    size_t stride;        /* of whole cache lines: no two cells share one */
    uint32_t count;       /* at least 1 */
};

/* Opens every cell. 0, -ENOMEM, or what cell_open returned; then nothing is left open. */
int cells_open(struct cells *cells, const struct workload *workload, uint32_t count,
               const void *setup);
void cells_close(struct cells *cells);

/* State of a cell, NULL for a workload without any. id is below count (workload.h: route). */
static inline void *cells_at(const struct cells *cells, uint32_t id)
{
    if (id >= cells->count) /* a division costs more than the branch that avoids it */
        id %= cells->count;
    return cells->state ? cells->state + cells->stride * id : NULL;
}

/* Where a request of a connection begins. */
static inline uint32_t cells_route(const struct cells *cells, const uint8_t *in, size_t in_len,
                                   uint64_t connection)
{
    if (!cells->state)
        return 0;
    if (cells->workload->route)
        return cells->workload->route(in, in_len, connection, cells->count) % cells->count;
    return (uint32_t)(connection % cells->count);
}

#endif
