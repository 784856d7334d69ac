/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <stdlib.h>

/* Puts entry at index i; places count from 1, so that 0 says "not armed". */
static void put(struct timers *timers, size_t i, struct timers_entry entry)
{
    timers->heap[i] = entry;
    if (entry.place)
        *entry.place = i + 1;
}

/* The hole at i moves up or down until entry fits there. */
static void sift(struct timers *timers, size_t i, struct timers_entry entry)
{
    while (i > 0 && entry.due_ns < timers->heap[(i - 1) / 2].due_ns) {
        put(timers, i, timers->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= timers->len)
            break;
        if (child + 1 < timers->len && timers->heap[child + 1].due_ns < timers->heap[child].due_ns)
            child++;
        if (timers->heap[child].due_ns >= entry.due_ns)
            break;
        put(timers, i, timers->heap[child]);
        i = child;
    }
    put(timers, i, entry);
}

/* Takes the entry at i out; the last one fills the hole. */
static void take(struct timers *timers, size_t i)
{
    if (timers->heap[i].place)
        *timers->heap[i].place = 0;
    struct timers_entry last = timers->heap[--timers->len];
    if (i < timers->len)
        sift(timers, i, last);
}

void timers_add(struct timers *timers, uint64_t due_ns, void *item, size_t *place)
{
    if (timers->len == timers->cap) {
        size_t cap = timers->cap ? 2 * timers->cap : 16;
        struct timers_entry *heap = realloc(timers->heap, cap * sizeof *heap);
        if (!heap)
            abort();
        timers->heap = heap;
        timers->cap = cap;
    }
    size_t i = timers->len++;
    sift(timers, i, (struct timers_entry){due_ns, item, place});
}

void timers_cancel_armed(struct timers *timers, size_t place)
{
    take(timers, place - 1);
}

void *timers_pop(struct timers *timers, uint64_t now_ns)
{
    if (!timers->len || timers->heap[0].due_ns > now_ns)
        return NULL;
    void *item = timers->heap[0].item;
    take(timers, 0);
    return item;
}

void timers_finish(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){0};
}
