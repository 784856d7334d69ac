/* SPDX-License-Identifier: MIT */
/*
 * A workload whose requests are little programs, and which watches the model that runs it. The body
 * is a list of words, taken one after the other:
 *
 *   @N  begin in cell N (probe_routed only)      +   add one to the cell's counter
 *   d   dwell: stay in this turn for a while     wN  wait N ms
 *   g   wait until the test opens the gate       fN  forward to cell N
 *   p   persist: stay in this turn until it does
 *   kN  call downstream alone, deadline N ms (0: the model's), with what follows '#' as the request
 *   cN{P} one more target: cell N, with program P   o{P} … a new cell     h{T} … downstream, text T
 *   qN  call all targets, deadline N ms             !    send to them, one way
 *       an `a` after either replies with all "STATUS:BODY", commas between
 *   zN  offload a piece that takes until the gate is open and returns N
 *   sN  reply with status N                      n   reply with the cell's counter
 *   bN  reply with N bytes of a pattern          x   reject
 *
 * The end of the list, or '#', replies with the body itself: so "w5 #17" is an echo, numbered.
 */
#ifndef ASSAY_TESTS_PROBE_H
#define ASSAY_TESTS_PROBE_H

#include "workload.h"

#include <stdatomic.h>

/* What the test holds (model_config.setup). All of it is written by several threads and read by the
 * test; sequentially consistent, since nothing is timed here. */
struct probe {
    _Atomic bool gate;                      /* open: g ends */
    _Atomic int gated, gated_max;           /* requests in g at once */
    _Atomic int offloading, offloading_max; /* pieces at once */
    _Atomic int offloaded, elsewhere;       /* pieces; those not on the thread of the turn before */
    _Atomic int in_turn, in_turn_max;       /* turns at once, over all cells */
    _Atomic uint64_t turns, additions;
    _Atomic int overlaps;      /* two turns in one cell at once: must stay 0 */
    _Atomic int faults;        /* anything else that breaks workload.h: must stay 0 */
    const char *_Atomic fault; /* the last one */
    _Atomic int cells_opened, cells_closed;
    _Atomic int frames_used, frames_closed;
    _Atomic bool fail_new; /* cell_open of new cells fails with -ENOSPC */
    int fail_cell; /* cell_open of cell number fail_cell - 1 fails with -ENOSPC; 0: none does */
};

extern const struct workload probe_cells;  /* shared cells, no route */
extern const struct workload probe_routed; /* shared cells, @N routes */
extern const struct workload probe_plain;  /* no state: cell is NULL */

void probe_pattern(uint8_t *out, size_t len); /* what bN replies */

#endif
