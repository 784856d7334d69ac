/* SPDX-License-Identifier: MIT */
#include "arrivals.h"

#include "draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const arrivals_names[] = {
    [ARRIVALS_POISSON] = "poisson",
    [ARRIVALS_UNIFORM] = "uniform",
    [ARRIVALS_CLOSED] = "closed",
    NULL,
};

int arrivals_find(const char *name, enum arrivals_kind *kind)
{
    for (size_t i = 0; arrivals_names[i]; i++) {
        if (strcmp(arrivals_names[i], name) == 0) {
            *kind = (enum arrivals_kind)i;
            return 0;
        }
    }
    return -EINVAL;
}

int arrivals_plan(struct arrivals *arrivals, enum arrivals_kind kind, double rate_hz,
                  uint64_t span_ns, uint64_t seed)
{
    *arrivals = (struct arrivals){0};
    if (kind == ARRIVALS_CLOSED)
        return 0;
    double expected = rate_hz * (double)span_ns / 1e9;
    /* Ten standard deviations of a Poisson count: beyond that the draws would be wrong. */
    double room = expected + 10 * sqrt(expected) + 16;
    if (room > (double)ARRIVALS_MAX)
        return -E2BIG;
    size_t cap = (size_t)room;
    arrivals->due_ns = malloc(cap * sizeof *arrivals->due_ns);
    if (!arrivals->due_ns)
        return -ENOMEM;

    double due_ns = 0;
    const double gap_ns = 1e9 / rate_hz;
    while (arrivals->count < cap) {
        if (kind == ARRIVALS_POISSON)
            due_ns += gap_ns * draw_exponential(seed, arrivals->count);
        else
            due_ns = gap_ns * (double)arrivals->count;
        if (due_ns >= (double)span_ns)
            break;
        arrivals->due_ns[arrivals->count++] = (uint64_t)due_ns;
    }
    return 0;
}

void arrivals_finish(struct arrivals *arrivals)
{
    free(arrivals->due_ns);
    *arrivals = (struct arrivals){0};
}
