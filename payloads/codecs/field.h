/* SPDX-License-Identifier: MIT */
/*
 * One field of one message: is it there, where is it, and giving it a value of its own. What a
 * decoder writes goes through here, so that a key that comes twice or another member of the same
 * oneof replaces the earlier value without leaking it.
 */
#ifndef ASSAY_FIELD_H
#define ASSAY_FIELD_H

#include "plan.h"

#include <string.h>

static inline const void *field_get(const ProtobufCMessage *message, uint32_t offset)
{
    return (const char *)message + offset;
}

static inline void *field_at(ProtobufCMessage *message, uint32_t offset)
{
    return (char *)message + offset;
}

/* One rule for plans and descriptors; see enum plan_presence. */
static inline bool field_is_there(const ProtobufCMessage *message, enum plan_presence presence,
                                  uint32_t test_offset, uint32_t id, const void *default_value)
{
    const void *test = field_get(message, test_offset);
    switch (presence) {
    case PLAN_ALWAYS:
        return true;
    case PLAN_WORD32:
        return *(const uint32_t *)test != 0;
    case PLAN_WORD64:
        return *(const uint64_t *)test != 0;
    case PLAN_SIZE:
        return *(const size_t *)test != 0;
    case PLAN_TEXT:
        return *(const char *const *)test != NULL && **(const char *const *)test != '\0';
    case PLAN_POINTER:
        return *(const void *const *)test != NULL && *(const void *const *)test != default_value;
    case PLAN_CASE:
        return *(const uint32_t *)test == id;
    }
    return false;
}

static inline bool field_present(const ProtobufCMessage *message, const struct plan_field *field)
{
    const void *none = field->presence == PLAN_POINTER ? field->descriptor->default_value : NULL;
    return field_is_there(message, field->presence, field->test_offset, field->id, none);
}

static inline size_t field_count(const ProtobufCMessage *message, const struct plan_field *field)
{
    return *(const size_t *)field_get(message, field->quantifier);
}

static inline void *field_alloc(ProtobufCAllocator *allocator, size_t size)
{
    return allocator->alloc(allocator->allocator_data, size);
}

static inline void field_free(ProtobufCAllocator *allocator, void *memory)
{
    if (memory != NULL)
        allocator->free(allocator->allocator_data, memory);
}

/* A message of that type at its defaults; NULL if the allocator refuses. */
static inline ProtobufCMessage *field_new_message(const struct plan_message *type,
                                                  ProtobufCAllocator *allocator)
{
    ProtobufCMessage *message = field_alloc(allocator, type->type->sizeof_message);
    if (message != NULL)
        type->type->message_init(message);
    return message;
}

/*
 * Puts a copy of len bytes into the string or bytes at slot, which hold nothing to free. 0,
 * -ENOMEM.
 */
int field_put_string(char **slot, const void *from, size_t len, ProtobufCAllocator *allocator);
int field_put_bytes(ProtobufCBinaryData *slot, const void *from, size_t len,
                    ProtobufCAllocator *allocator);

/*
 * Makes a singular field ready for a value and returns where it goes: frees what the field, or the
 * oneof, held before; marks it present. The slot then holds no pointer.
 */
void *field_open(ProtobufCMessage *message, const struct plan_field *field,
                 ProtobufCAllocator *allocator);

/*
 * Replaces a repeated field's array by one with room for count values, of which it holds none yet:
 * field_next hands them out one by one. 0; -ENOMEM; count 0 leaves it empty.
 */
int field_open_array(ProtobufCMessage *message, const struct plan_field *field, size_t count,
                     ProtobufCAllocator *allocator, void **array, size_t **filled);

/* The next slot, empty and counted already: a message given up half-way is freed with it. */
static inline void *field_next(void *array, const struct plan_field *field, size_t *filled)
{
    void *slot = (char *)array + (*filled)++ * field->value_size;
    if (field->kind >= PLAN_STRING)
        memset(slot, 0, field->value_size);
    return slot;
}

/* Integers into the slot of a number's kind; -EBADMSG if it does not fit the kind. */
int field_put_signed(void *slot, enum plan_kind kind, int64_t value);
int field_put_unsigned(void *slot, enum plan_kind kind, uint64_t value);
/* Into PLAN_FLOAT or PLAN_DOUBLE; -EBADMSG if finite and beyond the range of a float. */
int field_put_real(void *slot, enum plan_kind kind, double value);

/* The field of that name, looked for first at *guess (then moved on past the find): documents
 * usually hold their fields in the schema's order. NULL if there is none. */
static inline const struct plan_field *field_named(const struct plan_message *type, uint32_t *guess,
                                                   const char *name, size_t len)
{
    for (uint32_t i = 0, at = *guess; i < type->count; i++, at++) {
        if (at >= type->count)
            at = 0;
        const struct plan_field *field = &type->fields[at];
        if (field->name_len == len && memcmp(field->name, name, len) == 0) {
            *guess = at + 1;
            return field;
        }
    }
    return NULL;
}

#endif
