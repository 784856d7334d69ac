/* SPDX-License-Identifier: MIT */
/* What downstream runs: the service itself, in this process or, if it can be told to die, in one of
 * its own. */
#ifndef ASSAY_DOWNSTREAM_SERVICE_H
#define ASSAY_DOWNSTREAM_SERVICE_H

#include "delay.h"

/* Shared by the process that is told and the one that serves. */
struct downstream_shared {
    struct delay_book book;
    /* Of services that ended in order: what died is not asked. Only one process writes at a time,
     * and the other reads when it is gone. */
    uint64_t connections, lost;
};

struct downstream_config {
    const char *listen;  /* HOST:PORT */
    const char *control; /* HOST:PORT, or NULL */
    const char *cpus;    /* of the service; NULL: wherever */
    struct downstream_shared *shared;
};

/* NULL when out of memory. */
struct downstream_shared *downstream_share(void);

/*
 * Serves until SIGTERM or SIGINT, which must be blocked (process_block_stops), then drains.
 * listening() is called once with the port. 0 or a negative errno: it could not listen.
 */
int downstream_serve(const struct downstream_config *config,
                     void (*listening)(uint16_t port, void *arg), void *arg);

/* "listening on HOST:PORT" on stdout; name is "listening" or "control". */
void downstream_say(const char *name, const char *address, uint16_t port);

#endif
