/* SPDX-License-Identifier: MIT */
#include "json_heap.h"

/* What is in strings counts too: telling takes longer, and only makes the bound lower. */
struct signs {
    uint64_t commas, quotes, arrays, objects;
};

/* A block whose counts fit in bytes: with a length that is fixed, gcc and clang take 16 bytes or
 * more of it at a time. */
enum { BLOCK = 128 };

static void count_block(const uint8_t *at, struct signs *signs)
{
    uint8_t commas = 0, quotes = 0, arrays = 0, objects = 0;
    for (int i = 0; i < BLOCK; i++) {
        commas += at[i] == ',';
        quotes += at[i] == '"';
        arrays += at[i] == '[';
        objects += at[i] == '{';
    }
    signs->commas += commas;
    signs->quotes += quotes;
    signs->arrays += arrays;
    signs->objects += objects;
}

bool json_heap_counted(const uint8_t *src, size_t len, const struct json_cost *cost)
{
    struct signs signs = {0};
    const size_t whole = len - len % BLOCK;
    uint8_t rest[BLOCK] = {0};
    for (size_t at = 0; at < whole; at += BLOCK)
        count_block(src + at, &signs);
    for (size_t at = whole; at < len; at++)
        rest[at - whole] = src[at];
    count_block(rest, &signs);
    /* A value is the text's, or comes behind a comma or an opening bracket. */
    const uint64_t values = 1 + signs.commas + signs.arrays + signs.objects;
    const uint64_t heap = values * cost->value + (signs.quotes / 2 + 1) * cost->string +
                          signs.arrays * cost->array + signs.objects * cost->object +
                          (uint64_t)len * cost->byte;
    return heap <= CODEC_TREE_BUDGET;
}
