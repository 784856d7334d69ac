/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The thread sanitizer (gcc shows it by a macro, clang by a feature) does not know that call, and
 * would miss what it orders. */
#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(HAVE_EPOLL_PWAIT2) && !defined(__SANITIZE_THREAD__) && !HAS_FEATURE(thread_sanitizer)
#define PWAIT2
#endif

void clock_sleep_ns(uint64_t ns)
{
    struct timespec left = clock_timespec(ns);
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

int clock_epoll_wait(int epoll_fd, struct epoll_event *events, int most, uint64_t until_ns)
{
    if (until_ns == CLOCK_NEVER || until_ns == 0)
        return epoll_wait(epoll_fd, events, most, until_ns == 0 ? 0 : -1);
    uint64_t now = clock_now_ns();
    uint64_t left = until_ns > now ? until_ns - now : 0;
#ifdef PWAIT2
    static _Atomic bool missing; /* relaxed: set for good by whoever finds an older kernel first */
    if (!atomic_load_explicit(&missing, memory_order_relaxed)) {
        struct timespec timeout = clock_timespec(left);
        int count = epoll_pwait2(epoll_fd, events, most, &timeout, NULL);
        if (count >= 0 || errno != ENOSYS)
            return count;
        atomic_store_explicit(&missing, true, memory_order_relaxed);
    }
#endif
    uint64_t ms = (left + 999999) / 1000000;
    return epoll_wait(epoll_fd, events, most, (int)(ms < 60000 ? ms : 60000));
}
