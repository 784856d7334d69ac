/* SPDX-License-Identifier: MIT */
/*
 * JSON by json-c: a tree of reference-counted values, each string copied into it; objects are hash
 * tables, so of two equal keys the last stays. Printed with 17 digits (every bit of a double) into
 * a buffer of the tree's own, from which it is copied. UTF-8 is not checked, which is the library's
 * default. Its parser is strict here, and stops at as many levels as it is told to: it has no stack
 * that could run over. Its tokener, whose levels take more time to make than a small document takes
 * to parse, is kept per thread.
 */
#include "codec.h"

#include "json_heap.h"
#include "json_is.h"

#include <json-c/json.h>
#include <limits.h>
#include <threads.h>

/* ---- encode: a tree, printed, and given back --------------------------------------------------
 */

typedef struct json_object *json_made;
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
    json_object_put(item);
}

#define MAKE(name, type, expression)                                                               \
    static inline json_made make_##name(json_maker maker, type value)                              \
    {                                                                                              \
        (void)maker;                                                                               \
        return expression;                                                                         \
    }
MAKE(signed, int64_t, json_object_new_int64(value))
MAKE(unsigned, uint64_t, json_object_new_uint64(value))
MAKE(number, double, json_object_new_double(value))
MAKE(bool, bool, json_object_new_boolean(value))
MAKE(array, size_t, value < INT_MAX ? json_object_new_array_ext((int)value) : NULL)

static inline json_made make_object(json_maker maker)
{
    (void)maker;
    return json_object_new_object();
}

static inline json_made make_copy(json_maker maker, const char *text, size_t len)
{
    (void)maker;
    return len < INT_MAX ? json_object_new_string_len(text, (int)len) : NULL;
}
#define make_text make_copy /* there is no borrowing */
static inline bool add_element(json_maker maker, json_made array, json_made item)
{
    bool added = json_object_array_add(array, item) == 0;
    if (!added)
        drop(maker, item);
    return added;
}

static inline bool add_keyed(json_made object, const char *key, json_made item, unsigned flags)
{
    bool added = json_object_object_add_ex(object, key, item, flags) == 0;
    if (!added)
        json_object_put(item);
    return added;
}

static inline bool add_member(json_maker maker, json_made object, const char *key, size_t len,
                              json_made item)
{
    (void)maker;
    (void)len;
    return add_keyed(object, key, item,
                     JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

static inline bool add_copied_member(json_maker maker, json_made object, const char *key,
                                     size_t len, json_made item)
{
    (void)maker;
    (void)len;
    return add_keyed(object, key, item, 0);
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
    const char *text = json_object_to_json_string_length(
        hold->tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, len);
    if (text == NULL)
        return -ENOMEM;
    if (*len > cap)
        return -ENOSPC;
    memcpy(dst, text, *len);
    return 0;
}

static void tree_drop_built(union codec_hold *hold)
{
    json_object_put(hold->tree);
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

typedef struct json_object *json_node; /* NULL is null */
typedef struct lh_entry *json_members;
typedef struct {
    const struct json_object *array;
    size_t at, count;
} json_elements;

/* It saturates: of a larger number, and so of the ends themselves, nobody can tell what it was. */
static inline enum json_is integer_is(int64_t value, json_node node)
{
    if (value == INT64_MAX) /* or an unsigned one */
        return json_object_get_uint64(node) == UINT64_MAX ? JSON_IS_BEYOND : JSON_IS_UNSIGNED;
    return value == INT64_MIN ? JSON_IS_BEYOND : JSON_IS_SIGNED;
}

static inline enum json_is node_is(json_node node)
{
    switch (json_object_get_type(node)) {
    case json_type_boolean:
        return JSON_IS_BOOL;
    case json_type_double:
        return JSON_IS_REAL;
    case json_type_int:
        return integer_is(json_object_get_int64(node), node);
    case json_type_object:
        return JSON_IS_OBJECT;
    case json_type_array:
        return JSON_IS_ARRAY;
    case json_type_string:
        return JSON_IS_STRING;
    case json_type_null:
        break;
    }
    return JSON_IS_NULL;
}

static inline const char *node_text(json_node node, size_t *len)
{
    *len = (size_t)json_object_get_string_len(node);
    return json_object_get_string(node);
}

#define node_signed(node) json_object_get_int64(node)
#define node_unsigned(node) json_object_get_uint64(node)
#define node_real(node) json_object_get_double(node)
#define node_bool(node) (json_object_get_boolean(node) != 0)

static inline size_t node_count(json_node node)
{
    return json_object_get_type(node) == json_type_array ? json_object_array_length(node)
                                                         : (size_t)json_object_object_length(node);
}

/* json_object_object_foreach, in steps. */
static inline json_members members_of(json_node node)
{
    return lh_table_head(json_object_get_object(node));
}

static inline bool members_left(const json_members *members)
{
    return *members != NULL;
}

static inline void members_next(json_members *members)
{
    *members = lh_entry_next(*members);
}

static inline json_node member(const json_members *members)
{
    return lh_entry_v(*members);
}

static inline const char *member_key(const json_members *members, size_t *len)
{
    const char *key = lh_entry_k(*members);
    *len = strlen(key);
    return key;
}

static inline json_elements elements_of(json_node node)
{
    return (json_elements){node, 0, json_object_array_length(node)};
}

static inline bool elements_left(const json_elements *elements)
{
    return elements->at < elements->count;
}

static inline void elements_next(json_elements *elements)
{
    elements->at++;
}

static inline json_node element(const json_elements *elements)
{
    return json_object_array_get_idx(elements->array, elements->at);
}

static inline bool node_find(json_node object, const struct plan_field *field, json_node *item)
{
    return json_object_object_get_ex(object, field->name, item);
}

#include "json_from_tree.inc"
#include "json_read_tree.inc"

/* Containers: a message's object, and one more around it for an array or a map. */
enum { DEEPEST = 2 * PLAN_MAX_DEPTH + 1 };

/* Objects begin with a table of 16 entries, arrays with room for 32; both double. A number's text
 * is kept beside it. */
static const struct json_cost cost = {200, 96, 400, 800, 2};

#include "json_c_tokener.inc"

static int parse_tree(const uint8_t *src, size_t len, json_node *tree)
{
    *tree = NULL;
    if (!json_heap_fits(src, len, &cost))
        return -ENOMEM;
    if (len == 0 || len >= INT_MAX)
        return -EBADMSG;
    struct json_tokener *tokener = kept_tokener();
    if (tokener == NULL)
        return -ENOMEM;
    *tree = json_tokener_parse_ex(tokener, (const char *)src, (int)len);
    const bool whole = json_tokener_get_error(tokener) == json_tokener_success &&
                       json_tokener_get_parse_end(tokener) == len;
    forget_tokener(len, whole);
    if (whole && *tree != NULL)
        return 0;
    json_object_put(*tree);
    *tree = NULL;
    return -EBADMSG;
}

typedef struct json_object *json_tree;

static inline json_node tree_root(json_tree tree)
{
    return tree;
}

static inline void tree_drop(json_tree tree)
{
    json_object_put(tree);
}

#include "json_tree.inc"

const struct codec json_c_codec = {
    .name = "json_c",
    .label = "json-c",
    .format = "JSON",
    .library = "json-c",
    .content_type = "application/json",
    .version = json_c_version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
