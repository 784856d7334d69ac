/* SPDX-License-Identifier: MIT */
/* What every program with sockets does to its own process. */
#ifndef ASSAY_PROCESS_H
#define ASSAY_PROCESS_H

#include <stdint.h>

/* A peer that goes away is an error code, not a signal; and as many descriptors as are allowed. */
void process_prepare(void);

/* Before any thread is made: SIGTERM and SIGINT are left to process_await_stop(). */
void process_block_stops(void);

/* Returns after the first SIGTERM or SIGINT. From then on a second one ends the process at once,
 * with exit code 1: whoever asks twice does not want to wait for the drain. */
void process_await_stop(void);

/* The most that was resident so far; 0: not known. ru_maxrss would count what the process that
 * started this one had: Linux carries it over exec. */
uint64_t process_peak_rss_bytes(void);

#endif
