/* SPDX-License-Identifier: MIT */
/* parts/loop/…: what an iteration costs in each way of looping. */
#ifndef ASSAY_PARTS_LOOP_H
#define ASSAY_PARTS_LOOP_H

#include "gbench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In C++ (parts_loop.cc): the library's own loops, and one that C calls for every iteration. */
void parts_loop_cpp_range_for(struct gbench_state *state, void *arg);
void parts_loop_cpp_keep_running(struct gbench_state *state, void *arg);
bool parts_loop_keep_running(void *library_state);

#ifdef __cplusplus
}
#endif

#endif
