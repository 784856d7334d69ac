/* SPDX-License-Identifier: MIT */
/* JSON by cJSON by hand; compiled once per style. TIGHT: keys and strings are borrowed, the text is
 * printed into the caller's buffer, and keys are looked for where they are expected first. */
#include "fields.h"
#include "json_scalar.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

/* ---- encode -----------------------------------------------------------------------------------
 */

static inline cJSON *make_real(double value)
{
    const char *special = json_print_special(value);
    return special ? cJSON_CreateStringReference(special) : cJSON_CreateNumber(value);
}

/* Takes the item, whatever comes of it; NULL is none. */
static inline bool add_item(cJSON *object, const char *name, cJSON *item)
{
#if TIGHT
    bool added = cJSON_AddItemToObjectCS(object, name, item) != 0;
#else
    bool added = cJSON_AddItemToObject(object, name, item) != 0;
#endif
    if (!added)
        cJSON_Delete(item);
    return added;
}

#if TIGHT
static inline cJSON *make_string(const char *text)
{
    return cJSON_CreateStringReference(text ? text : "");
}

static inline cJSON *make_unsigned(uint64_t value)
{
    char text[JSON_INTEGER_MAX];
    json_print_unsigned(text, value);
    return cJSON_CreateString(text);
}

static inline cJSON *make_signed(int64_t value)
{
    char text[JSON_INTEGER_MAX];
    json_print_signed(text, value);
    return cJSON_CreateString(text);
}
#else
static inline cJSON *make_string(const char *text)
{
    return cJSON_CreateString(text ? text : "");
}

static inline cJSON *make_unsigned(uint64_t value)
{
    char text[JSON_INTEGER_MAX];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return cJSON_CreateString(text);
}

static inline cJSON *make_signed(int64_t value)
{
    char text[JSON_INTEGER_MAX];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return cJSON_CreateString(text);
}
#endif

#define MAKE_STR(value, T) make_string(value)
#define MAKE_U64(value, T) make_unsigned(value)
#define MAKE_I64(value, T) make_signed(value)
#define MAKE_U32(value, T) cJSON_CreateNumber(value)
#define MAKE_I32(value, T) cJSON_CreateNumber(value)
#define MAKE_F64(value, T) make_real(value)
#define MAKE_BOOL(value, T) cJSON_CreateBool(value)
#define MAKE_MSG(value, T) make_##T(value, depth + 1)

