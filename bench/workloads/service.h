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
};

static inline const struct service *service_of(const struct workload *workload)
{
    return (const struct service *)(const void *)workload;
}

/* The check of everything that sends the body back. */
bool service_reply_is_body(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len);

#endif
