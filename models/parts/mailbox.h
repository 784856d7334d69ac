/* SPDX-License-Identifier: MIT */
/*
 * A mailbox: intrusive, unbounded, first in first out, many senders and one reader at a time, with
 * the flag that says whether its owner is already scheduled (Vyukov's queue with a stub node; the
 * flag is the low bit of the head, as in Pony's). A push is one exchange and one store, wait-free.
 *
 * A mailbox is *resting* or somebody is responsible for reading it. The sender that finds it
 * resting becomes responsible (push says so) and schedules the owner; every other sender just
 * pushes. The reader gives the responsibility back with mailbox_rest().
 *
 * Between the two steps of a push the list is half linked: the node is in, but cannot be reached
 * yet. mailbox_pop() then finds nothing and mailbox_rest() refuses; the reader goes on with
 * something else and comes back. It never spins on the sender, who may have lost the processor.
 */
#ifndef ASSAY_MAILBOX_H
#define ASSAY_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail {
    /* Written once per stay in a mailbox, by the sender behind: a release store that pairs with the
     * acquire load in mailbox_pop, so that the reader sees what the mail carries. */
    _Atomic(struct mail *) next;
    uint32_t kind; /* what it is a part of, for a receiver of several kinds */
};

enum mail_kind {
    MAIL_REQUEST, /* or whatever else: zeroed */
    MAIL_NOTE,    /* notes.h */
};

struct mailbox {
    /* The newest mail; low bit: resting. Every exchange is acquire + release: release, so that the
     * next sender finds this one's next cleared; acquire, so that a sender who becomes responsible
     * sees what the last reader did before it rested. */
    _Atomic uintptr_t head;
    /* The reader's own, on a cache line of its own. */
    _Alignas(64) struct mail *tail;
    struct mail stub;
};

#define MAILBOX_RESTING ((uintptr_t)1)

/* Empty and resting. */
void mailbox_init(struct mailbox *mailbox);

/* The two halves of a push, apart only for tests. Of a chain: begin with its last. */
static inline uintptr_t mailbox_push_begin(struct mailbox *mailbox, struct mail *mail)
{
    atomic_store_explicit(&mail->next, NULL, memory_order_relaxed);
    return atomic_exchange_explicit(&mailbox->head, (uintptr_t)mail, memory_order_acq_rel);
}

static inline bool mailbox_push_end(struct mail *mail, uintptr_t before)
{
    atomic_store_explicit(&((struct mail *)(before & ~MAILBOX_RESTING))->next, mail,
                          memory_order_release);
    return before & MAILBOX_RESTING;
}

/* Any thread. True: it was resting, and the caller has to see to it that it is read. Otherwise the
 * caller must not touch the mailbox again: its reader may be done with it. */
static inline bool mailbox_push(struct mailbox *mailbox, struct mail *mail)
{
    return mailbox_push_end(mail, mailbox_push_begin(mailbox, mail));
}

/* For a chain that a sender makes before it pushes all of it at once: relaxed, since the push
 * orders it. */
static inline void mailbox_link(struct mail *mail, struct mail *next)
{
    atomic_store_explicit(&mail->next, next, memory_order_relaxed);
}
static inline bool mailbox_push_chain(struct mailbox *mailbox, struct mail *first,
                                      struct mail *last)
{
    return mailbox_push_end(first, mailbox_push_begin(mailbox, last));
}

/* Whoever is responsible. The oldest mail, which is the caller's again, or NULL: there is none, or
 * it cannot be reached yet. */
struct mail *mailbox_pop_last(struct mailbox *mailbox); /* for the next one */
static inline struct mail *mailbox_pop(struct mailbox *mailbox)
{
    struct mail *tail = mailbox->tail;
    struct mail *next = atomic_load_explicit(&tail->next, memory_order_acquire);
    if (tail == &mailbox->stub || !next)
        return mailbox_pop_last(mailbox);
    mailbox->tail = next;
    return tail;
}

/* Whoever is responsible: nothing is left that a pop could reach. */
static inline bool mailbox_read(const struct mailbox *mailbox)
{
    return mailbox->tail == &mailbox->stub;
}

/* When it is read. True: resting; it must not be touched any more, somebody else may
 * be responsible already. False: there is mail, or will be in a moment: the caller stays
 * responsible and comes back. */
bool mailbox_rest(struct mailbox *mailbox);

#endif
