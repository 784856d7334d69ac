/* SPDX-License-Identifier: MIT */
#include "field.h"

#include <math.h>

int field_put_bytes(ProtobufCBinaryData *slot, const void *from, size_t len,
                    ProtobufCAllocator *allocator)
{
    *slot = (ProtobufCBinaryData){0};
    if (len == 0)
        return 0;
    slot->data = field_alloc(allocator, len);
    if (slot->data == NULL)
        return -ENOMEM;
    memcpy(slot->data, from, len);
    slot->len = len;
    return 0;
}

/* Frees what one value owns, and empties it. */
static inline void drop_value(void *slot, unsigned kind, const void *default_value,
                              ProtobufCAllocator *allocator)
{
    if (kind == PLAN_STRING) {
        char **text = slot;
        if (*text != default_value)
            field_free(allocator, *text);
        *text = NULL;
    } else if (kind == PLAN_BYTES) {
        ProtobufCBinaryData *bytes = slot;
        const ProtobufCBinaryData *none = default_value;
        if (none == NULL || bytes->data != none->data)
            field_free(allocator, bytes->data);
        *bytes = (ProtobufCBinaryData){0};
    } else if (kind == PLAN_MESSAGE) {
        ProtobufCMessage **message = slot;
        if (*message != NULL)
            protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
}

/* Whatever member the oneof of this field holds. */
static void drop_oneof(ProtobufCMessage *message, const struct plan_field *field,
                       ProtobufCAllocator *allocator)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    uint32_t *held = field_at(message, field->quantifier);
    for (unsigned i = 0; *held != 0 && i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &type->fields[i];
        if (other->id == *held)
            drop_value(field_at(message, other->offset), plan_kind_of(other), other->default_value,
                       allocator);
    }
    /* Members share the memory, and what was a number must not be taken for a pointer. */
    memset(field_at(message, field->offset), 0, field->value_size);
    *held = field->id;
}

void field_clear(ProtobufCMessage *message, const struct plan_field *field,
                 ProtobufCAllocator *allocator)
{
    if (field->oneof)
        drop_oneof(message, field, allocator);
    else
        drop_value(field_at(message, field->offset), field->kind, field->descriptor->default_value,
                   allocator);
}

int field_open_array(ProtobufCMessage *message, const struct plan_field *field, size_t count,
                     ProtobufCAllocator *allocator, void **array, size_t **filled)
{
    void **slot = field_at(message, field->offset);
    *filled = field_at(message, field->quantifier);
    for (size_t i = 0; field->kind >= PLAN_STRING && i < **filled; i++)
        drop_value((char *)*slot + i * field->value_size, field->kind, NULL, allocator);
    field_free(allocator, *slot);
    *slot = NULL;
    **filled = 0;
    if (count > SIZE_MAX / field->value_size)
        return -ENOMEM;
    if (count > 0) {
        *slot = field_alloc(allocator, count * field->value_size);
        if (*slot == NULL)
            return -ENOMEM;
    }
    *array = *slot;
    return 0;
}

int field_put_signed(void *slot, enum plan_kind kind, int64_t value)
{
    switch (kind) {
    case PLAN_INT32:
    case PLAN_ENUM:
        *(int32_t *)slot = (int32_t)value;
        return value < INT32_MIN || value > INT32_MAX ? -EBADMSG : 0;
    case PLAN_INT64:
        *(int64_t *)slot = value;
        return 0;
    case PLAN_UINT32:
    case PLAN_UINT64:
        return value < 0 ? -EBADMSG : field_put_unsigned(slot, kind, (uint64_t)value);
    default:
        return -EBADMSG;
    }
}

int field_put_unsigned(void *slot, enum plan_kind kind, uint64_t value)
{
    switch (kind) {
    case PLAN_UINT32:
        *(uint32_t *)slot = (uint32_t)value;
        return value > UINT32_MAX ? -EBADMSG : 0;
    case PLAN_UINT64:
        *(uint64_t *)slot = value;
        return 0;
    default:
        return value > INT64_MAX ? -EBADMSG : field_put_signed(slot, kind, (int64_t)value);
    }
}

int field_put_real(void *slot, enum plan_kind kind, double value)
{
    if (kind == PLAN_DOUBLE) {
        *(double *)slot = value;
        return 0;
    }
    float narrow = (float)value; /* beyond the range: an infinity (IEC 60559) */
    if (kind != PLAN_FLOAT || (isinf(narrow) && isfinite(value)))
        return -EBADMSG;
    *(float *)slot = narrow;
    return 0;
}

const struct plan_field *field_named_elsewhere(const struct plan_message *type,
                                               const struct plan_field *expected, const char *name,
                                               size_t len)
{
    const struct plan_field *end = type->fields + type->count;
    for (const struct plan_field *field = expected; field < end; field++) {
        if (field_has_name(field, name, len))
            return field;
    }
    for (const struct plan_field *field = type->fields; field < expected; field++) {
        if (field_has_name(field, name, len))
            return field;
    }
    return NULL;
}
