/* SPDX-License-Identifier: MIT */
/*
 * Read buffers that each thread keeps for its next requests: connections have none while they are
 * idle, and malloc() and free() of 8 KB are 8 to 13 % of the instructions of an echo. A loop reads
 * from all that are ready before it answers the first, so it keeps several.
 */
#ifndef ASSAY_SPARE_H
#define ASSAY_SPARE_H

#include "bytes.h"

#define SPARE_SIZE 8192
#define SPARE_KEPT 64 /* at most, per thread */

/* Any thread. bytes are empty and have no memory: then room for SPARE_SIZE. Aborts as
 * bytes_reserve(). */
void spare_take(struct bytes *bytes);
/* Instead of bytes_finish(), on this thread or another. */
void spare_give(struct bytes *bytes);

#endif
