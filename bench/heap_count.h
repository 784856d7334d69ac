/* SPDX-License-Identifier: MIT */
/*
 * The heap of this process, counted: malloc and its family are replaced in the whole executable,
 * shared libraries and C++ included, and hand on to glibc's own. One thread.
 */
#ifndef ASSAY_HEAP_COUNT_H
#define ASSAY_HEAP_COUNT_H

#include <stdbool.h>
#include <stdint.h>

struct heap_count {
    uint64_t allocations; /* calls that gave memory, realloc among them */
    uint64_t bytes;       /* asked for by them */
    int64_t live, peak;   /* usable bytes handed out since the beginning and not given back */
};

/* False where it cannot be: another C library, or a sanitizer that has its own malloc. */
bool heap_count_works(void);
void heap_count_begin(void);
struct heap_count heap_count_end(void);

#endif
