/* SPDX-License-Identifier: MIT */
/* The JSON floor by hand: its pieces, without the walk. */
#include "fields.h"
#include "json_get.h"
#include "json_put.h"

/* ---- encode -----------------------------------------------------------------------------------
 */

static inline __attribute__((always_inline)) char *put_number(struct json_writer *writer, char *at,
                                                              const char *key, size_t key_len,
                                                              unsigned kind, const void *value)
{
    if (json_room(writer, at) >= key_len + JSON_PUT_NUMBER) {
        memcpy(at, key, key_len);
        return json_put_number(at + key_len, kind, value);
    }
    at = json_put_raw(writer, at, key, key_len);
    return at ? json_put_number_closely(writer, at, kind, value) : NULL;
}

#define KEY(name) ",\"" #name "\":"
#define NUMBER(name, kind)                                                                         \
    at = put_number(writer, at, KEY(name), sizeof(KEY(name)) - 1, kind, &message->name)
#define BEHIND_KEY(name, call)                                                                     \
    at = json_put_raw(writer, at, KEY(name), sizeof(KEY(name)) - 1);                               \
    if (at != NULL)                                                                                \
    at = call

#define VALUE_STR(value, T) json_put_string(writer, at, value)
#define VALUE_MSG(value, T) put_##T(writer, value, at, depth + 1)
#define PUT_STR(name, T) BEHIND_KEY(name, VALUE_STR(message->name, T))
#define PUT_MSG(name, T) BEHIND_KEY(name, VALUE_MSG(message->name, T))
#define PUT_U64(name, T) NUMBER(name, PLAN_UINT64)
#define PUT_I64(name, T) NUMBER(name, PLAN_INT64)
#define PUT_U32(name, T) NUMBER(name, PLAN_UINT32)
#define PUT_I32(name, T) NUMBER(name, PLAN_INT32)
#define PUT_F64(name, T) NUMBER(name, PLAN_DOUBLE)
#define PUT_BOOL(name, T) NUMBER(name, PLAN_BOOL)

#define PUT(label, kind, name, T)                                                                  \
    if (IS_##label(message, name)) {                                                               \
        PUT_##kind(name, T);                                                                       \
        if (at == NULL)                                                                            \
            return NULL;                                                                           \
    }
#define PUT_ARRAY(kind, name, T)                                                                   \
    if (message->n_##name > 0) {                                                                   \
        at = json_put_raw(writer, at, KEY(name) "[", sizeof(KEY(name) "[") - 1);                   \
        for (size_t i = 0; at != NULL && i < message->n_##name; i++) {                             \
            at = VALUE_##kind(message->name[i], T);                                                \
            if (at != NULL)                                                                        \
                at = json_put_sign(writer, at, i + 1 < message->n_##name ? ',' : ']');             \
        }                                                                                          \
        if (at == NULL)                                                                            \
            return NULL;                                                                           \
    }
#define PUTTER(T)                                                                                  \
    static char *put_##T(struct json_writer *writer, const STRUCT_##T *message, char *at,          \
                         unsigned depth)                                                           \
    {                                                                                              \
        char *start = at;                                                                          \
        writer->error = -EINVAL;                                                                   \
        if (depth > PLAN_MAX_DEPTH)                                                                \
            return NULL;                                                                           \
        FIELDS_##T(PUT, PUT_ARRAY);                                                                \
        if (at == start)                                                                           \
            return json_put_raw(writer, at, "{}", 2);                                              \
        *start = '{';                                                                              \
        return json_put_sign(writer, at, '}');                                                     \
    }
ALL_TYPES(PUTTER)

/* ---- decode -----------------------------------------------------------------------------------
 */

static inline const char *get_copy(struct json_source *source, const char *at, char **slot)
{
    size_t len;
    return json_get_copy(source, at, slot, &len);
}

