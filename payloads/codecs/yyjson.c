/* SPDX-License-Identifier: MIT */
/*
 * JSON by yyjson: its mutable tree lives in blocks that are freed as a whole, and borrows the
 * message's strings; text is printed with the shortest digits that are the same double, into memory
 * of its own, from which it is copied. Reading makes a copy of the text, and beside it an array of
 * values in their order: no recursion, and memory in proportion to the text. Equal keys both stay.
 * UTF-8 is checked, both ways.
 */
#include "codec.h"

#include "json_heap.h"
#include "json_is.h"

#include <stdio.h>
#include <yyjson.h>

/* ---- encode: a tree, printed, and given back --------------------------------------------------
 */

typedef yyjson_mut_val *json_made;
typedef yyjson_mut_doc *json_maker; /* which all values are part of */

static inline json_made json_made_none(void)
{
    return NULL;
}

static inline bool is_made(json_made item)
{
    return item != NULL;
}

/* Goes with the document. */
static inline void drop(json_maker maker, json_made item)
{
    (void)maker;
    (void)item;
}

#define make_object(maker) yyjson_mut_obj(maker)
#define make_array(maker, count) yyjson_mut_arr(maker)
#define make_signed(maker, value) yyjson_mut_sint(maker, value)
#define make_unsigned(maker, value) yyjson_mut_uint(maker, value)
#define make_number(maker, value) yyjson_mut_real(maker, value)
#define make_bool(maker, value) yyjson_mut_bool(maker, value)
#define make_text(maker, text, len) yyjson_mut_strn(maker, text, len)
#define make_copy(maker, text, len) yyjson_mut_strncpy(maker, text, len)

static inline bool add_element(json_maker maker, json_made array, json_made item)
{
    (void)maker;
    return yyjson_mut_arr_append(array, item);
}

static inline bool add_member(json_maker maker, json_made object, const char *key, size_t len,
                              json_made item)
{
    return yyjson_mut_obj_add(object, yyjson_mut_strn(maker, key, len), item);
}

static inline bool add_copied_member(json_maker maker, json_made object, const char *key,
                                     size_t len, json_made item)
{
    return yyjson_mut_obj_add(object, yyjson_mut_strncpy(maker, key, len), item);
}

#include "json_to_tree.inc"

static int tree_build(const struct plan *plan, const ProtobufCMessage *message,
                      union codec_hold *hold)
{
    int error = -ENOMEM;
    yyjson_mut_doc *tree = yyjson_mut_doc_new(NULL);
    hold->tree = tree;
    if (tree == NULL)
        return -ENOMEM;
    json_made root = make_message(tree, plan->root, message, 1, &error);
    yyjson_mut_doc_set_root(tree, root);
    if (root != NULL)
        return 0;
    yyjson_mut_doc_free(tree);
    return error;
}

static int tree_print(const union codec_hold *hold, uint8_t *dst, size_t cap, size_t *len)
{
    yyjson_write_err why;
    int error = 0;
    char *text = yyjson_mut_write_opts(hold->tree, YYJSON_WRITE_NOFLAG, NULL, len, &why);
    if (text == NULL)
        error = why.code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION ? -ENOMEM : -EINVAL;
    else if (*len > cap)
        error = -ENOSPC;
    else
        memcpy(dst, text, *len);
    free(text);
    return error;
}

