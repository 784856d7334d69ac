/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <stdlib.h>

int inject_parse(const char *text, struct inject *inject)
{
    inject->count = 0;
    for (long before = 0; text && inject->count < INJECT_MAX;) {
        char *end;
        const long percent = strtol(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || percent <= before || percent > 1000)
            return -EINVAL;
        inject->percents[inject->count++] = (int)percent;
        before = percent;
        if (*end == '\0')
            return 0;
        if (*end != ',')
            return -EINVAL;
        text = end + 1;
    }
    return text ? -EINVAL : 0;
}
