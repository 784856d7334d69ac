/* SPDX-License-Identifier: MIT */
/*
 * One field of one message: is it there, where is it, and giving it a value of its own. What a
 * decoder writes goes through here, so that a key that comes twice or another member of the same
 * oneof replaces the earlier value without leaking it.
 */
#ifndef ASSAY_FIELD_H
#define ASSAY_FIELD_H

#include "plan.h"

#include <errno.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline const void *field_get(const ProtobufCMessage *message, uint32_t offset)
{
    return (const char *)message + offset;
}

static inline void *field_at(ProtobufCMessage *message, uint32_t offset)
{
    return (char *)message + offset;
}

/* Are not all bits under the mask 0? That is all there is to it but for PLAN_NONZERO's sisters. */
static inline bool field_test(const ProtobufCMessage *message, const struct plan_test *test)
{
    uint64_t word;
    memcpy(&word, field_get(message, test->offset), sizeof(word));
    return (word & test->mask) != 0;
}

/* What else must hold: of strings of proto3, strings with a default, members of a oneof. */
static inline bool field_refine(const ProtobufCMessage *message, unsigned refine,
                                const ProtobufCFieldDescriptor *field)
{
    uint32_t held;
    const char *text;
    if (refine == PLAN_CASE) {
        memcpy(&held, field_get(message, field->quantifier_offset), sizeof(held));
        return held == field->id;
    }
    memcpy(&text, field_get(message, field->offset), sizeof(text));
    return refine == PLAN_TEXT ? *text != '\0' : text != (const char *)field->default_value;
}

/* One rule for plans and descriptors. */
static inline bool field_is_there(const ProtobufCMessage *message, const struct plan_test *test,
                                  const ProtobufCFieldDescriptor *field)
{
    if (!field_test(message, test))
        return false;
    return test->refine == PLAN_NONZERO || field_refine(message, test->refine, field);
}

static inline bool field_present(const ProtobufCMessage *message, const struct plan_field *field)
{
    return field_is_there(message, &field->test, field->descriptor);
}

/* Bit i: is field first + i there? Asked once, a walk need not stumble over the absent ones. Their
 * number is added to *count. */
static inline uint64_t field_present_mask(const ProtobufCMessage *message,
                                          const struct plan_message *type, uint32_t first,
                                          size_t *count)
{
    uint32_t left = type->count - first < 64 ? type->count - first : 64;
    uint64_t mask = 0;
    for (uint32_t i = 0; i < left; i++) {
        const struct plan_field *field = &type->fields[first + i];
        bool there = field_test(message, &field->test); /* no branch: which are there, who knows */
        if (field->test.refine != PLAN_NONZERO && there)
            there = field_refine(message, field->test.refine, field->descriptor);
        mask |= (uint64_t)there << i;
        *count += there;
    }
    return mask;
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
    ProtobufCMessage *message =
        (ProtobufCMessage *)field_alloc(allocator, type->type->sizeof_message);
    if (message != NULL)
        type->type->message_init(message);
    return message;
}

/*
 * Puts a copy of len bytes into the string or bytes at slot, which hold nothing to free. 0,
 * -ENOMEM.
 */
static inline int field_put_string(char **slot, const void *from, size_t len,
                                   ProtobufCAllocator *allocator)
{
    char *copy = (char *)field_alloc(allocator, len + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, from, len);
    copy[len] = '\0';
    *slot = copy;
    return 0;
}

int field_put_bytes(ProtobufCBinaryData *slot, const void *from, size_t len,
                    ProtobufCAllocator *allocator);

/* Frees and empties what a singular field, or the oneof it is in, holds. */
void field_clear(ProtobufCMessage *message, const struct plan_field *field,
                 ProtobufCAllocator *allocator);

/*
 * Makes a singular field ready for a value and returns where it goes: frees what the field, or the
 * oneof, held before; marks it present. The slot then holds no pointer.
 */
