/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator with a budget, as a ProtobufCAllocator: what a decode may take from the heap is
 * bounded, and giving it back is one reset. One thread at a time. Zero-initialised is valid and
 * empty until arena_init.
 */
#ifndef ASSAY_ARENA_H
#define ASSAY_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct arena_block;
struct arena {
    ProtobufCAllocator allocator; /* pass &arena->allocator to decode */
    struct arena_block *first, *current;
    unsigned char *start, *at, *end; /* of the current block: taken from start to at, room to end */
    size_t used_before;              /* bytes taken from the blocks before it */
    /* Bytes that one decode may take; beyond it alloc returns NULL. Blocks that are kept, and what
     * is lost at their ends, bring its heap to three times that at most. */
    size_t budget;
    bool refused; /* it did, since the last reset */
};

#define ARENA_DEFAULT_BUDGET ((size_t)64 << 20)

void arena_init(struct arena *arena, size_t budget);
void arena_reset(struct arena *arena);  /* everything handed out is gone; the blocks are kept */
void arena_finish(struct arena *arena); /* frees the blocks */

/* Bytes taken since the last reset. */
static inline size_t arena_used(const struct arena *arena)
{
    return arena->used_before + (size_t)(arena->at - arena->start);
}

/* malloc and free, for what lives longer than one decode. */
extern ProtobufCAllocator heap_allocator;

#ifdef __cplusplus
}
#endif

#endif
