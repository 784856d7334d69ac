/* SPDX-License-Identifier: MIT */
/* What one thread hands to poll(): a growing set of connections, behind a few entries of its own.
 */
#ifndef ASSAY_POLLED_H
#define ASSAY_POLLED_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define POLLED_OWN 2 /* entries of polls before those of the items */

struct polled {
    void **items;
    struct pollfd
        *polls; /* POLLED_OWN, then one per item: filled by the owner before each poll() */
    size_t count, cap;
};

static inline bool polled_init(struct polled *polled) /* false: out of memory */
{
    *polled = (struct polled){.polls = calloc(POLLED_OWN, sizeof *polled->polls)};
    return polled->polls;
}

static inline void polled_finish(struct polled *polled) /* the items are not touched */
{
    free(polled->items);
    free(polled->polls);
}

/* At the end. False: out of memory, and the item is not there. */
static inline bool polled_add(struct polled *polled, void *item)
{
    if (polled->count == polled->cap) {
        size_t cap = polled->cap ? polled->cap * 2 : 64;
        void **items = realloc(polled->items, cap * sizeof *items);
        polled->items = items ? items : polled->items;
        struct pollfd *polls = realloc(polled->polls, (cap + POLLED_OWN) * sizeof *polls);
        polled->polls = polls ? polls : polled->polls;
        if (!items || !polls)
            return false;
        polled->cap = cap;
    }
    polled->items[polled->count++] = item;
    return true;
}

/* The last item takes its place. */
static inline void *polled_remove(struct polled *polled, size_t index)
{
    void *item = polled->items[index];
    polled->items[index] = polled->items[--polled->count];
    return item;
}

#endif