/* Behind a value: the sign, and where the next one begins. */
static inline const char *get_separator(struct json_source *source, const char *at, char close,
                                        bool *more)
{
    at = json_skip_space(at, source->end);
    if (at == source->end || (*at != ',' && *at != close))
        return NULL;
    *more = *at == ',';
    return *more ? json_skip_space(at + 1, source->end) : at + 1;
}

#define GET_STR(slot, T) get_copy(source, at, slot)
#define GET_U64(slot, T) json_get_integer(at, source->end, PLAN_UINT64, slot)
#define GET_I64(slot, T) json_get_integer(at, source->end, PLAN_INT64, slot)
#define GET_U32(slot, T) json_get_integer(at, source->end, PLAN_UINT32, slot)
#define GET_I32(slot, T) json_get_integer(at, source->end, PLAN_INT32, slot)
#define GET_F64(slot, T) json_get_real(at, source->end, PLAN_DOUBLE, slot)
#define GET_BOOL(slot, T) json_get_bool(at, source->end, slot)
#define GET_MSG(slot, T) get_##T(source, at, slot, depth + 1)

#define GET(label, kind, name, T)                                                                  \
    seen_##name = true;                                                                            \
    SET_##label(message, name);                                                                    \
    at = GET_##kind(&message->name, T);
