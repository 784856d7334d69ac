/* SPDX-License-Identifier: MIT */
/* The floor's decoder: RFC 8259 to the letter, in one pass, straight into the struct. */
#include "json_floor.h"

#include "json_get.h"
#include "json_key.h"
#include "json_scalar.h"
#include "json_text_inline.h"

/* All of these begin at the first character of a value and return where it ends, or NULL. */
static const char *read_message(struct json_source *source, const struct plan_message *type,
                                ProtobufCMessage *message, const char *at, unsigned depth);

static const char *read_bytes(struct json_source *source, const char *at,
                              ProtobufCBinaryData *bytes)
{
    char *copy = NULL;
    size_t len;
    at = json_get_copy(source, at, &copy, &len);
    if (at == NULL)
        return NULL;
    /* In place: three bytes never overtake the four characters that they come from. */
    bytes->data = (uint8_t *)copy;
    return json_parse_base64(copy, len, bytes->data, &bytes->len) == 0 ? at : NULL;
}

static const char *read_enum(struct json_source *source, const struct plan_field *field,
                             const char *at, int *slot)
{
    char name[256]; /* schemas.py lets no schema spell a longer one */
    size_t len;
    if (at < source->end && *at != '"')
        return json_get_integer(at, source->end, PLAN_ENUM, slot);
    at = json_get_short_string(at, source->end, name, sizeof(name), &len);
    if (at == NULL)
        return NULL;
    name[len] = '\0';
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(field->descriptor->descriptor, name);
    if (value == NULL)
        return NULL;
    *slot = value->value;
    return at;
}

/* Into an empty slot. */
static inline __attribute__((always_inline)) const char *read_value(struct json_source *source,
                                                                    const struct plan_field *field,
                                                                    void *slot, const char *at,
                                                                    unsigned depth)
{
    struct json_text text;
    size_t len;
    switch (field->kind) {
    case PLAN_STRING:
        if (at == source->end || *at != '"')
            return NULL;
        at = json_get_text_inline(at + 1, source->end, &text);
        return at ? json_copy_text(source, at, &text, slot, &len) : NULL;
    case PLAN_BYTES:
        return read_bytes(source, at, slot);
    case PLAN_MESSAGE: {
        ProtobufCMessage *inner = field_new_message(field->message, source->allocator);
        *(ProtobufCMessage **)slot = inner;
        return inner ? read_message(source, field->message, inner, at, depth + 1)
                     : json_refuse(source, -ENOMEM);
    }
    case PLAN_ENUM:
        return read_enum(source, field, at, slot);
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return json_get_real(at, source->end, field->kind, slot);
    case PLAN_BOOL:
        return json_get_bool(at, source->end, slot);
    default:
        return json_get_integer(at, source->end, field->kind, slot);
    }
}

/* Twice the room for a repeated field's values, which were count. */
static bool grow(const struct plan_field *field, void **array, size_t count, size_t *cap,
                 ProtobufCAllocator *allocator)
{
    size_t more = *cap > 0 ? *cap * 2 : 8;
    void *larger = field_alloc(allocator, more * field->value_size);
    if (larger == NULL)
        return false;
    if (count > 0)
        memcpy(larger, *array, count * field->value_size);
    field_free(allocator, *array);
    *array = larger;
    *cap = more;
    return true;
}

/* What stands between the values of an array or a map: NULL, or where the next one begins; *closed
 * if there is none and the text goes on there. */
static inline const char *read_separator(struct json_source *source, const char *at, char close,
                                         bool *closed)
{
    at = json_skip_space(at, source->end);
    if (at == source->end || (*at != ',' && *at != close))
        return NULL;
    *closed = *at == close;
    return *closed ? at + 1 : json_skip_space(at + 1, source->end);
}

/* Empties a repeated field and goes to its first value; *closed if there is none. */
static const char *read_opening(struct json_source *source, const struct plan_field *field,
                                ProtobufCMessage *message, const char *at, bool *closed)
{
    void *array;
    size_t *filled;
    if (at == source->end || *at != (field->map ? '{' : '['))
        return NULL;
    field_open_array(message, field, 0, source->allocator, &array, &filled);
    at = json_skip_space(at + 1, source->end);
    *closed = at < source->end && *at == (field->map ? '}' : ']');
    return at + *closed;
}

static __attribute__((noinline)) const char *read_array(struct json_source *source,
                                                        const struct plan_field *field,
                                                        ProtobufCMessage *message, const char *at,
                                                        unsigned depth)
{
    void **array = field_at(message, field->offset);
    size_t *filled = field_at(message, field->quantifier), cap = 0;
    bool closed = false;
    at = read_opening(source, field, message, at, &closed);
    while (at != NULL && !closed) {
        if (*filled == cap && !grow(field, array, *filled, &cap, source->allocator))
            return json_refuse(source, -ENOMEM);
        at = read_value(source, field, field_next(*array, field, filled), at, depth);
        if (at != NULL)
            at = read_separator(source, at, ']', &closed);
    }
    return at;
}

