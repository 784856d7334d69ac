/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of JSON text (RFC 8259) for corpora: not fast, but its errors say the file, the
 * line and the path of the field. After the first error every call fails and the sentence stays.
 */
#ifndef ASSAY_JSON_READER_H
#define ASSAY_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

struct json_reader {
    const char *file;
    const char *start, *at, *end;
    char *text; /* the last string read, decoded, with a NUL behind it */
    size_t text_len, text_cap;
    char path[512]; /* of the value being read: "[3].items[0].sku" */
    size_t path_len;
    bool failed;
    int error;
    char *why;
    size_t why_cap;
};

void json_reader_init(struct json_reader *reader, const char *file, const char *text, size_t len,
                      char *why, size_t why_cap);
void json_reader_finish(struct json_reader *reader);

/* The first character of the next value or sign, '\0' at the end. */
char json_reader_peek(struct json_reader *reader);
/* That sign, or an error "expected …". */
bool json_reader_expect(struct json_reader *reader, char sign, const char *what);
/* The sign if it is there. */
bool json_reader_take(struct json_reader *reader, char sign);
/* A string into reader->text: UTF-8 checked, escapes decoded; NULs within are kept. */
bool json_reader_string(struct json_reader *reader);
/* A number into reader->text, as it is spelt. */
bool json_reader_number(struct json_reader *reader);
/* true, false, null: the word if it is there. */
bool json_reader_word(struct json_reader *reader, const char *word);

/* Does this text have a JSON number's form? */
bool json_is_number(const char *text, size_t len);

/* Append to the path, and cut it back to an earlier length. */
void json_reader_enter_field(struct json_reader *reader, const char *name);
void json_reader_enter_index(struct json_reader *reader, size_t index);
void json_reader_leave(struct json_reader *reader, size_t path_len);

/* Always false. error is a negative errno. */
bool json_reader_fail(struct json_reader *reader, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
