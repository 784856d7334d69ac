/* SPDX-License-Identifier: MIT */
/* CLOCK_MONOTONIC in nanoseconds, and sleeping by it. */
#ifndef ASSAY_CLOCK_H
#define ASSAY_CLOCK_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>

#define CLOCK_NEVER UINT64_MAX

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* So much later; CLOCK_NEVER if that is beyond what the clock can say. */
static inline uint64_t clock_after_ns(uint64_t from_ns, uint64_t ns)
{
    return ns < CLOCK_NEVER - from_ns ? from_ns + ns : CLOCK_NEVER;
}
static inline uint64_t clock_in_ns(uint64_t ns)
{
    return clock_after_ns(clock_now_ns(), ns);
}

static inline struct timespec clock_timespec(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

/* For SO_RCVTIMEO and SO_SNDTIMEO: rounded up, so that it is never 0, which means for ever. */
static inline struct timeval clock_timeval(uint64_t ns)
{
    uint64_t us = ns / 1000 + 1;
    return (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
}

void clock_sleep_ns(uint64_t ns);

/* epoll_wait until a point in time (0: do not block; CLOCK_NEVER), to the nanosecond where the
 * system can (Linux 5.11, glibc 2.35), else never too early and by milliseconds: a thread that
 * sleeps in nanosleep would otherwise be a fairer clock than a loop. */
int clock_epoll_wait(int epoll_fd, struct epoll_event *events, int most, uint64_t until_ns);

#endif