static void tree_drop_built(union codec_hold *hold)
{
    yyjson_mut_doc_free(hold->tree);
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

typedef yyjson_val *json_node;
typedef struct {
    yyjson_obj_iter rest;
    yyjson_val *key;
} json_members;
typedef struct {
    yyjson_arr_iter rest;
    yyjson_val *item;
} json_elements;

static inline enum json_is node_is(json_node node)
{
    switch (yyjson_get_tag(node)) {
    case YYJSON_TYPE_STR | YYJSON_SUBTYPE_NONE:
    case YYJSON_TYPE_STR | YYJSON_SUBTYPE_NOESC:
        return JSON_IS_STRING;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT:
        return JSON_IS_UNSIGNED;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT:
        return JSON_IS_SIGNED;
    case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL:
        return JSON_IS_REAL;
    case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE:
    case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE:
        return JSON_IS_BOOL;
    case YYJSON_TYPE_ARR | YYJSON_SUBTYPE_NONE:
        return JSON_IS_ARRAY;
    case YYJSON_TYPE_OBJ | YYJSON_SUBTYPE_NONE:
        return JSON_IS_OBJECT;
    default:
        return JSON_IS_NULL;
    }
}

static inline const char *node_text(json_node node, size_t *len)
{
    *len = unsafe_yyjson_get_len(node);
    return unsafe_yyjson_get_str(node);
}

#define node_signed(node) unsafe_yyjson_get_sint(node)
#define node_unsigned(node) unsafe_yyjson_get_uint(node)
#define node_real(node) unsafe_yyjson_get_real(node)
#define node_bool(node) unsafe_yyjson_get_bool(node)
#define node_count(node) unsafe_yyjson_get_len(node)

static inline json_members members_of(json_node node)
{
    json_members members = {.rest = yyjson_obj_iter_with(node)};
    members.key = yyjson_obj_iter_next(&members.rest);
    return members;
}

static inline bool members_left(const json_members *members)
{
    return members->key != NULL;
}

static inline void members_next(json_members *members)
{
    members->key = yyjson_obj_iter_next(&members->rest);
}

static inline json_node member(const json_members *members)
{
    return yyjson_obj_iter_get_val(members->key);
}

static inline const char *member_key(const json_members *members, size_t *len)
{
    return node_text(members->key, len);
}

static inline json_elements elements_of(json_node node)
{
    json_elements elements = {.rest = yyjson_arr_iter_with(node)};
    elements.item = yyjson_arr_iter_next(&elements.rest);
    return elements;
}

static inline bool elements_left(const json_elements *elements)
{
    return elements->item != NULL;
}

static inline void elements_next(json_elements *elements)
{
    elements->item = yyjson_arr_iter_next(&elements->rest);
}

static inline json_node element(const json_elements *elements)
{
    return elements->item;
}

static inline bool node_find(json_node object, const struct plan_field *field, json_node *item)
{
    *item = yyjson_obj_getn(object, field->name, field->name_len);
    return *item != NULL;
}

#include "json_from_tree.inc"
#include "json_read_tree.inc"

/* The array begins with room for a sixth of the bytes, and is copied to one half as large again. */
static const struct json_cost cost = {.value = 40, .string = 40, .byte = 5};

/* Not in place: then the text is copied by the library, and not written to. */
static int parse_tree(const uint8_t *src, size_t len, yyjson_doc **tree)
{
    yyjson_read_err why;
    if (!json_heap_fits(src, len, &cost))
        return -ENOMEM;
    *tree = yyjson_read_opts((char *)src, len, YYJSON_READ_NOFLAG, NULL, &why);
    if (*tree != NULL)
        return 0;
    return why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? -ENOMEM : -EBADMSG;
}

typedef yyjson_doc *json_tree;

static inline json_node tree_root(json_tree tree)
{
    return yyjson_doc_get_root(tree);
}

static inline void tree_drop(json_tree tree)
{
    yyjson_doc_free(tree);
}

#include "json_tree.inc"

static const char *version(void)
{
    static char text[16]; /* every caller writes the same */
    uint32_t number = yyjson_version();
    snprintf(text, sizeof(text), "%u.%u.%u", number >> 16 & 0xff, number >> 8 & 0xff,
             number & 0xff);
    return text;
}

const struct codec yyjson_codec = {
    .name = "yyjson",
    .label = "yyjson",
    .format = "JSON",
    .library = "yyjson",
    .content_type = "application/json",
    .version = version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
