/* SPDX-License-Identifier: MIT */
#include "payload.h"

#include "payload_table.h" /* made from payload_names: declarations, and PAYLOADS */

#include <string.h>

const struct payload payloads[] = {PAYLOADS{0}};

const struct payload *payload_find(const char *name)
{
    for (const struct payload *payload = payloads; payload->name != NULL; payload++) {
        if (strcmp(payload->name, name) == 0)
            return payload;
    }
    return NULL;
}
