/* SPDX-License-Identifier: MIT */
/* The pieces of JSON text, written: what the floor's walk and its adapters by hand are made of.
 * Each returns where to go on, or NULL and writer->error: -ENOSPC, -EINVAL. */
#ifndef ASSAY_JSON_PUT_H
#define ASSAY_JSON_PUT_H

#include "json_digits.h"
#include "json_text.h"
#include "plan.h"

#include <errno.h>

struct json_writer {
    char *end;
    int error;       /* why NULL was returned */
    uintptr_t roomy; /* the last address with room for any key and number; 0 if there is none */
};

static inline size_t json_room(const struct json_writer *writer, const char *at)
{
    return (size_t)(writer->end - at);
}

static inline char *json_put_raw(struct json_writer *writer, char *at, const char *text, size_t len)
{
    if (json_room(writer, at) < len) {
        writer->error = -ENOSPC;
        return NULL;
    }
    memcpy(at, text, len);
    return at + len;
}

static inline char *json_put_sign(struct json_writer *writer, char *at, char sign)
{
    return json_put_raw(writer, at, &sign, 1);
}

/* NULL is the empty string. */
static inline char *json_put_string(struct json_writer *writer, char *at, const char *text)
{
    return json_put_text(at, writer->end, text ? text : "", text ? strlen(text) : 0,
                         &writer->error);
}

enum { JSON_PUT_NUMBER = PLAN_JSON_NUMBER }; /* bytes that json_put_number may write */

/* PLAN_FLOAT or PLAN_DOUBLE; NaN and the infinities as words in quotes. Never NULL. */
char *json_put_real(char *at, unsigned kind, const void *value);

static inline char *json_put_unsigned_text(char *at, uint64_t value)
{
    *at = '"';
    at = json_put_unsigned(at + 1, value);
    *at = '"';
    return at + 1;
}

static inline char *json_put_signed_text(char *at, int64_t value)
{
    *at = '"';
    at = json_put_signed(at + 1, value);
    *at = '"';
    return at + 1;
}

static inline char *json_put_bool(char *at, bool yes)
{
    memcpy(at, yes ? "true" : "false", 5);
    return at + (yes ? 4 : 5);
}

/* Numbers, booleans, and enums whose value has no name. Never NULL. */
static inline __attribute__((always_inline)) char *json_put_number(char *at, unsigned kind,
                                                                   const void *value)
{
    switch (kind) {
    case PLAN_INT64:
        return json_put_signed_text(at, *(const int64_t *)value);
    case PLAN_UINT64:
        return json_put_unsigned_text(at, *(const uint64_t *)value);
    case PLAN_UINT32:
        return json_put_unsigned(at, *(const uint32_t *)value);
    case PLAN_FLOAT:
    case PLAN_DOUBLE:
        return json_put_real(at, kind, value);
    case PLAN_BOOL:
        return json_put_bool(at, *(const protobuf_c_boolean *)value != 0);
    default:
        return json_put_signed(at, *(const int32_t *)value);
    }
}

/* The same where there may be less room than that. */
char *json_put_number_closely(struct json_writer *writer, char *at, unsigned kind,
                              const void *value);

#endif
