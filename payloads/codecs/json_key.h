/* SPDX-License-Identifier: MIT */
/* The keys of an object whose type is known: which field is it? */
#ifndef ASSAY_JSON_KEY_H
#define ASSAY_JSON_KEY_H

#include "json_get.h"

/*
 * Mostly the key is the expected one, or one soon behind it, written without a space: the first
 * eight bytes tell, and the last eight make sure. NULL if it is not that plain, or the end is near.
 */
static inline const struct plan_field *json_key_plain(const struct plan_field *expected,
                                                      const char *at, const char *end)
{
    uint64_t head, tail, expected_tail;
    if (end - at <= PLAN_KEY_COPY)
        return NULL;
    memcpy(&head, at, sizeof(head));
    while (((head ^ expected->json_head) & expected->json_mask) != 0)
        expected++;
    size_t len = expected->json_key_len - 1;
    if (len <= sizeof(head))
        return expected->json_mask != 0 ? expected : NULL;
    if (len > 2 * sizeof(head) &&
        ((size_t)(end - at) <= len ||
         !field_same_text(at + sizeof(head), expected->json_key + 1 + sizeof(head),
                          len - 2 * sizeof(head))))
        return NULL;
    memcpy(&tail, at + len - sizeof(tail), sizeof(tail));
    memcpy(&expected_tail, expected->json_key + 1 + len - sizeof(tail), sizeof(tail));
    return tail == expected_tail ? expected : NULL;
}

/* Any key at all, from its quote up to its value. NULL if it is malformed; *field is NULL if the
 * type has none of that name. */
const char *json_key_other(struct json_source *source, const struct plan_message *type,
                           const struct plan_field *expected, const char *at,
                           const struct plan_field **field);

#endif
