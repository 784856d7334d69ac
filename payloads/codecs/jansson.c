/* SPDX-License-Identifier: MIT */
/*
 * JSON by Jansson: a tree of reference-counted values, each string copied into it; objects are
 * hash tables, so of two equal keys the last stays. Printed by json_dumpb with 17 digits: every bit
 * of a double. UTF-8 is checked, both ways: on decode by the parser, on encode by the printer (so
 * the tree is built by the _nocheck functions). Its parser stops at 2048 levels.
 */
#include "codec.h"

#include "json_heap.h"
#include "json_is.h"

#include <jansson.h>

/* ---- encode: a tree, printed, and given back --------------------------------------------------
 */

typedef json_t *json_made;
typedef void *json_maker; /* none needed */

static inline json_made json_made_none(void)
{
    return NULL;
}

static inline bool is_made(json_made item)
{
    return item != NULL;
}

static inline void drop(json_maker maker, json_made item)
{
    (void)maker;
    json_decref(item);
}

#define MAKE(name, type, expression)                                                               \
    static inline json_made make_##name(json_maker maker, type value)                              \
    {                                                                                              \
        (void)maker;                                                                               \
        return expression;                                                                         \
    }
MAKE(signed, int64_t, json_integer(value))
MAKE(number, double, json_real(value))
MAKE(bool, bool, json_boolean(value))
/* An array grows by itself; there is no function that gives it its size. */
MAKE(array, size_t, ((void)value, json_array()))
/* Of 32 bits only: 64 travel as text. */
MAKE(unsigned, uint64_t, json_integer((json_int_t)value))

static inline json_made make_object(json_maker maker)
{
    (void)maker;
    return json_object();
}

static inline json_made make_copy(json_maker maker, const char *text, size_t len)
{
    (void)maker;
    return json_stringn_nocheck(text, len);
}

/* There is no borrowing. */
static inline json_made make_text(json_maker maker, const char *text, size_t len)
{
    return make_copy(maker, text, len);
}

static inline bool add_element(json_maker maker, json_made array, json_made item)
{
    (void)maker;
    return json_array_append_new(array, item) == 0;
}

static inline bool add_member(json_maker maker, json_made object, const char *key, size_t len,
                              json_made item)
{
    (void)maker;
    return json_object_setn_new_nocheck(object, key, len, item) == 0;
}

static inline bool add_copied_member(json_maker maker, json_made object, const char *key,
                                     size_t len, json_made item)
{
    return add_member(maker, object, key, len, item);
}

#include "json_to_tree.inc"

static int tree_build(const struct plan *plan, const ProtobufCMessage *message,
                      union codec_hold *hold)
{
    int error = -ENOMEM;
    hold->tree = make_message(NULL, plan->root, message, 1, &error);
    return hold->tree != NULL ? 0 : error;
}

static int tree_print(const union codec_hold *hold, uint8_t *dst, size_t cap, size_t *len)
{
    /* 0: text that is not UTF-8. (Memory it takes for sorting only.) */
    *len = json_dumpb(hold->tree, (char *)dst, cap, JSON_COMPACT);
    return *len == 0 ? -EINVAL : *len <= cap ? 0 : -ENOSPC;
}

static void tree_drop_built(union codec_hold *hold)
{
    json_decref(hold->tree);
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

typedef const json_t *json_node;
typedef struct {
    json_t *object;
    void *at;
} json_members;
typedef struct {
    const json_t *array;
    size_t at;
} json_elements;

static inline enum json_is node_is(json_node node)
{
    static const uint8_t is[] = {
        [JSON_OBJECT] = JSON_IS_OBJECT,  [JSON_ARRAY] = JSON_IS_ARRAY,
        [JSON_STRING] = JSON_IS_STRING,  [JSON_REAL] = JSON_IS_REAL,
        [JSON_INTEGER] = JSON_IS_SIGNED, [JSON_TRUE] = JSON_IS_BOOL,
        [JSON_FALSE] = JSON_IS_BOOL,     [JSON_NULL] = JSON_IS_NULL,
    };
    return (enum json_is)is[json_typeof(node)];
}

static inline const char *node_text(json_node node, size_t *len)
{
    *len = json_string_length(node);
    return json_string_value(node);
}

static inline int64_t node_signed(json_node node)
{
    return json_integer_value(node);
}

static inline uint64_t node_unsigned(json_node node)
{
    return (uint64_t)json_integer_value(node); /* node_is never says so */
}

static inline double node_real(json_node node)
{
    return json_real_value(node);
}

static inline bool node_bool(json_node node)
{
    return json_is_true(node);
}

static inline size_t node_count(json_node node)
{
    return json_is_array(node) ? json_array_size(node) : json_object_size(node);
}

/* json_object_keylen_foreach and json_array_foreach, in steps. */
static inline json_members members_of(json_node node)
{
    json_t *object = (json_t *)node;
    return (json_members){object, json_object_iter(object)};
}

static inline bool members_left(const json_members *members)
{
    return members->at != NULL;
}

static inline void members_next(json_members *members)
{
    members->at = json_object_iter_next(members->object, members->at);
}

static inline json_node member(const json_members *members)
{
    return json_object_iter_value(members->at);
}

static inline const char *member_key(const json_members *members, size_t *len)
{
    *len = json_object_iter_key_len(members->at);
    return json_object_iter_key(members->at);
}

static inline json_elements elements_of(json_node node)
{
    return (json_elements){node, 0};
}

static inline bool elements_left(const json_elements *elements)
{
    return elements->at < json_array_size(elements->array);
}

static inline void elements_next(json_elements *elements)
{
    elements->at++;
}

static inline json_node element(const json_elements *elements)
{
    return json_array_get(elements->array, elements->at);
}

static inline bool node_find(json_node object, const struct plan_field *field, json_node *item)
{
    *item = json_object_getn(object, field->name, field->name_len);
    return *item != NULL;
}

#include "json_from_tree.inc"
#include "json_read_tree.inc"

/* Objects begin with 8 buckets, arrays with room for 8; both double when they are full. */
static const struct json_cost cost = {
    .value = 128, .string = 96, .array = 128, .object = 288, .byte = 2};

/* Without flags: one object or array and nothing behind it, no NUL in a string. */
static int parse_tree(const uint8_t *src, size_t len, json_t **tree)
{
    json_error_t error;
    if (!json_heap_fits(src, len, &cost))
        return -ENOMEM;
    *tree = json_loadb((const char *)src, len, 0, &error);
    return *tree != NULL ? 0 : -EBADMSG;
}

typedef json_t *json_tree;

static inline json_node tree_root(json_tree tree)
{
    return tree;
}

static inline void tree_drop(json_tree tree)
{
    json_decref(tree);
}

#include "json_tree.inc"

const struct codec jansson_codec = {
    .name = "jansson",
    .label = "Jansson",
    .format = "JSON",
    .library = "jansson",
    .content_type = "application/json",
    .version = jansson_version_str,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
