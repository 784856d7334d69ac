/* SPDX-License-Identifier: MIT */
/* The command line of model_bench, and what it makes of it. */
#ifndef ASSAY_MODEL_OPTIONS_H
#define ASSAY_MODEL_OPTIONS_H

#include "closed_loop.h"
#include "gbench.h"
#include "inject.h"

#define MODEL_BASELINE "thread_pool"

extern const struct gbench_flag model_options_flags[]; /* gbench_program.flags */

/* Once they are read: sets the first half of the world, pins the process, and tells the context.
 * 0 or the exit code, having said why. */
int model_options_read(struct closed_loop_world *world, struct inject *inject);

/* gbench_program.check: an option that none of the chosen cases cares for is a mistake. */
int model_options_check(bool list);

#endif
