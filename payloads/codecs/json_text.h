/* SPDX-License-Identifier: MIT */
/* Strings in JSON: escapes both ways, and UTF-8 both ways checked. */
#ifndef ASSAY_JSON_TEXT_H
#define ASSAY_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes len bytes of text in quotes, escaped where JSON must be. NULL if that does not fit into
 * the bytes up to end (*error = -ENOSPC) or the text is not UTF-8 (-EINVAL). What lies between the
 * result and end may have been written.
 */
char *json_put_text(char *at, const char *end, const char *text, size_t len, int *error);

/* A string that was read: what is between its quotes. */
struct json_text {
    const char *start;
    size_t len;
    bool escaped; /* it has escapes in it */
    bool has_nul; /* one of them is \u0000 */
};

/* Goes over a string whose opening quote is before at. NULL if it has no end, or holds control
 * characters, unknown escapes, half a surrogate pair or what is not UTF-8. */
const char *json_get_text(const char *at, const char *end, struct json_text *text);

/* Writes what text means, at most its len bytes; returns how many. Only of what json_get_text took.
 */
size_t json_unescape(const struct json_text *text, char *to);

/* The length of the UTF-8 sequence at the front of up to len bytes; 0 if there is none. */
size_t json_utf8_sequence(const char *text, size_t len);

#endif
