/* SPDX-License-Identifier: MIT */
#include "heap.h"

static size_t live, peak;

size_t heap_live(void)
{
    return live;
}

size_t heap_peak(void)
{
    return peak;
}

void heap_forget_peak(void)
{
    peak = live;
}

#ifdef HEAP_IS_COUNTED

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

/* glibc's own, under the names that it keeps for those who replace malloc. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

bool heap_is_counted(void)
{
    return true;
}

enum { CHUNK_HEADER = 8 };

static void *came(void *memory)
{
    if (memory != NULL)
        live += malloc_usable_size(memory) + CHUNK_HEADER;
    if (live > peak)
        peak = live;
    return memory;
}

static void goes(void *memory)
{
    if (memory != NULL)
        live -= malloc_usable_size(memory) + CHUNK_HEADER;
}

void *malloc(size_t size)
{
    return came(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return came(__libc_calloc(count, size));
}

/* Old and new are both there while one is copied to the other: as malloc's callers would see it. */
void *realloc(void *memory, size_t size)
{
    const size_t old = memory != NULL ? malloc_usable_size(memory) + CHUNK_HEADER : 0;
    void *moved = came(__libc_realloc(memory, size));
    if (moved != NULL || size == 0)
        live -= old;
    return moved;
}

void free(void *memory)
{
    goes(memory);
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
    return came(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return came(__libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = came(__libc_memalign(alignment, size));
    return *memory != NULL ? 0 : ENOMEM;
}

#else

bool heap_is_counted(void)
{
    return false;
}

#endif