/* The key of a map's entry, and the colon. */
static const char *read_map_key(struct json_source *source, const struct plan_field *map,
                                ProtobufCMessage *entry, const char *at)
{
    const struct plan_field *key = field_map_key(map);
    char text[6 * JSON_INTEGER_MAX]; /* in escapes */
    size_t len;
    if (key->kind == PLAN_STRING) {
        at = json_get_copy(source, at, field_open(entry, key, source->allocator), &len);
    } else {
        at = json_get_short_string(at, source->end, text, sizeof(text), &len);
        if (at == NULL || json_parse_key(map, text, len, entry, source->allocator) != 0)
            return NULL;
    }
    if (at == NULL)
        return NULL;
    at = json_skip_space(at, source->end);
    return at < source->end && *at == ':' ? json_skip_space(at + 1, source->end) : NULL;
}

static __attribute__((noinline)) const char *read_map(struct json_source *source,
                                                      const struct plan_field *map,
                                                      ProtobufCMessage *message, const char *at,
                                                      unsigned depth)
{
    const struct plan_field *value = field_map_value(map);
    void **entries = field_at(message, map->offset);
    size_t *filled = field_at(message, map->quantifier), cap = 0;
    bool closed = false;
    at = read_opening(source, map, message, at, &closed);
    if (!closed && depth + 1 > PLAN_MAX_DEPTH)
        return NULL;
    while (at != NULL && !closed) {
        if (*filled == cap && !grow(map, entries, *filled, &cap, source->allocator))
            return json_refuse(source, -ENOMEM);
        ProtobufCMessage *entry = field_next_entry(*entries, map, filled, source->allocator);
        if (entry == NULL)
            return json_refuse(source, -ENOMEM);
        at = read_map_key(source, map, entry, at);
        if (at != NULL)
            at = read_value(source, value, field_open(entry, value, source->allocator), at,
                            depth + 1);
        if (at != NULL)
            at = read_separator(source, at, '}', &closed);
    }
    return at;
}

/* Behind a value: where the next key begins; *closed if there is none and the text goes on there.
 */
static inline const char *read_comma(struct json_source *source, const char *at, bool *closed)
{
    if (source->end - at > 1 && at[0] == ',' && at[1] == '"')
        return at + 1;
    return read_separator(source, at, '}', closed);
}

/* Where a singular field's value goes. A first value (of no oneof) finds the field as the message's
 * init left it: there is nothing to free. */
static inline void *open_slot(struct json_source *source, const struct plan_field *field,
                              bool first, ProtobufCMessage *message)
{
    if (!first || field->oneof)
        return field_open(message, field, source->allocator);
    if (field->has_flag)
        *(protobuf_c_boolean *)field_at(message, field->quantifier) = 1;
    return field_at(message, field->offset);
}

/* In line here is what a table can afford to have in line, as it has one place for each kind. */
static __attribute__((flatten)) const char *read_message(struct json_source *source,
                                                         const struct plan_message *type,
                                                         ProtobufCMessage *message, const char *at,
                                                         unsigned depth)
{
    const struct plan_field *expected = type->fields, *field;
    const char *const end = source->end;
    uint64_t seen = 0;
    bool ascending = true; /* so far: then no key can have come before */
    bool closed;
    if (depth > PLAN_MAX_DEPTH || at == end || *at != '{')
        return NULL;
    at = json_skip_space(at + 1, end);
    closed = at < end && *at == '}';
    at += closed;
    while (!closed) {
        field = json_key_plain(expected, at, end);
        if (__builtin_expect(field != NULL, 1)) {
            at += field->json_key_len - 1;
        } else {
            at = json_key_other(source, type, expected, at, &field);
            if (at == NULL)
                return NULL;
            ascending &= field >= expected;
        }
        at = json_skip_space(at, end);
        if (at == end)
            return NULL;
        if (field == NULL || *at == 'n') { /* null: the field is absent, says the mapping */
            at = json_skip_value(at, end, depth);
        } else {
            expected = field + 1;
            seen |= field->required_bit;
            if (field->step == PLAN_ARRAY)
                at = read_array(source, field, message, at, depth);
            else if (field->step == PLAN_MAP)
                at = read_map(source, field, message, at, depth);
            else
                at = read_value(source, field, open_slot(source, field, ascending, message), at,
                                depth);
        }
        if (at == NULL || (at = read_comma(source, at, &closed)) == NULL)
            return NULL;
    }
    return seen == type->required ? at : NULL;
}

int json_floor_decode(const struct plan *plan, const uint8_t *src, size_t len,
                      ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    const char *at = (const char *)src;
    struct json_source source = {.end = at + len, .allocator = allocator, .error = -EBADMSG};
    *message = field_new_message(plan->root, allocator);
    if (*message == NULL)
        return -ENOMEM;
    at = read_message(&source, plan->root, *message, json_skip_space(at, source.end), 1);
    if (at != NULL && json_skip_space(at, source.end) == source.end)
        return 0;
    protobuf_c_message_free_unpacked(*message, allocator);
    *message = NULL;
    return at == NULL ? source.error : -EBADMSG;
}
