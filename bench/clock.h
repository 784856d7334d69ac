/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLOCK_H
#define ASSAY_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)

static inline uint64_t clock_read(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

static inline struct timespec clock_timespec(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
        .tv_nsec = (long)(ns % CLOCK_NS_PER_S),
    };
}

#endif
