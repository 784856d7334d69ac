/* SPDX-License-Identifier: MIT */
#include "json_key.h"

const char *json_key_other(struct json_source *source, const struct plan_message *type,
                           const struct plan_field *expected, const char *at,
                           const struct plan_field **field)
{
    struct json_text text;
    at = json_get_key(at, source->end, &text);
    if (at == NULL)
        return NULL;
    if (!text.escaped) {
        *field = field_named(type, expected, text.start, text.len);
        return at;
    }
    char *name = field_alloc(source->allocator, text.len + 1);
    if (name == NULL)
        return json_refuse(source, -ENOMEM);
    *field = field_named(type, expected, name, json_unescape(&text, name));
    field_free(source->allocator, name);
    return at;
}
