/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_MSGPACK_COUNTS_H
#define ASSAY_MSGPACK_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Are these bytes one MessagePack value, with as many values in it as its headers promise?
 * msgpack-c reserves memory for a count before it looks for the values: 2 GiB for five bytes. Every
 * value takes a byte at least, so what is promised and not yet seen may never exceed the bytes
 * left; then the library's tree stays below 24 bytes per byte. *values is their number, at most
 * len: what the tree takes, exactly. Linear, and without a stack.
 */
bool msgpack_counts_hold(const uint8_t *src, size_t len, size_t *values);

#endif
