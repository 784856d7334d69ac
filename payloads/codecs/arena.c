/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 16, FIRST_BLOCK = 64 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    alignas(ALIGN) unsigned char bytes[];
};

/* A block with room for size bytes behind the current one, and for no more than left: a kept one if
 * it is large enough. Those that are not go: else requests that grow a little each time would leave
 * one more block behind every time. */
static struct arena_block *next_block(struct arena *arena, size_t size, size_t left)
{
    struct arena_block *after = arena->current;
    struct arena_block **place = after ? &after->next : &arena->first;
    while (*place != NULL && (*place)->size < size) {
        struct arena_block *small = *place;
        *place = small->next;
        free(small);
    }
    if (*place != NULL)
        return *place;
    size_t room = after ? after->size * 2 : FIRST_BLOCK;
    if (room > left)
        room = left;
    if (room < size)
        room = size;
    struct arena_block *block = malloc(sizeof(*block) + room);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.next = NULL, .size = room};
    *place = block;
    return block;
}

/* No room in front of the end: the block is full, the budget spent, or nothing was asked for. */
static void *alloc_slowly(struct arena *arena, size_t size)
{
    size_t left = arena->budget - arena_used(arena);
    size_t whole = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    struct arena_block *block = arena->current;
    if (size > left || whole > left || whole < size) {
        arena->refused = true;
        return NULL;
    }
    if (block == NULL || whole > (size_t)(block->bytes + block->size - arena->at)) {
        block = next_block(arena, whole, left);
        arena->refused |= block == NULL;
        if (block == NULL)
            return NULL;
        arena->used_before = arena_used(arena);
        arena->current = block;
        arena->start = arena->at = block->bytes;
        size_t room = (block->size < left ? block->size : left) & ~(size_t)(ALIGN - 1);
        arena->end = block->bytes + room;
    }
    void *memory = arena->at;
    arena->at += whole;
    return memory;
}

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    /* The room is whole steps of ALIGN: what fits in it still does when it is rounded up. */
    if (size - 1 >= (size_t)(arena->end - arena->at))
        return alloc_slowly(arena, size);
    void *memory = arena->at;
    arena->at += (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
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
    arena->used_before = 0;
    arena->refused = false;
    arena->current = NULL;
    arena->start = arena->at = arena->end = NULL;
}

void arena_finish(struct arena *arena)
{
    while (arena->first != NULL) {
        struct arena_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
    arena_reset(arena);
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
