/* SPDX-License-Identifier: MIT */
/*
 * Notes: one-way messages of a few bytes to a cell that is an actor, one cache line each. A request
 * is made of one only when its turn comes, of what its receiver has at hand: so a full mailbox is
 * small, and what a turn needs stays in the cache of whoever runs it.
 *
 * Every worker has some to use again; those that end more than they send hand whole lots to those
 * that send more: one lock for so many messages.
 */
#ifndef ASSAY_NOTES_H
#define ASSAY_NOTES_H

#include "mailbox.h"

#include <pthread.h>

#define NOTE_BODY 32 /* bytes at most; longer ones go as requests */
#define NOTES_LOT 64

struct note {
    _Alignas(64) struct mail mail; /* kind: MAIL_NOTE */
    struct note *next;             /* where it waits to be used again */
    uint32_t cell;
    uint32_t len;
    union {
        uint8_t body[NOTE_BODY];
        struct note *lot; /* in the depot: the next lot */
    };
};

struct notes_spare {
    _Alignas(64) struct note *first;
    unsigned len;      /* of them, a lot at most */
    struct note *full; /* a whole lot besides, or NULL */
};

struct notes_slab;
struct notes {
    struct notes_spare *spare; /* per worker */
    pthread_mutex_t lock;      /* protects what follows */
    struct note *depot;
    struct notes_slab *slabs; /* all that were made */
};

/* 0 or -ENOMEM; finish takes a zeroed one, too. */
int notes_init(struct notes *notes, unsigned workers);
void notes_finish(struct notes *notes);

/* For the two below. */
void notes_take_lot(struct notes *notes, struct notes_spare *spare);
void notes_give_lot(struct notes *notes, struct notes_spare *spare);

/* By the worker of this number. Aborts when out of memory, like bytes_reserve(). */
static inline struct note *notes_take(struct notes *notes, unsigned worker)
{
    struct notes_spare *spare = &notes->spare[worker];
    if (!spare->first)
        notes_take_lot(notes, spare);
    struct note *note = spare->first;
    spare->first = note->next;
    __builtin_prefetch(note->next, 1);
    spare->len--;
    return note;
}

static inline void notes_give(struct notes *notes, unsigned worker, struct note *note)
{
    struct notes_spare *spare = &notes->spare[worker];
    if (spare->len == NOTES_LOT)
        notes_give_lot(notes, spare);
    note->next = spare->first;
    spare->first = note;
    spare->len++;
}

#endif
