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

/*
 * A clock that ticks at the rate of the arrivals: on it they come one a tick, or with gaps of one
 * on average, whatever the steps. So a Poisson process stays one where the rate changes (Cinlar,
 * "Introduction to Stochastic Processes", 1975: inversion of the integrated rate).
 */
struct pace {
    const struct arrivals_step *steps;
    size_t count, at;
    double together;            /* requests at one instant */
    double from_ns, from_ticks; /* when this step began */
};

static double gap_ns(const struct pace *pace)
{
    return 1e9 / pace->steps[pace->at].rate_hz * pace->together;
}

/* When the clock shows so much; to be asked in ascending order. */
static double when_ns(struct pace *pace, double ticks)
{
    for (;;) {
        double ns = pace->from_ns + (ticks - pace->from_ticks) * gap_ns(pace);
        double end_ns = pace->from_ns + (double)pace->steps[pace->at].ns;
        if (pace->at + 1 == pace->count || ns < end_ns)
            return ns;
        pace->from_ticks += (double)pace->steps[pace->at].ns / gap_ns(pace);
        pace->from_ns = end_ns;
        pace->at++;
    }
}

/* How far the clock gets: the instants that are to be expected. */
static double ticks_until(const struct pace *begin, double span_ns)
{
    struct pace pace = *begin;
    for (; pace.at + 1 < pace.count; pace.at++) {
        double end_ns = pace.from_ns + (double)pace.steps[pace.at].ns;
        if (end_ns > span_ns)
            break;
        pace.from_ticks += (double)pace.steps[pace.at].ns / gap_ns(&pace);
        pace.from_ns = end_ns;
    }
    return pace.from_ticks + (span_ns - pace.from_ns) / gap_ns(&pace);
}

int arrivals_plan(struct arrivals *arrivals, const struct arrivals_config *config)
{
    *arrivals = (struct arrivals){0};
    if (config->kind == ARRIVALS_CLOSED)
        return 0;
    const double span_ns = (double)config->span_ns;
    const uint64_t together = config->kind == ARRIVALS_BURST ? config->burst : 1;
    const struct arrivals_step only = {config->rate_hz, config->span_ns};
    struct pace pace = {.steps = config->step_count ? config->steps : &only,
                        .count = config->step_count ? config->step_count : 1,
                        .together = (double)together};
    const double instants = ticks_until(&pace, span_ns);
    /* Ten standard deviations of a Poisson count: beyond that the draws would be wrong. */
    double room = (instants + 10 * sqrt(instants) + 16) * (double)together;
    if (room > (double)ARRIVALS_MAX)
        return -E2BIG;
    size_t cap = (size_t)room;
    arrivals->due_ns = malloc(cap * sizeof *arrivals->due_ns);
    if (!arrivals->due_ns)
        return -ENOMEM;

    const uint64_t seed = draw_seed(config->seed, DRAW_ARRIVALS);
    double ticks = 0;
    for (uint64_t instant = 0; arrivals->count + together <= cap; instant++) {
        if (config->kind == ARRIVALS_UNIFORM)
            ticks = (double)instant;
        else
            ticks += draw_exponential(seed, instant);
        const double due_ns = when_ns(&pace, ticks);
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
