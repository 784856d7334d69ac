/* SPDX-License-Identifier: MIT */
#include "notes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct notes_slab {
    struct note notes[NOTES_LOT];
    struct notes_slab *next;
};

int notes_init(struct notes *notes, unsigned workers)
{
    size_t size = workers * sizeof *notes->spare;
    notes->spare = aligned_alloc(_Alignof(struct notes_spare), size);
    if (!notes->spare)
        return -ENOMEM;
    memset(notes->spare, 0, size);
    pthread_mutex_init(&notes->lock, NULL);
    return 0;
}

void notes_finish(struct notes *notes)
{
    if (!notes->spare)
        return;
    for (struct notes_slab *slab; (slab = notes->slabs);) {
        notes->slabs = slab->next;
        free(slab);
    }
    pthread_mutex_destroy(&notes->lock);
    free(notes->spare);
    notes->spare = NULL;
}

static struct note *make_lot(struct notes *notes)
{
    struct notes_slab *slab = aligned_alloc(_Alignof(struct notes_slab), sizeof *slab);
    if (!slab)
        abort();
    memset(slab, 0, sizeof *slab);
    for (int i = 0; i < NOTES_LOT; i++) {
        slab->notes[i].mail.kind = MAIL_NOTE;
        slab->notes[i].next = i + 1 < NOTES_LOT ? &slab->notes[i + 1] : NULL;
    }
    pthread_mutex_lock(&notes->lock);
    slab->next = notes->slabs;
    notes->slabs = slab;
    pthread_mutex_unlock(&notes->lock);
    return slab->notes;
}

void notes_take_lot(struct notes *notes, struct notes_spare *spare)
{
    struct note *lot = spare->full;
    spare->full = NULL;
    if (!lot) {
        pthread_mutex_lock(&notes->lock);
        if ((lot = notes->depot))
            notes->depot = lot->lot;
        pthread_mutex_unlock(&notes->lock);
    }
    spare->first = lot ? lot : make_lot(notes);
    spare->len = NOTES_LOT;
}

void notes_give_lot(struct notes *notes, struct notes_spare *spare)
{
    if (spare->full) {
        pthread_mutex_lock(&notes->lock);
        spare->full->lot = notes->depot;
        notes->depot = spare->full;
        pthread_mutex_unlock(&notes->lock);
    }
    spare->full = spare->first;
    spare->first = NULL;
    spare->len = 0;
}
