/* SPDX-License-Identifier: MIT */
/* Protocol Buffers by the functions that protobuf-c generates for a type. */
#include "fields.h"
#include "wire.h"

#include <errno.h>

#define ADAPTER(T, prefix)                                                                         \
    static int encode_##T(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,  \
                          size_t cap, size_t *len)                                                 \
    {                                                                                              \
        const STRUCT_##T *own = (const STRUCT_##T *)message;                                       \
        if (!plan->bounded && wire_message_too_deep(plan->root, message))                          \
            return -EINVAL;                                                                        \
        if (prefix##__get_packed_size(own) > cap)                                                  \
            return -ENOSPC;                                                                        \
        *len = prefix##__pack(own, dst);                                                           \
        return 0;                                                                                  \
    }                                                                                              \
    static int decode_##T(const struct plan *plan, const uint8_t *src, size_t len,                 \
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)               \
    {                                                                                              \
        *message = NULL;                                                                           \
        if (!plan->bounded && wire_too_deep(plan->root, src, len))                                 \
            return -EBADMSG;                                                                       \
        *message = (ProtobufCMessage *)prefix##__unpack(allocator, len, src);                      \
        return *message ? 0 : -EBADMSG; /* or no memory: the library does not say which */         \
    }                                                                                              \
    BY_HAND(protobuf_c, T, "Protocol Buffers", "protobuf-c", protobuf_c_version)
ADAPTER(Order, order__order)
ADAPTER(Feed, feed__feed)
