/* SPDX-License-Identifier: MIT */
#include "heap_count.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

static struct heap_count counts;
static bool counting;

void heap_count_begin(void)
{
    counts = (struct heap_count){0};
    counting = true;
}

struct heap_count heap_count_end(void)
{
    counting = false;
    return counts;
}

#if defined(__GLIBC__) && !defined(HEAP_IS_TAKEN)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

bool heap_count_works(void)
{
    void *volatile memory; /* volatile: or the compiler leaves both calls out */
    heap_count_begin();
    memory = malloc(1);
    free(memory);
    const struct heap_count seen = heap_count_end();
    return seen.allocations == 1 && seen.bytes == 1 && seen.live == 0;
}

static void *note(void *memory, size_t asked)
{
    if (!counting || !memory)
        return memory;
    counts.allocations++;
    counts.bytes += asked;
    counts.live += (int64_t)malloc_usable_size(memory);
    if (counts.live > counts.peak)
        counts.peak = counts.live;
    return memory;
}

static void forget(void *memory)
{
    if (counting && memory)
        counts.live -= (int64_t)malloc_usable_size(memory);
}

void *malloc(size_t size)
{
    return note(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
    return note(__libc_calloc(count, size), count * size);
}

void *realloc(void *memory, size_t size)
{
    const int64_t before = counting && memory ? (int64_t)malloc_usable_size(memory) : 0;
    void *moved = __libc_realloc(memory, size);
    if (moved || size == 0)
        counts.live -= before;
    return note(moved, size);
}

void free(void *memory)
{
    const int kept = errno; /* as glibc's own leaves it */
    forget(memory);
    __libc_free(memory);
    errno = kept;
}

void *memalign(size_t alignment, size_t size)
{
    return note(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
        return EINVAL;
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

#else

bool heap_count_works(void)
{
    return false;
}

#endif
