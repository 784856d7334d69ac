/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <string.h>

#define WORKLOAD(name) extern const struct service name##_workload;
#include "workload_table.inc"
#undef WORKLOAD

#define WORKLOAD(name) &name##_workload.turns,
const struct workload *const workloads[] = {
#include "workload_table.inc"
    NULL,
};
#undef WORKLOAD

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; workloads[i]; i++) {
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    }
    return NULL;
}

unsigned workload_needs(const struct workload *workload)
{
    return service_of(workload)->needs;
}

bool workload_reply_ok(const struct workload *workload, const struct workload_setup *setup,
                       size_t document, int status, const uint8_t *reply, size_t reply_len)
{
    return status == 200 && service_of(workload)->reply_ok(setup, document, reply, reply_len);
}

bool service_reply_is_body(const struct workload_setup *setup, size_t document,
                           const uint8_t *reply, size_t reply_len)
{
    return reply_len == setup->body_lens[document] &&
           memcmp(reply, setup->bodies[document], reply_len) == 0;
}
