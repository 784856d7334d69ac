/* SPDX-License-Identifier: MIT */
/*
 * Timers: a binary min-heap of (due time, item). Adding, cancelling and popping are O(log n), the
 * next due time O(1). One owner, no thread safety. Zero-initialised is empty.
 */
#ifndef ASSAY_TIMERS_H
#define ASSAY_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

struct timers_entry {
    uint64_t due_ns; /* beside the pointer: a sift compares keys without touching the items */
    void *item;
    size_t *place; /* NULL, or where the owner wants to find the entry again */
};

struct timers {
    struct timers_entry *heap;
    size_t len;
    size_t cap;
};

/*
 * item comes out of timers_pop once due_ns (any clock, the caller's choice) has passed. With a
 * place the entry can be cancelled: *place is 0 while nothing is armed there (so initialise it with
 * 0), else the heap keeps it up to date; it must stay valid and must not be armed already. Without
 * one (NULL) the entry only leaves by timers_pop. Aborts when out of memory, like bytes_reserve.
 */
void timers_add(struct timers *timers, uint64_t due_ns, void *item, size_t *place);

/* Does nothing if *place is not armed, as in most requests. */
void timers_cancel_armed(struct timers *timers, size_t place);
static inline void timers_cancel(struct timers *timers, const size_t *place)
{
    if (*place)
        timers_cancel_armed(timers, *place);
}

/* The item that is due first, if that is not after now_ns, else NULL. Equal times: in any order.
 * timers_pop(timers, TIMERS_NEVER) empties the heap one by one. */
void *timers_pop(struct timers *timers, uint64_t now_ns);

/* When the first item is due; TIMERS_NEVER if there is none. */
static inline uint64_t timers_next_ns(const struct timers *timers)
{
    return timers->len ? timers->heap[0].due_ns : TIMERS_NEVER;
}

void timers_finish(struct timers *timers); /* frees; empty again; the items are not touched */

#endif
