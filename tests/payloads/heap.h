/* SPDX-License-Identifier: MIT */
/*
 * malloc with books: what a program linked with heap.c has on the heap, libraries' share included.
 * One thread. Only where malloc can be replaced (HEAP_IS_COUNTED): glibc, and no sanitizer.
 */
#ifndef ASSAY_TESTS_PAYLOADS_HEAP_H
#define ASSAY_TESTS_PAYLOADS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

bool heap_is_counted(void);
/* Bytes that are out, malloc's own included. */
size_t heap_live(void);
/* The most that was out since the last heap_forget_peak. */
size_t heap_peak(void);
void heap_forget_peak(void);

#endif
