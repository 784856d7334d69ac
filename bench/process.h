/* SPDX-License-Identifier: MIT */
/* What every program with sockets does to its own process. */
#ifndef ASSAY_PROCESS_H
#define ASSAY_PROCESS_H

/* A peer that goes away is an error code, not a signal; and as many descriptors as are allowed. */
void process_prepare(void);

/* Before any thread is made: SIGTERM and SIGINT are left to process_await_stop(). */
void process_block_stops(void);

/* Returns after the first SIGTERM or SIGINT. From then on a second one ends the process at once,
 * with exit code 1: whoever asks twice does not want to wait for the drain. */
void process_await_stop(void);

#endif
