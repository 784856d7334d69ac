/* SPDX-License-Identifier: MIT */
/* What a workload's file ends in: the turns that a model runs, and how a reply is checked. */
#ifndef ASSAY_SERVICE_H
#define ASSAY_SERVICE_H

#include "workloads.h"

struct service {
    struct workload turns; /* first: workloads[] points here, and service_of() back */
    unsigned needs;        /* enum workload_need */
    /* Mandatory. Only replies with status 200 get here. Any thread. */
    bool (*reply_ok)(const struct workload_setup *setup, size_t document, const uint8_t *reply,
                     size_t reply_len);
    /* Optional: writes what body number `document` begins with, SERVICE_MARK_MAX bytes at most with
     * their 0; returns how many without it. The corpus comes behind. */
    size_t (*mark)(const struct workload_setup *setup, size_t document, char *mark);
};

#define SERVICE_MARK_MAX 32

static inline const struct service *service_of(const struct workload *workload)
{
    return (const struct service *)(const void *)workload;
}

/* Is this document one of `percent` in every hundred? Two salts (0, 1) make shares that hardly
 * depend on each other. */
static inline bool service_share(size_t document, uint32_t percent, unsigned salt)
{
    return (salt ? document * 19 + 9 : document * 11) % 100 < percent;
}

/* By the one cell that one-way messages go to, in its turn: one more was carried out. */
void service_carried_out(const struct workload_setup *setup);

/* hash_work() of a body, cpu_iterations of it; computed once. */
uint64_t service_cpu_sum(const struct workload_setup *setup, size_t document);

/* … and the check of a reply that is nothing but that sum. */
bool service_reply_is_cpu_sum(const struct workload_setup *setup, size_t document,
                              const uint8_t *reply, size_t reply_len);

/* The check of everything that sends the body back. */
bool service_reply_is_body(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len);

#endif
