/* SPDX-License-Identifier: MIT */
/*
 * A mutex for what is held for a moment (some ten instructions, an epoll_ctl(), a turn), in one
 * word and inline (Drepper, "Futexes are tricky", mutex 3): where nobody contends, taking and
 * giving are one instruction on that word each. pthread_mutex_t does the same in calls into the C
 * library that look up its kind and keep its owner: some 50 instructions a pair more. Who finds it
 * taken looks out for a moment, as PTHREAD_MUTEX_ADAPTIVE_NP does, and then sleeps.
 */
#ifndef ASSAY_LOCK_H
#define ASSAY_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct lock { /* zeroed: free */
    /* Acquire when taken, release when given: who takes it sees what the one before did. */
    _Atomic uint32_t word;
};

enum { LOCK_FREE, LOCK_TAKEN, LOCK_AWAITED }; /* the last: perhaps somebody sleeps */

void lock_await(struct lock *lock); /* takes it, once it is free */
void lock_wake(struct lock *lock);  /* one of those who sleep */

static inline void lock_take(struct lock *lock)
{
    uint32_t seen = LOCK_FREE;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &seen, LOCK_TAKEN,
                                                 memory_order_acquire, memory_order_relaxed))
        lock_await(lock);
}

static inline void lock_give(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, LOCK_FREE, memory_order_release) == LOCK_AWAITED)
        lock_wake(lock);
}

/* Tells the processor that this is a loop which waits. */
static inline void lock_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* yield does nothing on most cores */
#endif
}

#endif
