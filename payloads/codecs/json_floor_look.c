/* SPDX-License-Identifier: MIT */
/*
 * The floor's codec.read: over the text of the root's object up to the last field that is asked
 * for. What lies between is passed over, which checks it; what lies behind is not looked at, but
 * for the brace that must be the last thing there.
 */
#include "json_floor.h"

#include "arena.h"
#include "json_key.h"

static const char *touch_container(const char *at, const char *end, unsigned depth, uint64_t *sum);

/* Goes over any value and adds what depends on each one in it; its type is told by its text. */
static const char *touch(const char *at, const char *end, unsigned depth, uint64_t *sum)
{
    struct json_text text;
    protobuf_c_boolean yes;
    double real;
    uint64_t bits;
    if (at == end)
        return NULL;
    switch (*at) {
    case '{':
    case '[':
        return touch_container(at, end, depth + 1, sum);
    case '"':
        at = json_get_text(at + 1, end, &text);
        if (at != NULL)
            *sum += text.len + (uint8_t)*text.start;
        return at;
    case 't':
    case 'f':
        at = json_get_bool(at, end, &yes);
        *sum += (uint64_t)yes + 1;
        return at;
    case 'n':
        return json_skip_value(at, end, depth);
    default:
        at = json_get_real(at, end, PLAN_DOUBLE, &real);
        if (at == NULL)
            return NULL;
        memcpy(&bits, &real, sizeof(bits));
        *sum += bits;
        return at;
    }
}

/* Behind a value: NULL, or where the next one begins; *more is false if there is none. */
static const char *next_value(const char *at, const char *end, char close, bool *more)
{
    at = json_skip_space(at, end);
    if (at == end || (*at != ',' && *at != close))
        return NULL;
    *more = *at == ',';
    return *more ? json_skip_space(at + 1, end) : at + 1;
}

static const char *touch_container(const char *at, const char *end, unsigned depth, uint64_t *sum)
{
    const bool object = *at == '{';
    const char close = object ? '}' : ']';
    struct json_text key;
    if (depth > PLAN_MAX_DEPTH)
        return NULL;
    at = json_skip_space(at + 1, end);
    bool more = at == end || *at != close;
    at += !more;
    while (at != NULL && more) {
        if (object)
            at = json_get_key(at, end, &key);
        if (at != NULL)
            at = touch(json_skip_space(at, end), end, depth, sum);
        if (at != NULL)
            at = next_value(at, end, close, &more);
    }
    return at;
}

static bool is_wanted(const struct plan_field *const *fields, size_t count,
                      const struct plan_field *field)
{
    size_t i = 0;
    while (i < count && fields[i] != field)
        i++;
    return field != NULL && i < count;
}

static int read_named(const struct plan_message *type, const char *at, const char *end,
                      const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    struct json_source source = {end, &heap_allocator, -EBADMSG};
    const struct plan_field *expected = type->fields;
    bool more = at == end || *at != '}';
    for (size_t found = 0; more && found < count;) {
        const struct plan_field *field = json_key_plain(expected, at, end);
        if (field != NULL)
            at += field->json_key_len - 1;
        else
            at = json_key_other(&source, type, expected, at, &field);
        if (at == NULL)
            return source.error;
        at = json_skip_space(at, end);
        bool wanted = is_wanted(fields, count, field);
        expected = field != NULL ? field + 1 : expected;
        found += wanted;
        at = wanted ? touch(at, end, 1, sum) : json_skip_value(at, end, 1);
        if (at == NULL || (at = next_value(at, end, '}', &more)) == NULL)
            return -EBADMSG;
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int json_floor_look(const struct plan *plan, const uint8_t *src, size_t len,
                    const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    const char *at = (const char *)src, *end = at + len;
    while (end > at && is_space(end[-1]))
        end--;
    at = json_skip_space(at, end);
    if (end - at < 2 || *at != '{' || end[-1] != '}')
        return -EBADMSG;
    if (fields == NULL)
        return touch(at, end, 0, sum) == end ? 0 : -EBADMSG;
    return read_named(plan->root, json_skip_space(at + 1, end), end, fields, count, sum);
}
