/* SPDX-License-Identifier: MIT */
/* A growable run of bytes. One owner, no thread safety. Zero-initialised is empty. */
#ifndef ASSAY_BYTES_H
#define ASSAY_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    uint8_t *data;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

/* Room for at least `more` bytes after len; returns where they begin. Aborts when out of memory: it
 * runs in measured paths, where a half-built reply would be a wrong number. */
uint8_t *bytes_reserve(struct bytes *bytes, size_t more);
static inline void bytes_append(struct bytes *bytes, const void *data, size_t len)
{
    if (len == 0)
        return;
    if (bytes->cap - bytes->len < len)
        bytes_reserve(bytes, len);
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void bytes_finish(struct bytes *bytes); /* frees; empty again */

#endif
