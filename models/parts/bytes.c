/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *bytes_reserve(struct bytes *bytes, size_t more)
{
    if (bytes->cap - bytes->len < more || !bytes->data) { /* an empty one even for nothing */
        size_t cap = bytes->cap ? bytes->cap : 256;
        while (cap - bytes->len < more)
            cap *= 2;
        uint8_t *data = realloc(bytes->data, cap);
        if (!data) {
            fprintf(stderr, "bytes: out of memory: %zu bytes\n", cap);
            abort();
        }
        bytes->data = data;
        bytes->cap = cap;
    }
    return bytes->data + bytes->len;
}

void bytes_finish(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
