/* SPDX-License-Identifier: MIT */
/*
 * A network, a server and a clock that are computed: they stand behind bench/connections.h and
 * bench/watch.h, so that load's own schedule, records and statistics run against answers whose
 * times are known to the nanosecond, whatever this machine does meanwhile. Nothing takes time but
 * what is said here.
 */
#ifndef ASSAY_SIMULATED_H
#define ASSAY_SIMULATED_H

#include <stdint.h>

struct simulated {
    /* When the answer to request number `serial` (from 0, in the order sent) is there. */
    uint64_t (*answer_ns)(const void *arg, uint64_t serial, uint32_t connection, uint64_t sent_ns);
    const void *arg;
    /* How late the generator wakes from a sleep that would end at due_ns; NULL: never late. */
    uint64_t (*oversleep_ns)(uint64_t due_ns);
    uint64_t walk_ns; /* what watch_threads() takes; the server switches once for each request */
    uint64_t read_ns; /* what reading an answer takes */

    uint64_t now_ns, serial; /* set by connections_open() */
};

#define SIMULATED_START_NS UINT64_C(1000000000000) /* when every run begins */

extern struct simulated simulated;

#endif
