/* SPDX-License-Identifier: MIT */
/*
 * JSON by cJSON, in proto3's mapping: 64-bit integers as decimal strings, bytes in base64, enums by
 * name, NaN and the infinities as strings. cJSON prints a double with 15 digits if that is close
 * enough for it, so some lose bits; what it would make of the largest doubles cannot be read, and
 * they are printed here. Strings are not checked for UTF-8.
 */
#include "codec.h"

#include "field.h"
#include "json_heap.h"
#include "json_scalar.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- encode: a tree, printed, and given back --------------------------------------------------
 */

#include "cjson_make.inc"

/* cJSON's estimate of what it will print is a few bytes too high, and it writes a NUL: a buffer
 * that is nearly too small gets the text through one of the library's own. */
static int tree_print(const union codec_hold *hold, uint8_t *dst, size_t cap, size_t *len)
{
    const int room = cap < INT_MAX ? (int)cap : INT_MAX;
    if (!cJSON_PrintPreallocated(hold->tree, (char *)dst, room, false))
        return print_unformatted(hold->tree, dst, cap, len);
    *len = strlen((char *)dst);
    return 0;
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

#include "cjson_read.inc"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A node of 64 bytes; a string's bytes in a piece of their own. */
static const struct json_cost cost = {.value = 80, .string = 32, .byte = 1};

/* A text that ends in '}' and is asked to hold nothing behind its object cannot make cJSON before
 * 1.7.18 read beyond its end, as `{"a":1,` does. *len: without white space at the end. */
static int check_text(const uint8_t *src, size_t *len)
{
    while (*len > 0 && is_space(src[*len - 1]))
        --*len;
    if (*len == 0 || src[*len - 1] != '}')
        return -EBADMSG;
    return json_heap_fits(src, *len, &cost) ? 0 : -ENOMEM;
}

static int check(const struct plan *plan, const uint8_t *src, size_t len)
{
    (void)plan;
    return check_text(src, &len);
}

static int parse_tree(const uint8_t *src, size_t len, cJSON **tree)
{
    const char *end = NULL;
    int error = check_text(src, &len);
    if (error != 0)
        return error;
    *tree = cJSON_ParseWithLengthOpts((const char *)src, len, &end, false);
    if (*tree != NULL && end == (const char *)src + len)
        return 0;
    cJSON_Delete(*tree);
    return -EBADMSG;
}

static int convert(const struct plan *plan, const cJSON *tree, ProtobufCAllocator *allocator,
                   ProtobufCMessage **message)
{
    *message = field_new_message(plan->root, allocator);
    int error = *message ? read_message(plan->root, tree, *message, allocator, 1) : -ENOMEM;
    if (error != 0 && *message != NULL) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    cJSON *tree;
    *message = NULL;
    int error = parse_tree(src, len, &tree);
    if (error != 0)
        return error;
    error = convert(plan, tree, allocator, message);
    cJSON_Delete(tree);
    return error;
}

static int tree_parse(const uint8_t *src, size_t len, union codec_hold *hold)
{
    cJSON *tree = NULL;
    int error = parse_tree(src, len, &tree);
    hold->tree = tree;
    return error;
}

static int tree_convert(const struct plan *plan, const union codec_hold *hold,
                        ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    return convert(plan, hold->tree, allocator, message);
}

static const struct codec_tree phases = {
    .build = tree_build,
    .print = tree_print,
    .drop_built = tree_drop,
    .parse = tree_parse,
    .convert = tree_convert,
    .drop_parsed = tree_drop,
};

/* ---- read: the tree, and no message -----------------------------------------------------------
 */

static uint64_t touch(const cJSON *item)
{
    const cJSON *child;
    uint64_t sum = (uint64_t)(uint8_t)item->type;
    if (cJSON_IsString(item))
        return sum + strlen(item->valuestring);
    if (cJSON_IsNumber(item)) {
        uint64_t bits;
        memcpy(&bits, &item->valuedouble, sizeof bits);
        return sum + bits;
    }
    cJSON_ArrayForEach(child, item) sum += touch(child);
    return sum;
}

static int read_fields(const struct plan *plan, const uint8_t *src, size_t len,
                       const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    cJSON *tree;
    (void)plan;
    int error = parse_tree(src, len, &tree);
    if (error != 0)
        return error;
    if (fields == NULL)
        *sum += touch(tree);
    for (size_t i = 0; fields != NULL && i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, fields[i]->name);
        *sum += item ? touch(item) : 0;
    }
    cJSON_Delete(tree);
    return 0;
}

const struct codec cjson_codec = {
    .name = "cjson",
    .label = "cJSON",
    .format = "JSON",
    .library = "cJSON",
    .content_type = "application/json",
    .version = cJSON_Version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
