/* SPDX-License-Identifier: MIT */
/*
 * A second address at which downstream is told what to be, while it runs. The service is a process
 * of its own then, so that nothing here can disturb it, and so that it can really die.
 *
 *   POST /   settings, separated by blanks, line ends or &:
 *            delay=DIST seed=N error-rate=F stall-every=S stall-for=S
 *                a new plan (delay.h): what arrives from now on is numbered from 0 again; what is
 *                not named stays. stall-every=0: no more stalls
 *            state=up        serves
 *            state=stopped   SIGSTOP: connections are accepted by the kernel, nothing is answered
 *            state=refusing  answers what it has, closes, and listens no more
 *            state=dead      SIGKILL: connections are reset, what was under way is lost
 *   GET /metrics, GET /health
 *
 * The answer comes when the change is made: JSON with settings, counts and
 * the service's pid, or 400 and why not.
 */
#ifndef ASSAY_DOWNSTREAM_CONTROL_H
#define ASSAY_DOWNSTREAM_CONTROL_H

#include "downstream_service.h"

struct downstream_outcome {
    uint64_t deaths; /* services killed because they were told to be dead */
    bool crashed;    /* the service ended although nobody told it to */
};

/* Until SIGTERM or SIGINT, which must be blocked; then the service drains. 0 or a negative errno
 * with the address in *where: it could not listen there. */
int downstream_control(const struct downstream_config *config, const char **where,
                       struct downstream_outcome *outcome);

#endif
