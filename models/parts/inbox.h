/* SPDX-License-Identifier: MIT */
/*
 * The inbox of a loop: requests from other threads, first in first out, and the eventfd that wakes
 * it. Any thread pushes; the loop takes all at once. That it sleeps is said by the same word that
 * holds the list, so a sender writes the eventfd exactly if the loop sleeps, and only the first one
 * does.
 */
#ifndef ASSAY_INBOX_H
#define ASSAY_INBOX_H

#include "../request.h"
#include "syscalls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define INBOX_SLEEPS ((uintptr_t)1)

struct inbox {
    /* The newest request, 0, or INBOX_SLEEPS: empty and its loop sleeps or is about to. Release on
     * a push, acquire on a take: the loop sees what the request carries. */
    _Alignas(128) _Atomic uintptr_t head;
    int fd; /* of the loop's epoll; not read back, it is registered edge-triggered */
};

/* 0 or a negative errno. finish takes one that is zeroed and has fd -1, too. */
static inline int inbox_init(struct inbox *inbox)
{
    atomic_init(&inbox->head, 0);
    inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return inbox->fd < 0 ? -errno : 0;
}

static inline void inbox_finish(struct inbox *inbox)
{
    if (inbox->fd >= 0)
        close(inbox->fd);
    inbox->fd = -1;
}

/* Any thread. True: the loop slept, and was woken. */
static inline bool inbox_push(struct inbox *inbox, struct request *request)
{
    uintptr_t head = atomic_load_explicit(&inbox->head, memory_order_relaxed);
    do {
        request->next = head == INBOX_SLEEPS ? NULL : (struct request *)head;
    } while (!atomic_compare_exchange_weak_explicit(&inbox->head, &head, (uintptr_t)request,
                                                    memory_order_acq_rel, memory_order_relaxed));
    if (head != INBOX_SLEEPS)
        return false;
    uint64_t one = 1;
    syscalls_count();
    (void)!write(inbox->fd, &one, sizeof one); /* cannot fill up: far fewer than 2^64 wake-ups */
    return true;
}

/* The loop: everything that is there, the oldest first; also says that it does not sleep. */
static inline struct request *inbox_take(struct inbox *inbox)
{
    if (atomic_load_explicit(&inbox->head, memory_order_relaxed) == 0)
        return NULL;
    uintptr_t head = atomic_exchange_explicit(&inbox->head, 0, memory_order_acq_rel);
    struct request *newest = head == INBOX_SLEEPS ? NULL : (struct request *)head;
    struct request *oldest = NULL;
    while (newest) {
        struct request *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* The loop, while it is awake: is there nothing to take? */
static inline bool inbox_is_empty(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->head, memory_order_relaxed) == 0;
}

/* The loop, before it blocks. False: there is something to take; do not block. */
static inline bool inbox_sleep(struct inbox *inbox)
{
    uintptr_t empty = 0;
    return atomic_compare_exchange_strong_explicit(&inbox->head, &empty, INBOX_SLEEPS,
                                                   memory_order_acq_rel, memory_order_relaxed) ||
           empty == INBOX_SLEEPS;
}

#endif
