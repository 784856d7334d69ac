/* SPDX-License-Identifier: MIT */
/* MessagePack by hand; compiled once per style. TIGHT: a key is one constant that is copied into
 * the buffer, and keys are looked for where they are expected first; above 1, the packer's callback
 * gets in line, too, and there is no decode: it would be the tight one. */
#define BY_HAND_SHAPE "keys"
#include "fields.h"
#include "msgpack_counts.h"

#include <errno.h>
#include <msgpack.h>
#include <threads.h>

/* ---- encode -----------------------------------------------------------------------------------
 */

struct writer {
    char *at, *end;
    int error;
};

static int writer_write(void *data, const char *bytes, size_t len)
{
    struct writer *writer = data;
    if ((size_t)(writer->end - writer->at) < len) {
        writer->error = -ENOSPC;
        writer->end = writer->at;
        return -1;
    }
    memcpy(writer->at, bytes, len);
    writer->at += len;
    return 0;
}

static inline __attribute__((always_inline)) void pack_key(msgpack_packer *packer, const char *name,
                                                           size_t len)
{
#if TIGHT
    struct writer *writer = packer->data;
    if ((size_t)(writer->end - writer->at) <= len) {
        writer->error = -ENOSPC;
        writer->end = writer->at;
        return;
    }
    *writer->at = (char)(0xa0 | len);
    memcpy(writer->at + 1, name, len);
    writer->at += len + 1;
#else
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, name, len);
#endif
}