#define ADD(label, kind, name, T)                                                                  \
    if (IS_##label(message, name))                                                                 \
        good &= add_item(object, #name, MAKE_##kind(message->name, T));
#define ADD_ARRAY(kind, name, T)                                                                   \
    if (message->n_##name > 0) {                                                                   \
        cJSON *array = cJSON_CreateArray();                                                        \
        for (size_t i = 0; i < message->n_##name; i++) {                                           \
            cJSON *item = MAKE_##kind(message->name[i], T);                                        \
            if (!cJSON_AddItemToArray(array, item)) {                                              \
                cJSON_Delete(item);                                                                \
                good = false;                                                                      \
            }                                                                                      \
        }                                                                                          \
        good &= add_item(object, #name, array);                                                    \
    }
#define MAKER(T)                                                                                   \
    static cJSON *make_##T(const STRUCT_##T *message, unsigned depth)                              \
    {                                                                                              \
        cJSON *object = depth > PLAN_MAX_DEPTH ? NULL : cJSON_CreateObject();                      \
        bool good = object != NULL;                                                                \
        if (!good)                                                                                 \
            return NULL;                                                                           \
        FIELDS_##T(ADD, ADD_ARRAY);                                                                \
        if (good)                                                                                  \
            return object;                                                                         \
        cJSON_Delete(object);                                                                      \
        return NULL;                                                                               \
    }
ALL_TYPES(MAKER)

static int print(const cJSON *tree, uint8_t *dst, size_t cap, size_t *len)
{
#if TIGHT
    if (cJSON_PrintPreallocated((cJSON *)tree, (char *)dst, cap < INT_MAX ? (int)cap : INT_MAX,
                                false)) {
        *len = strlen((char *)dst);
        return 0;
    }
#endif
    char *text = cJSON_PrintUnformatted(tree);
    if (text == NULL)
        return -ENOMEM;
    *len = strlen(text);
    if (*len <= cap)
        memcpy(dst, text, *len);
    cJSON_free(text);
    return *len <= cap ? 0 : -ENOSPC;
}

/* ---- decode -----------------------------------------------------------------------------------
 */

static inline int get_string(const cJSON *from, char **slot, ProtobufCAllocator *allocator)
{
    if (!cJSON_IsString(from))
        return -EBADMSG;
    return field_put_string(slot, from->valuestring, strlen(from->valuestring), allocator);
}

static inline __attribute__((always_inline)) int get_integer(const cJSON *from, enum plan_kind kind,
                                                             void *slot)
{
    if (cJSON_IsString(from))
        return json_parse_integer(from->valuestring, strlen(from->valuestring), kind, slot) == 0
                   ? 0
                   : -EBADMSG;
    double value = from->valuedouble;
    if (!cJSON_IsNumber(from) || !(fabs(value) < 0x1p53) || value != trunc(value))
        return -EBADMSG;
    return field_put_signed(slot, kind, (int64_t)value);
}

static inline int get_double(const cJSON *from, double *slot)
{
    *slot = from->valuedouble;
    if (cJSON_IsString(from))
        return json_parse_special(from->valuestring, strlen(from->valuestring), slot) ? 0
                                                                                      : -EBADMSG;
    return cJSON_IsNumber(from) && isfinite(*slot) ? 0 : -EBADMSG;
}

static inline int get_bool(const cJSON *from, protobuf_c_boolean *slot)
{
    *slot = cJSON_IsTrue(from);
    return cJSON_IsBool(from) ? 0 : -EBADMSG;
}

#define GET_STR(from, slot, T) get_string(from, slot, allocator)
#define GET_U64(from, slot, T) get_integer(from, PLAN_UINT64, slot)
#define GET_I64(from, slot, T) get_integer(from, PLAN_INT64, slot)
#define GET_U32(from, slot, T) get_integer(from, PLAN_UINT32, slot)
#define GET_I32(from, slot, T) get_integer(from, PLAN_INT32, slot)
#define GET_F64(from, slot, T) get_double(from, slot)
#define GET_BOOL(from, slot, T) get_bool(from, slot)
#define GET_MSG(from, slot, T) get_##T(from, slot, allocator, depth + 1)

#define GET(label, kind, name, T)                                                                  \
    seen_##name = true;                                                                            \
    SET_##label(message, name);                                                                    \
    error = GET_##kind(item, &message->name, T);
#define GET_ARRAY(kind, name, T)                                                                   \
    const cJSON *value;                                                                            \
    size_t count = (size_t)cJSON_GetArraySize(item);                                               \
    seen_##name = true;                                                                            \
    error = cJSON_IsArray(item) ? 0 : -EBADMSG;                                                    \
    if (error == 0 && count > 0) {                                                                 \
        message->name = field_alloc(allocator, count * sizeof(*message->name));                    \
        error = message->name ? 0 : -ENOMEM;                                                       \
    }                                                                                              \
    cJSON_ArrayForEach(value, item)                                                                \
    {                                                                                              \
        if (error != 0)                                                                            \
            break;                                                                                 \
        message->name[message->n_##name] = NULL;                                                   \
        message->n_##name++;                                                                       \
        error = GET_##kind(value, &message->name[message->n_##name - 1], T);                       \
    }

#if TIGHT
#define IF_NEXT(name, ...)                                                                         \
    if (item != NULL && strcmp(item->string, #name) == 0 && !cJSON_IsNull(item)) {                 \
        __VA_ARGS__                                                                                \
        if (error != 0)                                                                            \
            return error;                                                                          \
        item = item->next;                                                                         \
    }
#define IF_ANY(name, ...)                                                                          \
    if (strcmp(item->string, #name) == 0) {                                                        \
        if (cJSON_IsNull(item))                                                                    \
            continue;                                                                              \
        if (seen_##name)                                                                           \
            return -EBADMSG;                                                                       \
        __VA_ARGS__                                                                                \
        if (error != 0)                                                                            \
            return error;                                                                          \
        continue;                                                                                  \
    }
#define NEXT(label, kind, name, T) IF_NEXT(name, GET(label, kind, name, T))
#define NEXT_ARRAY(kind, name, T) IF_NEXT(name, GET_ARRAY(kind, name, T))
#define ANY(label, kind, name, T) IF_ANY(name, GET(label, kind, name, T))
#define ANY_ARRAY(kind, name, T) IF_ANY(name, GET_ARRAY(kind, name, T))
#define GET_ALL(T)                                                                                 \
    const cJSON *item = from->child;                                                               \
    FIELDS_##T(NEXT, NEXT_ARRAY);                                                                  \
    for (; item != NULL; item = item->next) {                                                      \
        FIELDS_##T(ANY, ANY_ARRAY);                                                                \
    }
#else
#define IF_FOUND(name, ...)                                                                        \
    item = cJSON_GetObjectItemCaseSensitive(from, #name);                                          \
    if (item != NULL && !cJSON_IsNull(item)) {                                                     \
        __VA_ARGS__                                                                                \
        if (error != 0)                                                                            \
            return error;                                                                          \
    }
#define FOUND(label, kind, name, T) IF_FOUND(name, GET(label, kind, name, T))
#define FOUND_ARRAY(kind, name, T) IF_FOUND(name, GET_ARRAY(kind, name, T))
#define GET_ALL(T)                                                                                 \
    const cJSON *item;                                                                             \
    FIELDS_##T(FOUND, FOUND_ARRAY)
#endif

#define GETTER(T)                                                                                  \
    static int read_##T(const cJSON *from, STRUCT_##T *message, ProtobufCAllocator *allocator,     \
                        unsigned depth);                                                           \
    static int get_##T(const cJSON *from, STRUCT_##T **slot, ProtobufCAllocator *allocator,        \
                       unsigned depth)                                                             \
    {                                                                                              \
        *slot = field_alloc(allocator, sizeof(**slot));                                            \
        if (*slot == NULL)                                                                         \
            return -ENOMEM;                                                                        \
        INIT_##T(*slot);                                                                           \
        return read_##T(from, *slot, allocator, depth);                                            \
    }                                                                                              \
    static int read_##T(const cJSON *from, STRUCT_##T *message, ProtobufCAllocator *allocator,     \
                        unsigned depth)                                                            \
    {                                                                                              \
        int error = 0;                                                                             \
        FIELDS_##T(SEEN, SEEN_ARRAY);                                                              \
        if (depth > PLAN_MAX_DEPTH || !cJSON_IsObject(from))                                       \
            return -EBADMSG;                                                                       \
        GET_ALL(T);                                                                                \
        return 0 FIELDS_##T(LACKS, LACKS_ARRAY) ? -EBADMSG : error;                                \
    }
ALL_TYPES(GETTER)

/* As cjson.c has it: what is checked is no matter of the walk. */
static cJSON *parse_tree(const uint8_t *src, size_t len)
{
    const char *end = NULL;
    if (len == 0 || src[len - 1] != '}')
        return NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts((const char *)src, len, &end, false);
    if (tree != NULL && end != (const char *)src + len) {
        cJSON_Delete(tree);
        return NULL;
    }
    return tree;
}

/* ---- the two payloads -------------------------------------------------------------------------
 */

#define ADAPTER(T)                                                                                 \
    static int encode_##T(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,  \
                          size_t cap, size_t *len)                                                 \
    {                                                                                              \
        (void)plan;                                                                                \
        cJSON *tree = make_##T((const STRUCT_##T *)message, 1);                                    \
        int error = tree ? print(tree, dst, cap, len) : -ENOMEM;                                   \
        cJSON_Delete(tree);                                                                        \
        return error;                                                                              \
    }                                                                                              \
    static int decode_##T(const struct plan *plan, const uint8_t *src, size_t len,                 \
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)               \
    {                                                                                              \
        STRUCT_##T *made = NULL;                                                                   \
        (void)plan;                                                                                \
        *message = NULL;                                                                           \
        cJSON *tree = parse_tree(src, len);                                                        \
        if (tree == NULL)                                                                          \
            return -EBADMSG;                                                                       \
        int error = get_##T(tree, &made, allocator, 1);                                            \
        cJSON_Delete(tree);                                                                        \
        return by_hand_settle(error, made, allocator, message);                                    \
    }                                                                                              \
    BY_HAND(cjson, T, "JSON", "cJSON", cJSON_Version)
ADAPTER(Order)
ADAPTER(Feed)
