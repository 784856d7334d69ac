/* SPDX-License-Identifier: MIT */
/* General-purpose compressors, where they were found at configure time. */
#ifndef ASSAY_COMPRESSION_H
#define ASSAY_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

struct compressor {
    const char *name;
    int level; /* the library's own default, as most users leave it */
    const char *(*version)(void);
    size_t (*bound)(size_t len);
    /* 0 or a negative errno. */
    int (*compress)(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len);
    int (*expand)(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len);
};

extern const struct compressor compressors[]; /* ends with a NULL name */

#endif