static inline void pack_string(msgpack_packer *packer, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

#define PACK_STR(value, T) pack_string(packer, value)
#define PACK_U64(value, T) msgpack_pack_uint64(packer, value)
#define PACK_I64(value, T) msgpack_pack_int64(packer, value)
#define PACK_U32(value, T) msgpack_pack_uint32(packer, value)
#define PACK_I32(value, T) msgpack_pack_int32(packer, value)
#define PACK_F64(value, T) msgpack_pack_double(packer, value)
#define PACK_BOOL(value, T) (value) ? msgpack_pack_true(packer) : msgpack_pack_false(packer)
#define PACK_MSG(value, T) pack_##T(from, value, depth + 1)

#define COUNT(label, kind, name, T) +IS_##label(message, name)
#define COUNT_ARRAY(kind, name, T) +(message->n_##name > 0)
#define PACK(label, kind, name, T)                                                                 \
    if (IS_##label(message, name)) {                                                               \
        pack_key(packer, #name, sizeof(#name) - 1);                                                \
        PACK_##kind(message->name, T);                                                             \
    }
#define PACK_ARRAY(kind, name, T)                                                                  \
    if (message->n_##name > 0) {                                                                   \
        pack_key(packer, #name, sizeof(#name) - 1);                                                \
        msgpack_pack_array(packer, message->n_##name);                                             \
        for (size_t i = 0; i < message->n_##name; i++)                                             \
            PACK_##kind(message->name[i], T);                                                      \
    }
#if TIGHT > 1 /* a packer whose callback the compiler can see */
#define THE_PACKER                                                                                 \
    msgpack_packer own, *packer = &own;                                                            \
    msgpack_packer_init(packer, from->data, writer_write)
#else
#define THE_PACKER msgpack_packer *packer = from
#endif
#define PACKER(T)                                                                                  \
    static void pack_##T(msgpack_packer *from, const STRUCT_##T *message, unsigned depth)          \
    {                                                                                              \
        THE_PACKER;                                                                                \
        if (depth > PLAN_MAX_DEPTH) {                                                              \
            ((struct writer *)packer->data)->error = -EINVAL;                                      \
            return;                                                                                \
        }                                                                                          \
        msgpack_pack_map(packer, (size_t)(0 FIELDS_##T(COUNT, COUNT_ARRAY)));                      \
        FIELDS_##T(PACK, PACK_ARRAY);                                                              \
    }
ALL_TYPES(PACKER)

/* ---- decode -----------------------------------------------------------------------------------
 */

#if TIGHT < 2

static inline int get_string(const msgpack_object *from, char **slot, ProtobufCAllocator *allocator)
{
    if (from->type != MSGPACK_OBJECT_STR)
        return -EBADMSG;
    return field_put_string(slot, from->via.str.size ? from->via.str.ptr : "", from->via.str.size,
                            allocator); /* as msgpack_values.inc has it */
}

static inline int get_unsigned(const msgpack_object *from, uint64_t *value, uint64_t most)
{
    *value = from->via.u64;
    return from->type == MSGPACK_OBJECT_POSITIVE_INTEGER && *value <= most ? 0 : -EBADMSG;
}

static inline int get_signed(const msgpack_object *from, int64_t *value, int64_t most)
{
    *value = from->via.i64;
    if (from->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return from->via.u64 <= (uint64_t)most ? 0 : -EBADMSG;
    return from->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && *value >= -most - 1 ? 0 : -EBADMSG;
}

static inline int get_u32(const msgpack_object *from, uint32_t *slot)
{
    uint64_t value;
    int error = get_unsigned(from, &value, UINT32_MAX);
    *slot = (uint32_t)value;
    return error;
}

static inline int get_i32(const msgpack_object *from, int32_t *slot)
{
    int64_t value;
    int error = get_signed(from, &value, INT32_MAX);
    *slot = (int32_t)value;
    return error;
}

static inline int get_double(const msgpack_object *from, double *slot)
{
    *slot = from->via.f64;
    return from->type == MSGPACK_OBJECT_FLOAT64 || from->type == MSGPACK_OBJECT_FLOAT32 ? 0
                                                                                        : -EBADMSG;
}

static inline int get_bool(const msgpack_object *from, protobuf_c_boolean *slot)
{
    *slot = from->via.boolean;
    return from->type == MSGPACK_OBJECT_BOOLEAN ? 0 : -EBADMSG;
}

static inline __attribute__((always_inline)) bool is_key(const msgpack_object *key,
                                                         const char *name, size_t len)
{
    return key->type == MSGPACK_OBJECT_STR && key->via.str.size == len &&
           memcmp(key->via.str.ptr, name, len) == 0;
}

#define GET_STR(from, slot, T) get_string(from, slot, allocator)
#define GET_U64(from, slot, T) get_unsigned(from, slot, UINT64_MAX)
#define GET_I64(from, slot, T) get_signed(from, slot, INT64_MAX)
#define GET_U32(from, slot, T) get_u32(from, slot)
#define GET_I32(from, slot, T) get_i32(from, slot)
#define GET_F64(from, slot, T) get_double(from, slot)
#define GET_BOOL(from, slot, T) get_bool(from, slot)
#define GET_MSG(from, slot, T) get_##T(from, slot, allocator, depth + 1)

#define GET(label, kind, name, T)                                                                  \
    seen_##name = true;                                                                            \
    SET_##label(message, name);                                                                    \
    error = GET_##kind(&pair->val, &message->name, T);
#define GET_ARRAY(kind, name, T)                                                                   \
    seen_##name = true;                                                                            \
    error = pair->val.type == MSGPACK_OBJECT_ARRAY ? 0 : -EBADMSG;                                 \
    if (error == 0 && pair->val.via.array.size > 0) {                                              \
        size_t count = pair->val.via.array.size;                                                   \
        message->name = field_alloc(allocator, count * sizeof(*message->name));                    \
        error = message->name ? 0 : -ENOMEM;                                                       \
        for (size_t i = 0; error == 0 && i < count; i++) {                                         \
            message->name[i] = NULL;                                                               \
            message->n_##name++;                                                                   \
            error = GET_##kind(&pair->val.via.array.ptr[i], &message->name[i], T);                 \
        }                                                                                          \
    }

#define IF_NEXT(name, ...)                                                                         \
    if (pair < end && is_key(&pair->key, #name, sizeof(#name) - 1)) {                              \
        __VA_ARGS__                                                                                \
        if (error != 0)                                                                            \
            return error;                                                                          \
        pair++;                                                                                    \
    }
#define NEXT(label, kind, name, T) IF_NEXT(name, GET(label, kind, name, T))
#define NEXT_ARRAY(kind, name, T) IF_NEXT(name, GET_ARRAY(kind, name, T))

#define IF_ANY(name, ...)                                                                          \
    if (is_key(&pair->key, #name, sizeof(#name) - 1)) {                                            \
        if (seen_##name)                                                                           \
            return -EBADMSG;                                                                       \
        __VA_ARGS__                                                                                \
        if (error != 0)                                                                            \
            return error;                                                                          \
        continue;                                                                                  \
    }
#define ANY(label, kind, name, T) IF_ANY(name, GET(label, kind, name, T))
#define ANY_ARRAY(kind, name, T) IF_ANY(name, GET_ARRAY(kind, name, T))

#if TIGHT
#define IN_ORDER(T) FIELDS_##T(NEXT, NEXT_ARRAY)
#else
#define IN_ORDER(T)
#endif

#define GETTER(T)                                                                                  \
    static int read_##T(const msgpack_object *from, STRUCT_##T *message,                           \
                        ProtobufCAllocator *allocator, unsigned depth);                            \
    static int get_##T(const msgpack_object *from, STRUCT_##T **slot,                              \
                       ProtobufCAllocator *allocator, unsigned depth)                              \
    {                                                                                              \
        *slot = field_alloc(allocator, sizeof(**slot));                                            \
        if (*slot == NULL)                                                                         \
            return -ENOMEM;                                                                        \
        INIT_##T(*slot);                                                                           \
        return read_##T(from, *slot, allocator, depth);                                            \
    }                                                                                              \
    static int read_##T(const msgpack_object *from, STRUCT_##T *message,                           \
                        ProtobufCAllocator *allocator, unsigned depth)                             \
    {                                                                                              \
        int error;                                                                                 \
        FIELDS_##T(SEEN, SEEN_ARRAY);                                                              \
        if (depth > PLAN_MAX_DEPTH || from->type != MSGPACK_OBJECT_MAP)                            \
            return -EBADMSG;                                                                       \
        const msgpack_object_kv *pair = from->via.map.ptr, *end = pair + from->via.map.size;       \
        IN_ORDER(T);                                                                               \
        for (; pair < end; pair++) {                                                               \
            FIELDS_##T(ANY, ANY_ARRAY);                                                            \
        }                                                                                          \
        return 0 FIELDS_##T(LACKS, LACKS_ARRAY) ? -EBADMSG : 0;                                    \
    }
ALL_TYPES(GETTER)

#include "msgpack_zone.inc"

/* As msgpack_c.c has it: what is checked is no matter of the walk. */
static int unpack(msgpack_object *tree, const uint8_t *src, size_t len)
{
    size_t values, at = 0;
    if (!msgpack_counts_hold(src, len, &values))
        return -EBADMSG;
    msgpack_zone *zone = kept_zone(values * sizeof(*tree));
    if (zone == NULL)
        return -ENOMEM;
    if (msgpack_unpack((const char *)src, len, &at, zone, tree) == MSGPACK_UNPACK_SUCCESS)
        return 0;
    forget_tree();
    return -EBADMSG;
}
#endif

/* ---- the two payloads -------------------------------------------------------------------------
 */

#define ENCODER(T)                                                                                 \
    static int encode_##T(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,  \
                          size_t cap, size_t *len)                                                 \
    {                                                                                              \
        struct writer writer = {(char *)dst, (char *)dst + cap, 0};                                \
        msgpack_packer packer;                                                                     \
        (void)plan;                                                                                \
        msgpack_packer_init(&packer, &writer, writer_write);                                       \
        pack_##T(&packer, (const STRUCT_##T *)message, 1);                                         \
        *len = (size_t)(writer.at - (char *)dst);                                                  \
        return writer.error;                                                                       \
    }
#if TIGHT < 2
#define DECODER(T)                                                                                 \
    static int decode_##T(const struct plan *plan, const uint8_t *src, size_t len,                 \
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)               \
    {                                                                                              \
        msgpack_object tree;                                                                       \
        STRUCT_##T *made = NULL;                                                                   \
        (void)plan;                                                                                \
        *message = NULL;                                                                           \
        int error = unpack(&tree, src, len);                                                       \
        if (error != 0)                                                                            \
            return error;                                                                          \
        error = get_##T(&tree, &made, allocator, 1);                                               \
        forget_tree();                                                                             \
        return by_hand_settle(error, made, allocator, message);                                    \
    }
#else
#define DECODER(T)
#define decode_Order NULL
#define decode_Feed NULL
#endif
#define ADAPTER(T)                                                                                 \
    ENCODER(T)                                                                                     \
    DECODER(T)                                                                                     \
    BY_HAND(msgpack_c, T, "MessagePack", "msgpack-c", msgpack_version)
ADAPTER(Order)
ADAPTER(Feed)
