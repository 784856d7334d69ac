/* SPDX-License-Identifier: MIT */
/*
 * The pieces of JSON text, read strictly (RFC 8259). Each begins at the first character of its
 * piece, which may be end, and returns what follows it; NULL if the piece is malformed, or not what
 * was asked for. Nothing at or behind end is read.
 */
#ifndef ASSAY_JSON_GET_H
#define ASSAY_JSON_GET_H

#include "field.h"
#include "json_digits.h"
#include "json_text.h"

#include <stddef.h>

static inline const char *json_skip_space(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

static inline const char *json_get_string(const char *at, const char *end, struct json_text *text)
{
    return at < end && *at == '"' ? json_get_text(at + 1, end, text) : NULL;
}

/* Where values come from that own what they hold. */
struct json_source {
    const char *end;
    ProtobufCAllocator *allocator;
    int error; /* why NULL was returned, if not for malformed text */
};

static inline const char *json_refuse(struct json_source *source, int error)
{
    source->error = error;
    return NULL;
}

/* What a string means into memory of its own, at *copy, with a NUL behind it; at is what follows.
 */
static inline const char *json_copy_text(struct json_source *source, const char *at,
                                         const struct json_text *text, char **copy, size_t *len)
{
    if (text->has_nul) /* a C string cannot hold it */
        return NULL;
    *len = text->len;
    if (!text->escaped)
        return field_put_string(copy, text->start, text->len, source->allocator) == 0
                   ? at
                   : json_refuse(source, -ENOMEM);
    *copy = (char *)field_alloc(source->allocator, text->len + 1);
    if (*copy == NULL)
        return json_refuse(source, -ENOMEM);
    *len = json_unescape(text, *copy);
    (*copy)[*len] = '\0';
    return at;
}

static inline const char *json_get_copy(struct json_source *source, const char *at, char **copy,
                                        size_t *len)
{
    struct json_text text;
    at = json_get_string(at, source->end, &text);
    return at ? json_copy_text(source, at, &text, copy, len) : NULL;
}

/* A string and the colon behind it. */
static inline const char *json_get_key(const char *at, const char *end, struct json_text *text)
{
    at = json_get_string(at, end, text);
    if (at == NULL)
        return NULL;
    at = json_skip_space(at, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

static inline const char *json_get_bool(const char *at, const char *end, protobuf_c_boolean *value)
{
    *value = 0;
    if (end - at >= 5 && memcmp(at, "false", 5) == 0)
        return at + 5;
    *value = 1;
    return end - at >= 4 && memcmp(at, "true", 4) == 0 ? at + 4 : NULL;
}

/* What is not digits alone, in quotes or not: escapes, 20 digits, 1e3, 1.0. */
const char *json_get_odd_integer(const char *at, const char *end, unsigned kind, void *slot);

/* A string of fewer than cap bytes as it is spelt, decoded. */
const char *json_get_short_string(const char *at, const char *end, char *text, size_t cap,
                                  size_t *len);

/* Into the slot of an integer kind or enum, from a number or a string. */
static inline const char *json_get_integer(const char *at, const char *end, unsigned kind,
                                           void *slot)
{
    const char *digits = at;
    uint64_t value;
    bool quoted = digits < end && *digits == '"';
    digits += quoted;
    bool negative = digits < end && *digits == '-';
    digits += negative;
    const char *stop = json_get_digits(digits, end, &value);
    /* What is rare goes elsewhere: there all is looked at anew. */
    if ((size_t)(stop - digits) - 1 >= (size_t)18 + !negative || stop == end ||
        (quoted && *stop != '"') ||
        (!quoted &&
         ((*digits == '0' && stop - digits > 1) || *stop == '.' || (*stop | 0x20) == 'e')))
        return json_get_odd_integer(at, end, kind, slot);
    switch (kind) {
    case PLAN_UINT64:
        *(uint64_t *)slot = value;
        if (negative)
            return json_get_odd_integer(at, end, kind, slot);
        break;
    case PLAN_INT64:
        if (value > INT64_MAX)
            return NULL;
        *(int64_t *)slot = negative ? -(int64_t)value : (int64_t)value;
        break;
    case PLAN_UINT32:
        if (negative || value > UINT32_MAX)
            return json_get_odd_integer(at, end, kind, slot);
        *(uint32_t *)slot = (uint32_t)value;
        break;
    default: {
        int64_t wide = negative ? -(int64_t)value : (int64_t)value;
        if (value > (uint64_t)INT32_MAX + 1 || wide < INT32_MIN || wide > INT32_MAX)
            return NULL;
        *(int32_t *)slot = (int32_t)wide;
        break;
    }
    }
    return stop + quoted;
}

/* Into PLAN_FLOAT or PLAN_DOUBLE, from a number or one of the three words in quotes. */
const char *json_get_real(const char *at, const char *end, unsigned kind, void *slot);

/* Any value at all: all of it is checked. depth is that of the message around it, and nesting
 * goes no deeper than PLAN_MAX_DEPTH. */
const char *json_skip_value(const char *at, const char *end, unsigned depth);

#endif
