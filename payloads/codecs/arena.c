/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 16, FIRST_BLOCK = 64 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(ALIGN) unsigned char bytes[];
};

/* A block with room for size bytes behind the current one: a kept one if it is large enough. */
static struct arena_block *next_block(struct arena *arena, size_t size)
{
    struct arena_block *after = arena->current;
    struct arena_block *kept = after ? after->next : arena->first;
    if (kept != NULL && kept->size >= size) {
        kept->used = 0;
        return kept;
    }
    size_t room = after ? after->size * 2 : FIRST_BLOCK;
    if (room > arena->budget)
        room = arena->budget;
    if (room < size)
        room = size;
    struct arena_block *block = malloc(sizeof(*block) + room);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.next = kept, .size = room};
    if (after != NULL)
        after->next = block;
    else
        arena->first = block;
    return block;
}

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    size_t left = arena->budget - arena->used;
    size_t whole = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    struct arena_block *block = arena->current;
    if (size > left || whole > left || whole < size) {
        arena->refused = true;
        return NULL;
    }
    if (block == NULL || block->size - block->used < whole) {
        block = next_block(arena, whole);
        arena->refused |= block == NULL;
        if (block == NULL)
            return NULL;
        arena->current = block;
    }
    void *memory = block->bytes + block->used;
    block->used += whole;
    arena->used += whole;
    return memory;
}

static void arena_free(void *data, void *memory)
{
    (void)data;
    (void)memory; /* goes with the reset */
}

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){.budget = budget};
    arena->allocator = (ProtobufCAllocator){arena_alloc, arena_free, arena};
}

void arena_reset(struct arena *arena)
{
    arena->used = 0;
    arena->refused = false;
    arena->current = NULL;
}

void arena_finish(struct arena *arena)
{
    while (arena->first != NULL) {
        struct arena_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
    arena->current = NULL;
    arena->used = 0;
}

static void *heap_alloc(void *data, size_t size)
{
    (void)data;
    return malloc(size);
}

static void heap_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

ProtobufCAllocator heap_allocator = {heap_alloc, heap_free, NULL};
