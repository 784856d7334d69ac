/* SPDX-License-Identifier: MIT */
#include "arrivals.h"

#include "draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const arrivals_names[] = {
    [ARRIVALS_POISSON] = "poisson",
    [ARRIVALS_UNIFORM] = "uniform",
    [ARRIVALS_BURST] = "burst",
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

int arrivals_plan(struct arrivals *arrivals, const struct arrivals_config *config)
{
    *arrivals = (struct arrivals){0};
    if (config->kind == ARRIVALS_CLOSED)
        return 0;
    const double span_ns = (double)config->span_ns;
    const uint64_t together = config->kind == ARRIVALS_BURST ? config->burst : 1;
    const double gap_ns = 1e9 / config->rate_hz * (double)together;
    const double instants = span_ns / gap_ns;
    /* Ten standard deviations of a Poisson count: beyond that the draws would be wrong. */
    double room = (instants + 10 * sqrt(instants) + 16) * (double)together;
    if (room > (double)ARRIVALS_MAX)
        return -E2BIG;
    size_t cap = (size_t)room;
    arrivals->due_ns = malloc(cap * sizeof *arrivals->due_ns);
    if (!arrivals->due_ns)
        return -ENOMEM;

    double due_ns = 0;
    for (uint64_t instant = 0; arrivals->count + together <= cap; instant++) {
        if (config->kind == ARRIVALS_UNIFORM)
            due_ns = gap_ns * (double)instant;
        else
            due_ns += gap_ns * draw_exponential(config->seed, instant);
        if (due_ns >= span_ns)
            break;
        for (uint64_t i = 0; i < together; i++)
            arrivals->due_ns[arrivals->count++] = (uint64_t)due_ns;
    }
    return 0;
}

void arrivals_finish(struct arrivals *arrivals)
{
    free(arrivals->due_ns);
    *arrivals = (struct arrivals){0};
}