static inline void *field_open(ProtobufCMessage *message, const struct plan_field *field,
                               ProtobufCAllocator *allocator)
{
    if (field->oneof || field->kind >= PLAN_STRING)
        field_clear(message, field, allocator);
    if (field->has_flag)
        *(protobuf_c_boolean *)field_at(message, field->quantifier) = 1;
    return field_at(message, field->offset);
}

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
    if (field->kind == PLAN_BYTES)
        memset(slot, 0, sizeof(ProtobufCBinaryData));
    else if (field->kind >= PLAN_STRING)
        *(void **)slot = NULL;
    return slot;
}

/*
 * A map is a repeated field of entries. protobuf-c packs them so; the other formats write a map (a
 * JSON object's keys are strings) in the order of the entries, key and value always, default or
 * not. An entry counts as a level of nesting. A key that comes twice makes two entries, as
 * protobuf-c does it: who looks a key up takes the last.
 */
static inline const struct plan_field *field_map_key(const struct plan_field *map)
{
    return &map->message->fields[0];
}

static inline const struct plan_field *field_map_value(const struct plan_field *map)
{
    return &map->message->fields[1];
}

/* Entry i of the map in message, for a walk that encodes. */
static inline const ProtobufCMessage *field_entry(const ProtobufCMessage *message,
                                                  const struct plan_field *map, size_t i)
{
    return (*(ProtobufCMessage *const *const *)field_get(message, map->offset))[i];
}

/* As field_next; the new entry is at its defaults. NULL if the allocator refuses. */
static inline ProtobufCMessage *field_next_entry(void *array, const struct plan_field *map,
                                                 size_t *filled, ProtobufCAllocator *allocator)
{
    ProtobufCMessage **slot = (ProtobufCMessage **)field_next(array, map, filled);
    return *slot = field_new_message(map->message, allocator);
}

/* Integers into the slot of a number's kind; -EBADMSG if it does not fit the kind. */
int field_put_signed(void *slot, enum plan_kind kind, int64_t value);
int field_put_unsigned(void *slot, enum plan_kind kind, uint64_t value);
/* Into PLAN_FLOAT or PLAN_DOUBLE; -EBADMSG if finite and beyond the range of a float. */
int field_put_real(void *slot, enum plan_kind kind, double value);

/* memcmp() == 0, without the call for what names mostly are: two words that overlap cover them. */
static inline bool field_same_text(const char *a, const char *b, size_t len)
{
    uint64_t eight[4];
    uint32_t four[4];
    if (len >= 8) {
        memcpy(&eight[0], a, 8);
        memcpy(&eight[1], b, 8);
        memcpy(&eight[2], a + len - 8, 8);
        memcpy(&eight[3], b + len - 8, 8);
        return ((eight[0] ^ eight[1]) | (eight[2] ^ eight[3])) == 0 &&
               (len <= 16 || memcmp(a + 8, b + 8, len - 16) == 0);
    }
    if (len >= 4) {
        memcpy(&four[0], a, 4);
        memcpy(&four[1], b, 4);
        memcpy(&four[2], a + len - 4, 4);
        memcpy(&four[3], b + len - 4, 4);
        return ((four[0] ^ four[1]) | (four[2] ^ four[3])) == 0;
    }
    return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}

static inline bool field_has_name(const struct plan_field *field, const char *name, size_t len)
{
    return field->name_len == len && field_same_text(field->name, name, len);
}

/* Looks at the fields behind expected, then at those before it. */
const struct plan_field *field_named_elsewhere(const struct plan_message *type,
                                               const struct plan_field *expected, const char *name,
                                               size_t len);

/* The field of that name; NULL if there is none. expected is where it is looked for first: the one
 * behind the last find (to begin with, type->fields), as documents usually hold their fields in the
 * schema's order; it may be the end of the table. */
static inline const struct plan_field *field_named(const struct plan_message *type,
                                                   const struct plan_field *expected,
                                                   const char *name, size_t len)
{
    if (field_has_name(expected, name, len))
        return expected;
    return field_named_elsewhere(type, expected, name, len);
}

#ifdef __cplusplus
}
#endif

#endif
