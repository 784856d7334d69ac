/* SPDX-License-Identifier: MIT */
/*
 * Keeps a JSON library's tree within CODEC_TREE_BUDGET. Two bytes of text become a node of 80,
 * three an empty object of 800: a text is refused before the library sees it if its values could
 * take more, counted by the signs that they need.
 */
#ifndef ASSAY_JSON_HEAP_H
#define ASSAY_JSON_HEAP_H

#include "codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Heap bytes of a library's tree, at most, malloc's own included; tests/payloads/test_heap.c holds
 * them against what it takes. */
struct json_cost {
    unsigned value;         /* every value: its node, its place in an array or object that grows */
    unsigned string;        /* a string or key beside it, without its bytes */
    unsigned array, object; /* more for each of these */
    unsigned byte;          /* every byte of the text: strings, or room made for all of it */
};

/* Counts them all; the inline below asks for that of long texts only. */
bool json_heap_counted(const uint8_t *src, size_t len, const struct json_cost *cost);

/* Is the tree of this text, well-formed or not, sure to stay within the budget? */
static inline bool json_heap_fits(const uint8_t *src, size_t len, const struct json_cost *cost)
{
    /* A byte can be one sign at most: a comma or bracket of one value more, half of a string. */
    const unsigned most = cost->array > cost->object ? cost->array : cost->object;
    const unsigned worst = cost->value + most > cost->string ? cost->value + most : cost->string;
    return len < CODEC_TREE_BUDGET / (worst + cost->byte) - 1 || json_heap_counted(src, len, cost);
}

#ifdef __cplusplus
}
#endif

#endif
