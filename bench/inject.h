/* SPDX-License-Identifier: MIT */
/* --inject PERCENT[,PERCENT...]: slow-downs of known size, as codec_bench and model_bench take
 * them. */
#ifndef ASSAY_INJECT_H
#define ASSAY_INJECT_H

#include <stddef.h>

enum { INJECT_MAX = 8 };

struct inject {
    int percents[INJECT_MAX]; /* ascending, 1 to 1000 */
    size_t count;
};

/* text may be NULL: none. 0, or -EINVAL if it is not such a list. */
int inject_parse(const char *text, struct inject *inject);
#define INJECT_EXPECTED "expected whole percentages, 1 to 1000, ascending, 8 at most: 5 or 1,2,5"

#endif
