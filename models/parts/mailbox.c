/* SPDX-License-Identifier: MIT */
#include "mailbox.h"

void mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->stub.next, NULL);
    atomic_init(&mailbox->head, (uintptr_t)&mailbox->stub | MAILBOX_RESTING);
    mailbox->tail = &mailbox->stub;
}

static struct mail *next_of(struct mail *mail)
{
    return atomic_load_explicit(&mail->next, memory_order_acquire);
}

struct mail *mailbox_pop_last(struct mailbox *mailbox)
{
    struct mail *tail = mailbox->tail, *next = next_of(tail);
    if (tail == &mailbox->stub) {
        if (!next)
            return NULL;
        mailbox->tail = tail = next;
        next = next_of(tail);
    }
    if (!next) {
        /* The last one that can be reached. A sender that has it as its predecessor is going to
         * write to it: it may leave if it is the newest still, and the stub takes its place, or
         * when another stands behind it. Release: the next sender finds the stub's next cleared. */
        uintptr_t newest = (uintptr_t)tail;
        atomic_store_explicit(&mailbox->stub.next, NULL, memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&mailbox->head, &newest,
                                                    (uintptr_t)&mailbox->stub, memory_order_acq_rel,
                                                    memory_order_relaxed)) {
            mailbox->tail = &mailbox->stub;
            return tail;
        }
        if (!(next = next_of(tail)))
            return NULL;
    }
    mailbox->tail = next;
    return tail;
}

bool mailbox_rest(struct mailbox *mailbox)
{
    uintptr_t empty = (uintptr_t)&mailbox->stub;
    /* Release: what this reader did happens before what the next one does, through the sender that
     * takes the responsibility over. A node that is half linked is in head, so this fails. */
    return mailbox->tail == &mailbox->stub &&
           atomic_compare_exchange_strong_explicit(&mailbox->head, &empty, empty | MAILBOX_RESTING,
                                                   memory_order_release, memory_order_relaxed);
}
