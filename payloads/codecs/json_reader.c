/* SPDX-License-Identifier: MIT */
#include "json_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_reader_init(struct json_reader *reader, const char *file, const char *text, size_t len,
                      char *why, size_t why_cap)
{
    *reader = (struct json_reader){
        .file = file, .start = text, .at = text, .end = text + len, .why = why, .why_cap = why_cap};
}

void json_reader_finish(struct json_reader *reader)
{
    free(reader->text);
    reader->text = NULL;
}

bool json_reader_fail(struct json_reader *reader, int error, const char *format, ...)
{
    if (reader->failed)
        return false;
    reader->failed = true;
    reader->error = error;
    size_t line = 1;
    for (const char *at = reader->start; at < reader->at && at < reader->end; at++)
        line += *at == '\n';
    int len = snprintf(reader->why, reader->why_cap, "%s:%zu: %s%s", reader->file, line,
                       reader->path, reader->path_len > 0 ? ": " : "");
    if (len >= 0 && (size_t)len < reader->why_cap) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reader->why + len, reader->why_cap - (size_t)len, format, arguments);
        va_end(arguments);
    }
    return false;
}

void json_reader_leave(struct json_reader *reader, size_t path_len)
{
    reader->path_len = path_len;
    reader->path[path_len] = '\0';
}

/* What does not fit is cut off: the line still says where. */
static void path_printed(struct json_reader *reader, int len)
{
    size_t room = sizeof(reader->path) - 1 - reader->path_len;
    reader->path_len += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room;
}

void json_reader_enter_field(struct json_reader *reader, const char *name)
{
    path_printed(reader,
                 snprintf(reader->path + reader->path_len, sizeof(reader->path) - reader->path_len,
                          "%s%s", reader->path_len > 0 ? "." : "", name));
}

void json_reader_enter_index(struct json_reader *reader, size_t index)
{
    path_printed(reader, snprintf(reader->path + reader->path_len,
                                  sizeof(reader->path) - reader->path_len, "[%zu]", index));
}

char json_reader_peek(struct json_reader *reader)
{
    while (
        !reader->failed && reader->at < reader->end &&
        (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
    return reader->failed || reader->at == reader->end ? '\0' : *reader->at;
}

bool json_reader_take(struct json_reader *reader, char sign)
{
    if (json_reader_peek(reader) != sign || sign == '\0')
        return false;
    reader->at++;
    return true;
}

bool json_reader_expect(struct json_reader *reader, char sign, const char *what)
{
    if (json_reader_take(reader, sign))
        return true;
    if (reader->at == reader->end)
        return json_reader_fail(reader, -EBADMSG, "the file ends where %s should be", what);
    return json_reader_fail(reader, -EBADMSG, "expected %s", what);
}

bool json_reader_word(struct json_reader *reader, const char *word)
{
    size_t len = strlen(word);
    json_reader_peek(reader);
    if (reader->failed || (size_t)(reader->end - reader->at) < len ||
        memcmp(reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool append(struct json_reader *reader, const char *bytes, size_t len)
{
    if (reader->text_cap - reader->text_len <= len) {
        size_t cap = (reader->text_cap + len + 1) * 2;
        char *text = realloc(reader->text, cap);
        if (text == NULL)
            return json_reader_fail(reader, -ENOMEM, "out of memory");
        reader->text = text;
        reader->text_cap = cap;
    }
    memcpy(reader->text + reader->text_len, bytes, len);
    reader->text_len += len;
    reader->text[reader->text_len] = '\0';
    return true;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (is_digit(at, end))
        at++;
    return at;
}

/* Where the number that starts here ends; NULL if none does. */
static const char *number_end(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    if (!is_digit(at, end))
        return NULL;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        if (!is_digit(++at, end))
            return NULL;
        at = skip_digits(at, end);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        if (!is_digit(at, end))
            return NULL;
        at = skip_digits(at, end);
    }
    return at;
}

bool json_is_number(const char *text, size_t len)
{
    return number_end(text, text + len) == text + len;
}

bool json_reader_number(struct json_reader *reader)
{
    json_reader_peek(reader);
    const char *after = reader->failed ? NULL : number_end(reader->at, reader->end);
    if (after == NULL || is_digit(after, reader->end))
        return json_reader_fail(reader, -EBADMSG, "malformed number");
    reader->text_len = 0;
    if (!append(reader, reader->at, (size_t)(after - reader->at)))
        return false;
    reader->at = after;
    return true;
}

static bool read_hex(struct json_reader *reader, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        char c = reader->at < reader->end ? *reader->at : '\0';
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return json_reader_fail(reader, -EBADMSG, "\\u wants four hexadecimal digits");
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* What follows "\u": one code point of the basic plane, or a surrogate pair. */
static bool read_unicode(struct json_reader *reader)
{
    uint32_t code, low;
    if (!read_hex(reader, &code))
        return false;
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || reader->end - reader->at < 2 || memcmp(reader->at, "\\u", 2) != 0)
            return json_reader_fail(reader, -EBADMSG, "half a surrogate pair");
        reader->at += 2;
        if (!read_hex(reader, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000)
            return json_reader_fail(reader, -EBADMSG, "half a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[4];
    if (code < 0x80) {
        bytes[0] = (char)code;
        return append(reader, bytes, 1);
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(0xf00 >> len | code); /* 110, 1110 or 11110 in front */
    return append(reader, bytes, len);
}

static bool read_escape(struct json_reader *reader)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = reader->at < reader->end ? *reader->at : '\0';
    if (c == 'u') {
        reader->at++;
        return read_unicode(reader);
    }
    const char *known = c == '\0' ? NULL : strchr(from, c);
    if (known == NULL)
        return json_reader_fail(reader, -EBADMSG, "unknown escape");
    reader->at++;
    return append(reader, &to[known - from], 1);
}

/* Bytes of the well-formed UTF-8 sequence at at (Unicode, table 3-7); 0 if there is none. */
static size_t utf8_len(const unsigned char *at, size_t left)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (len == 0 || at[0] > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    bool beyond = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                  (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return beyond ? 0 : len;
}

bool json_reader_string(struct json_reader *reader)
{
    if (!json_reader_expect(reader, '"', "a string"))
        return false;
    reader->text_len = 0;
    if (!append(reader, "", 0))
        return false;
    while (reader->at < reader->end && *reader->at != '"') {
        unsigned char c = (unsigned char)*reader->at;
        size_t len =
            utf8_len((const unsigned char *)reader->at, (size_t)(reader->end - reader->at));
        if (c < 0x20)
            return json_reader_fail(reader, -EBADMSG, "control character in a string");
        if (len == 0)
            return json_reader_fail(reader, -EBADMSG, "a string that is not UTF-8");
        reader->at += len;
        if (!(c == '\\' ? read_escape(reader) : append(reader, reader->at - len, len)))
            return false;
    }
    return json_reader_expect(reader, '"', "the end of a string");
}
