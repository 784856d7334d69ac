/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE ((size_t)128)

static void close_first(struct cells *cells, uint32_t count)
{
    while (count-- > 0) {
        if (cells->workload->cell_close)
            cells->workload->cell_close(cells_at(cells, count));
    }
    free(cells->state);
    cells->state = NULL;
}

int cells_open(struct cells *cells, const struct workload *workload, uint32_t count,
               const void *setup)
{
    *cells = (struct cells){.workload = workload, .count = count ? count : 1};
    if (workload->cell_size == 0)
        return 0;
    cells->stride = (workload->cell_size + LINE - 1) / LINE * LINE;
    cells->state = aligned_alloc(LINE, cells->stride * cells->count);
    if (!cells->state)
        return -ENOMEM;
    memset(cells->state, 0, cells->stride * cells->count);
    for (uint32_t id = 0; id < cells->count && workload->cell_open; id++) {
        int error = workload->cell_open(cells_at(cells, id), id, setup);
        if (error) {
            close_first(cells, id);
            return error;
        }
    }
    return 0;
}

void cells_close(struct cells *cells)
{
    if (cells->state)
        close_first(cells, cells->count);
}
