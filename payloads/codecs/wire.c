/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include "codec.h"

#include "field.h"

/* Reads a varint; false at the end of the bytes or beyond ten of them. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 70; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80)
            return true;
    }
    return false;
}

static const struct plan_field *field_with_id(const struct plan_message *type, uint32_t id)
{
    uint32_t low = 0, high = type->count;
    /* Ids mostly run 1, 2, 3 … */
    if (id - 1 < type->count && type->fields[id - 1].id == id)
        return &type->fields[id - 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (type->fields[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < type->count && type->fields[low].id == id ? &type->fields[low] : NULL;
}

static bool too_deep(const struct plan_message *type, const uint8_t *at, const uint8_t *end,
                     unsigned depth)
{
    uint64_t tag, len;
    if (depth > PLAN_MAX_DEPTH)
        return true;
    while (at < end) {
        if (!read_varint(&at, end, &tag))
            return false;
        switch (tag & 7) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
            if (!read_varint(&at, end, &len))
                return false;
            break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
            len = 8;
            goto skip;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            len = 4;
            goto skip;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: {
            if (!read_varint(&at, end, &len) || len > (size_t)(end - at))
                return false;
            const struct plan_field *field = field_with_id(type, (uint32_t)(tag >> 3));
            if (field != NULL && field->kind == PLAN_MESSAGE &&
                too_deep(field->message, at, at + len, depth + 1))
                return true;
        }
        skip:
            if (len > (size_t)(end - at))
                return false;
            at += len;
            break;
        default:
            return false;
        }
    }
    return false;
}

bool wire_too_deep(const struct plan_message *type, const uint8_t *src, size_t len)
{
    return too_deep(type, src, src + len, 1);
}

/* Of any value, of a message or string beside it, of a number packed into a byte. */
enum { PER_VALUE = 160, PER_PIECE = 64, PER_PACKED = 24 };

/* Of proto2; the libraries' headers do not agree on names for them. */
enum { WIRE_GROUP = 3, WIRE_GROUP_END = 4 };

/* False: what follows is malformed, or deeper than any reader goes. */
static bool add_heap(const struct plan_message *type, const uint8_t *at, const uint8_t *end,
                     unsigned depth, uint64_t *heap)
{
    uint64_t tag, len;
    unsigned groups = 0; /* open ones, all unknown: what they hold are not this type's fields */
    *heap += PER_PIECE + 2 * type->type->sizeof_message;
    if (depth > PLAN_MAX_DEPTH)
        return false;
    while (at < end && *heap <= CODEC_TREE_BUDGET) {
        if (!read_varint(&at, end, &tag))
            return false;
        *heap += PER_VALUE;
        len = 0;
        switch (tag & 7) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
            if (!read_varint(&at, end, &tag))
                return false;
            break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
            len = 8;
            break;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            len = 4;
            break;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: {
            if (!read_varint(&at, end, &len) || len > (size_t)(end - at))
                return false;
            const struct plan_field *field =
                groups ? NULL : field_with_id(type, (uint32_t)(tag >> 3));
            if (field == NULL || field->kind != PLAN_MESSAGE)
                *heap += PER_PIECE + len * (field && field->kind < PLAN_STRING ? PER_PACKED : 2);
            else if (!add_heap(field->message, at, at + len, depth + 1, heap))
                return false;
            break;
        }
        case WIRE_GROUP:
            *heap += PER_PIECE;
            if (++groups > PLAN_MAX_DEPTH)
                return false;
            break;
        case WIRE_GROUP_END:
            if (groups-- == 0)
                return false;
            break;
        default:
            return false;
        }
        if (len > (size_t)(end - at))
            return false;
        at += len;
    }
    return true;
}

bool wire_heap_fits(const struct plan *plan, const uint8_t *src, size_t len)
{
    /* Two bytes make an empty message at most, and none of those has 30 KiB. */
    enum { SHORT = 2 << 10 };
    uint64_t heap = 0;
    if (len <= SHORT)
        return true;
    add_heap(plan->root, src, src + len, 1, &heap);
    return heap <= CODEC_TREE_BUDGET;
}

static bool message_too_deep(const struct plan_message *type, const ProtobufCMessage *message,
                             unsigned depth)
{
    if (depth > PLAN_MAX_DEPTH)
        return true;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct plan_field *field = &type->fields[i];
        if (field->kind != PLAN_MESSAGE || !field_present(message, field))
            continue;
        ProtobufCMessage *const *inner = field_get(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            count = field_count(message, field);
            inner = *(ProtobufCMessage *const *const *)(const void *)inner;
        }
        for (size_t n = 0; n < count; n++) {
            if (inner[n] != NULL && message_too_deep(field->message, inner[n], depth + 1))
                return true;
        }
    }
    return false;
}

bool wire_message_too_deep(const struct plan_message *type, const ProtobufCMessage *message)
{
    return message_too_deep(type, message, 1);
}
