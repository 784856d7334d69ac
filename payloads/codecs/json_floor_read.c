/* SPDX-License-Identifier: MIT */
/* The floor's decoder: RFC 8259 to the letter, in one pass, straight into the struct. */
#include "json_floor.h"

#include "field.h"
#include "json_get.h"
#include "json_scalar.h"

struct reader {
    const char *end;
    ProtobufCAllocator *allocator;
    int error; /* why NULL was returned */
};

/* All of these begin at the first character of a value and return where it ends, or NULL. */
static const char *read_message(struct reader *reader, const struct plan_message *type,
                                ProtobufCMessage *message, const char *at, unsigned depth);

static const char *refuse(struct reader *reader, int error)
{
    reader->error = error;
    return NULL;
}

/* Into memory of its own, at *copy: what the text means, with a NUL behind it. */
static const char *read_copy(struct reader *reader, const char *at, char **copy, size_t *len)
{
    struct json_text text;
    at = json_get_string(at, reader->end, &text);
    if (at == NULL || text.has_nul) /* a C string cannot hold it */
        return NULL;
    *len = text.len;
    if (!text.escaped)
        return field_put_string(copy, text.start, text.len, reader->allocator) == 0
                   ? at
                   : refuse(reader, -ENOMEM);
    *copy = field_alloc(reader->allocator, text.len + 1);
    if (*copy == NULL)
        return refuse(reader, -ENOMEM);
    *len = json_unescape(&text, *copy);
    (*copy)[*len] = '\0';
    return at;
}

static const char *read_bytes(struct reader *reader, const char *at, ProtobufCBinaryData *bytes)
{
    char *copy = NULL;
    size_t len;
    at = read_copy(reader, at, &copy, &len);
    if (at == NULL)
        return NULL;
    /* In place: three bytes never overtake the four characters that they come from. */
    bytes->data = (uint8_t *)copy;
    return json_parse_base64(copy, len, bytes->data, &bytes->len) == 0 ? at : NULL;
}