#define GET_ARRAY(kind, name, T)                                                                   \
    bool another = at < source->end && *at == '[';                                                 \
    size_t cap = 0;                                                                                \
    seen_##name = true;                                                                            \
    at = another ? json_skip_space(at + 1, source->end) : NULL;                                    \
    if (another && at < source->end && *at == ']') {                                               \
        another = false;                                                                           \
        at++;                                                                                      \
    }                                                                                              \
    while (at != NULL && another) {                                                                \
        if (message->n_##name == cap &&                                                            \
            !grow((void **)&message->name, message->n_##name, &cap, source->allocator))            \
            return json_refuse(source, -ENOMEM);                                                   \
        message->name[message->n_##name] = NULL;                                                   \
        message->n_##name++;                                                                       \
        at = GET_##kind(&message->name[message->n_##name - 1], T);                                 \
        if (at != NULL)                                                                            \
            at = get_separator(source, at, ']', &another);                                         \
    }

/* Of pointers, as all arrays here are. */
static bool grow(void **array, size_t count, size_t *cap, ProtobufCAllocator *allocator)
{
    size_t more_room = *cap > 0 ? *cap * 2 : 8;
    void **larger = field_alloc(allocator, more_room * sizeof(*larger));
    if (larger == NULL)
        return false;
    if (count > 0)
        memcpy(larger, *array, count * sizeof(*larger));
    field_free(allocator, *array);
    *array = larger;
    *cap = more_room;
    return true;
}

static inline __attribute__((always_inline)) bool is_key(const char *at, const char *end,
                                                         const char *key, size_t len)
{
    return (size_t)(end - at) > len && memcmp(at, key, len) == 0 && at[len] != 'n';
}

/* The key as a compact writer has it, and no null behind it. */
#define NEXT_KEY(name) "\"" #name "\":"
#define IF_NEXT(name, ...)                                                                         \
    if (more && is_key(at, source->end, NEXT_KEY(name), sizeof(NEXT_KEY(name)) - 1)) {             \
        at += sizeof(NEXT_KEY(name)) - 1;                                                          \
        at = json_skip_space(at, source->end);                                                     \
        __VA_ARGS__                                                                                \
        if (at == NULL || (at = get_separator(source, at, '}', &more)) == NULL)                    \
            return NULL;                                                                           \
    }
#define NEXT(label, kind, name, T) IF_NEXT(name, GET(label, kind, name, T))
#define NEXT_ARRAY(kind, name, T) IF_NEXT(name, GET_ARRAY(kind, name, T))

#define IF_ANY(name, ...)                                                                          \
    if (key.len == sizeof(#name) - 1 && memcmp(key.start, #name, sizeof(#name) - 1) == 0) {        \
        if (seen_##name)                                                                           \
            return NULL;                                                                           \
        __VA_ARGS__                                                                                \
        if (at == NULL || (at = get_separator(source, at, '}', &more)) == NULL)                    \
            return NULL;                                                                           \
        continue;                                                                                  \
    }
#define ANY(label, kind, name, T) IF_ANY(name, GET(label, kind, name, T))
#define ANY_ARRAY(kind, name, T) IF_ANY(name, GET_ARRAY(kind, name, T))

/* A key with escapes in it would need more code, and is refused. */
#define GETTER(T)                                                                                  \
    static const char *read_##T(struct json_source *source, const char *at, STRUCT_##T *message,   \
                                unsigned depth);                                                   \
    static const char *get_##T(struct json_source *source, const char *at, STRUCT_##T **slot,      \
                               unsigned depth)                                                     \
    {                                                                                              \
        *slot = field_alloc(source->allocator, sizeof(**slot));                                    \
        if (*slot == NULL)                                                                         \
            return json_refuse(source, -ENOMEM);                                                   \
        INIT_##T(*slot);                                                                           \
        return read_##T(source, at, *slot, depth);                                                 \
    }                                                                                              \
    static const char *read_##T(struct json_source *source, const char *at, STRUCT_##T *message,   \
                                unsigned depth)                                                    \
    {                                                                                              \
        bool more = true;                                                                          \
        struct json_text key;                                                                      \
        FIELDS_##T(SEEN, SEEN_ARRAY);                                                              \
        if (depth > PLAN_MAX_DEPTH || at == source->end || *at != '{')                             \
            return NULL;                                                                           \
        at = json_skip_space(at + 1, source->end);                                                 \
        if (at < source->end && *at == '}') {                                                      \
            more = false;                                                                          \
            at++;                                                                                  \
        }                                                                                          \
        FIELDS_##T(NEXT, NEXT_ARRAY);                                                              \
        while (more) {                                                                             \
            at = json_get_key(at, source->end, &key);                                              \
            if (at == NULL || key.escaped)                                                         \
                return NULL;                                                                       \
            at = json_skip_space(at, source->end);                                                 \
            if (at < source->end && *at != 'n') {                                                  \
                FIELDS_##T(ANY, ANY_ARRAY);                                                        \
            }                                                                                      \
            at = json_skip_value(at, source->end, depth);                                          \
            if (at == NULL || (at = get_separator(source, at, '}', &more)) == NULL)                \
                return NULL;                                                                       \
        }                                                                                          \
        return 0 FIELDS_##T(LACKS, LACKS_ARRAY) ? NULL : at;                                       \
    }
ALL_TYPES(GETTER)

/* ---- the two payloads -------------------------------------------------------------------------
 */

static const char *version(void)
{
    return ASSAY_VERSION;
}

#define ADAPTER(T)                                                                                 \
    static int encode_##T(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,  \
                          size_t cap, size_t *len)                                                 \
    {                                                                                              \
        struct json_writer writer = {.end = (char *)dst + cap};                                    \
        (void)plan;                                                                                \
        char *end = put_##T(&writer, (const STRUCT_##T *)message, (char *)dst, 1);                 \
        if (end == NULL)                                                                           \
            return writer.error;                                                                   \
        *len = (size_t)(end - (char *)dst);                                                        \
        return 0;                                                                                  \
    }                                                                                              \
    static int decode_##T(const struct plan *plan, const uint8_t *src, size_t len,                 \
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)               \
    {                                                                                              \
        const char *at = (const char *)src, *end = at + len;                                       \
        struct json_source source = {end, allocator, -EBADMSG};                                    \
        STRUCT_##T *made = NULL;                                                                   \
        (void)plan;                                                                                \
        at = get_##T(&source, json_skip_space(at, end), &made, 1);                                 \
        bool good = at != NULL && json_skip_space(at, end) == end;                                 \
        return by_hand_settle(good ? 0 : source.error, made, allocator, message);                  \
    }                                                                                              \
    BY_HAND(json_floor, T, "JSON", "Assay's floor", version)
ADAPTER(Order)
ADAPTER(Feed)
