/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include "syscalls.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOKS 100 /* before it sleeps; glibc's adaptive mutex: as many at most */

/* Errors are of no account: an early return looks again, and who wakes may wake nobody. */
static void futex(struct lock *lock, int operation, uint32_t value)
{
    syscalls_count();
    (void)syscall(SYS_futex, &lock->word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void lock_await(struct lock *lock)
{
    for (int i = 0; i < LOOKS; i++) {
        uint32_t seen = atomic_load_explicit(&lock->word, memory_order_relaxed);
        if (seen == LOCK_FREE &&
            atomic_compare_exchange_weak_explicit(&lock->word, &seen, LOCK_TAKEN,
                                                  memory_order_acquire, memory_order_relaxed))
            return;
        lock_relax();
    }
    /* Taken as awaited: others may sleep, and who gives it has to look. */
    while (atomic_exchange_explicit(&lock->word, LOCK_AWAITED, memory_order_acquire) != LOCK_FREE)
        futex(lock, FUTEX_WAIT, LOCK_AWAITED);
}

void lock_wake(struct lock *lock)
{
    futex(lock, FUTEX_WAKE, 1);
}