static const char *read_enum(struct reader *reader, const struct plan_field *field, const char *at,
                             int *slot)
{
    char name[256]; /* no schema spells a longer one */
    size_t len;
    if (at < reader->end && *at != '"')
        return json_get_integer(at, reader->end, PLAN_ENUM, slot);
    at = json_get_short_string(at, reader->end, name, sizeof(name), &len);
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
static inline __attribute__((always_inline)) const char *read_value(struct reader *reader,
                                                                    const struct plan_field *field,
                                                                    void *slot, const char *at,
                                                                    unsigned depth)
{
    size_t len;
    switch (field->kind) {
    case PLAN_STRING:
        return read_copy(reader, at, slot, &len);
    case PLAN_BYTES:
        return read_bytes(reader, at, slot);
    case PLAN_MESSAGE: {
        ProtobufCMessage *inner = field_new_message(field->message, reader->allocator);
        *(ProtobufCMessage **)slot = inner;
        return inner ? read_message(reader, field->message, inner, at, depth + 1)
                     : refuse(reader, -ENOMEM);
    }
    case PLAN_ENUM:
        return read_enum(reader, field, at, slot);
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return json_get_real(at, reader->end, field->kind, slot);
    case PLAN_BOOL:
        return json_get_bool(at, reader->end, slot);
    default:
        return json_get_integer(at, reader->end, field->kind, slot);
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

static __attribute__((noinline)) const char *read_array(struct reader *reader,
                                                        const struct plan_field *field,
                                                        ProtobufCMessage *message, const char *at,
                                                        unsigned depth)
{
    void *unused, **array = field_at(message, field->offset);
    size_t *filled, cap = 0;
    if (at == reader->end || *at != '[')
        return NULL;
    field_open_array(message, field, 0, reader->allocator, &unused, &filled);
    at = json_skip_space(at + 1, reader->end);
    if (at < reader->end && *at == ']')
        return at + 1;
    for (;;) {
        if (*filled == cap && !grow(field, array, *filled, &cap, reader->allocator))
            return refuse(reader, -ENOMEM);
        at = read_value(reader, field, field_next(*array, field, filled), at, depth);
        if (at == NULL)
            return NULL;
        at = json_skip_space(at, reader->end);
        if (at == reader->end || (*at != ',' && *at != ']'))
            return NULL;
        if (*at == ']')
            return at + 1;
        at = json_skip_space(at + 1, reader->end);
    }
}

/* The key at a quote, up to its value: *field is NULL if the type has none of that name. */
static const char *read_other_key(struct reader *reader, const struct plan_message *type,
                                  const struct plan_field *expected, const char *at,
                                  const struct plan_field **field)
{
    struct json_text text;
    at = json_get_key(at, reader->end, &text);
    if (at == NULL)
        return NULL;
    if (!text.escaped) {
        *field = field_named(type, expected, text.start, text.len);
        return at;
    }
    char *name = field_alloc(reader->allocator, text.len + 1);
    if (name == NULL)
        return refuse(reader, -ENOMEM);
    *field = field_named(type, expected, name, json_unescape(&text, name));
    field_free(reader->allocator, name);
    return at;
}

/* Mostly it is the expected one, written without a space. */
static inline const char *read_key(struct reader *reader, const struct plan_message *type,
                                   const struct plan_field *expected, const char *at,
                                   const struct plan_field **field)
{
    size_t len = expected->json_key_len - 1;
    if ((size_t)(reader->end - at) > len && field_same_text(at, expected->json_key + 1, len)) {
        *field = expected;
        return at + len;
    }
    return read_other_key(reader, type, expected, at, field);
}

/* Where a singular field's value goes. A first value (of no oneof) finds the field as the message's
 * init left it: there is nothing to free. */
static inline void *open_slot(struct reader *reader, const struct plan_field *field, bool first,
                              ProtobufCMessage *message)
{
    if (!first || field->oneof)
        return field_open(message, field, reader->allocator);
    if (field->has_flag)
        *(protobuf_c_boolean *)field_at(message, field->quantifier) = 1;
    return field_at(message, field->offset);
}

static const char *read_message(struct reader *reader, const struct plan_message *type,
                                ProtobufCMessage *message, const char *at, unsigned depth)
{
    const struct plan_field *expected = type->fields, *field;
    const char *end = reader->end;
    uint64_t seen = 0;
    bool ascending = true; /* so far: then no key can have come before */
    if (depth > PLAN_MAX_DEPTH || at == end || *at != '{')
        return NULL;
    at = json_skip_space(at + 1, end);
    if (at < end && *at == '}')
        return seen == type->required ? at + 1 : NULL;
    for (;;) {
        at = read_key(reader, type, expected, at, &field);
        if (at == NULL || (at = json_skip_space(at, end)) == end)
            return NULL;
        if (field == NULL || *at == 'n') { /* null: the field is absent, says the mapping */
            at = json_skip_value(at, end, depth);
        } else {
            ascending &= field >= expected;
            expected = field + 1;
            seen |= field->required_bit;
            if (field->repeated)
                at = read_array(reader, field, message, at, depth);
            else
                at = read_value(reader, field, open_slot(reader, field, ascending, message), at,
                                depth);
        }
        if (at == NULL || (at = json_skip_space(at, end)) == end)
            return NULL;
        if (*at == '}')
            return seen == type->required ? at + 1 : NULL;
        if (*at != ',')
            return NULL;
        at = json_skip_space(at + 1, end);
    }
}

int json_floor_decode(const struct plan *plan, const uint8_t *src, size_t len,
                      ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    const char *at = (const char *)src;
    struct reader reader = {.end = at + len, .allocator = allocator, .error = -EBADMSG};
    *message = field_new_message(plan->root, allocator);
    if (*message == NULL)
        return -ENOMEM;
    at = read_message(&reader, plan->root, *message, json_skip_space(at, reader.end), 1);
    if (at != NULL && json_skip_space(at, reader.end) == reader.end)
        return 0;
    protobuf_c_message_free_unpacked(*message, allocator);
    *message = NULL;
    return at == NULL ? reader.error : -EBADMSG;
}
