/* SPDX-License-Identifier: MIT */
/* Reads NAME.json into messages: proto3's JSON mapping, led by the plan of the type. */
#include "arena.h"
#include "corpus_scalar.h"
#include "field.h"
#include "json_reader.h"
#include "json_scalar.h"
#include "message.h"
#include "payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_message(struct json_reader *reader, const struct plan_message *type,
                         ProtobufCMessage *message, unsigned depth);

/* Into an empty slot. */
static bool read_value(struct json_reader *reader, const struct plan_field *field, void *slot,
                       unsigned depth)
{
    if (field->kind != PLAN_MESSAGE)
        return corpus_read_scalar(reader, field, slot);
    ProtobufCMessage *inner = field_new_message(field->message, &heap_allocator);
    *(ProtobufCMessage **)slot = inner;
    if (inner == NULL)
        return json_reader_fail(reader, -ENOMEM, "out of memory");
    return read_message(reader, field->message, inner, depth + 1);
}

static bool read_array(struct json_reader *reader, const struct plan_field *field,
                       ProtobufCMessage *message, unsigned depth)
{
    void **array = field_at(message, field->offset);
    size_t *count = field_at(message, field->quantifier), room = 0;
    size_t path_len = reader->path_len;
    if (!json_reader_expect(reader, '[', "an array"))
        return false;
    if (json_reader_take(reader, ']'))
        return true;
    do {
        if (*count == room) {
            room = room ? room * 2 : 4;
            void *more = realloc(*array, room * field->value_size);
            if (more == NULL)
                return json_reader_fail(reader, -ENOMEM, "out of memory");
            *array = more;
        }
        char *slot = (char *)*array + *count * field->value_size;
        memset(slot, 0, field->value_size);
        json_reader_enter_index(reader, *count);
        ++*count; /* before reading: a message given up half-way is freed with the rest */
        if (!read_value(reader, field, slot, depth))
            return false;
        json_reader_leave(reader, path_len);
    } while (json_reader_take(reader, ','));
    return json_reader_expect(reader, ']', "',' or ']'");
}

static bool same_key(const struct plan_field *key, const ProtobufCMessage *a,
                     const ProtobufCMessage *b)
{
    const void *left = field_get(a, key->offset), *right = field_get(b, key->offset);
    if (key->kind == PLAN_STRING)
        return strcmp(*(const char *const *)left, *(const char *const *)right) == 0;
    return memcmp(left, right, key->value_size) == 0;
}

/* A key that comes twice is an error here: of a corpus it is a slip of the pen. */
static bool read_key(struct json_reader *reader, const struct plan_field *map,
                     ProtobufCMessage *const *entries, size_t count)
{
    static const char *const name[] = {[PLAN_INT32] = "a 32-bit integer",
                                       [PLAN_UINT32] = "an unsigned 32-bit integer",
                                       [PLAN_INT64] = "a 64-bit integer",
                                       [PLAN_UINT64] = "an unsigned 64-bit integer",
                                       [PLAN_BOOL] = "\"true\" or \"false\""};
    const struct plan_field *key = field_map_key(map);
    ProtobufCMessage *entry = entries[count - 1];
    if (!json_reader_string(reader))
        return false;
    json_reader_enter_field(reader, reader->text);
    if (key->kind == PLAN_STRING && memchr(reader->text, '\0', reader->text_len) != NULL)
        return json_reader_fail(reader, -EBADMSG, "\\u0000: C strings cannot hold it");
    int error = json_parse_key(map, reader->text, reader->text_len, entry, &heap_allocator);
    if (error == -ENOMEM)
        return json_reader_fail(reader, error, "out of memory");
    if (error != 0)
        return json_reader_fail(reader, error, "the key is not %s", name[key->kind]);
    for (size_t i = 0; i + 1 < count; i++) {
        if (same_key(key, entries[i], entry))
            return json_reader_fail(reader, -EBADMSG, "the key is there twice");
    }
    return true;
}

static bool read_map(struct json_reader *reader, const struct plan_field *map,
                     ProtobufCMessage *message, unsigned depth)
{
    const struct plan_field *value = field_map_value(map);
    ProtobufCMessage ***entries = field_at(message, map->offset);
    size_t *count = field_at(message, map->quantifier), room = 0;
    size_t path_len = reader->path_len;
    if (!json_reader_expect(reader, '{', "an object (a map)"))
        return false;
    if (json_reader_take(reader, '}'))
        return true;
    if (depth + 1 > PLAN_MAX_DEPTH)
        return json_reader_fail(reader, -EBADMSG, "more than %d levels deep", PLAN_MAX_DEPTH);
    do {
        if (*count == room) {
            room = room ? room * 2 : 4;
            void *more = realloc(*entries, room * sizeof(**entries));
            if (more == NULL)
                return json_reader_fail(reader, -ENOMEM, "out of memory");
            *entries = more;
        }
        ProtobufCMessage *entry = field_next_entry(*entries, map, count, &heap_allocator);
        if (entry == NULL)
            return json_reader_fail(reader, -ENOMEM, "out of memory");
        if (!read_key(reader, map, *entries, *count) || !json_reader_expect(reader, ':', "':'") ||
            !read_value(reader, value, field_open(entry, value, &heap_allocator), depth + 1))
            return false;
        json_reader_leave(reader, path_len);
    } while (json_reader_take(reader, ','));
    return json_reader_expect(reader, '}', "',' or '}'");
}

static bool read_field(struct json_reader *reader, const struct plan_field *field,
                       ProtobufCMessage *message, unsigned depth)
{
    if (json_reader_word(reader, "null")) /* absent, says the mapping */
        return field->required_bit == 0 ||
               json_reader_fail(reader, -EBADMSG, "null, but the field is required");
    if (field->oneof && *(const uint32_t *)field_get(message, field->quantifier) != 0)
        return json_reader_fail(reader, -EBADMSG, "another member of its oneof was there before");
    if (field->map)
        return read_map(reader, field, message, depth);
    if (field->repeated)
        return read_array(reader, field, message, depth);
    return read_value(reader, field, field_open(message, field, &heap_allocator), depth);
}

static bool required_are_there(struct json_reader *reader, const struct plan_message *type,
                               const bool *seen)
{
    for (uint32_t i = 0; i < type->count; i++) {
        if (type->fields[i].required_bit != 0 && !seen[i])
            return json_reader_fail(reader, -EBADMSG, "required field %s is missing",
                                    type->fields[i].name);
    }
    return true;
}

static bool read_fields(struct json_reader *reader, const struct plan_message *type,
                        ProtobufCMessage *message, bool *seen, unsigned depth)
{
    size_t path_len = reader->path_len;
    const struct plan_field *expected = type->fields;
    if (json_reader_take(reader, '}'))
        return required_are_there(reader, type, seen);
    do {
        if (!json_reader_string(reader))
            return false;
        const struct plan_field *field =
            field_named(type, expected, reader->text, reader->text_len);
        json_reader_enter_field(reader, reader->text);
        if (field == NULL)
            return json_reader_fail(reader, -EBADMSG, "%s has no such field", type->type->name);
        if (seen[field - type->fields])
            return json_reader_fail(reader, -EBADMSG, "the field is there twice");
        seen[field - type->fields] = true;
        expected = field + 1;
        if (!json_reader_expect(reader, ':', "':'") || !read_field(reader, field, message, depth))
            return false;
        json_reader_leave(reader, path_len);
    } while (json_reader_take(reader, ','));
    return json_reader_expect(reader, '}', "',' or '}'") && required_are_there(reader, type, seen);
}

static bool read_message(struct json_reader *reader, const struct plan_message *type,
                         ProtobufCMessage *message, unsigned depth)
{
    if (depth > PLAN_MAX_DEPTH)
        return json_reader_fail(reader, -EBADMSG, "more than %d levels deep", PLAN_MAX_DEPTH);
    if (!json_reader_expect(reader, '{', "an object"))
        return false;
    bool *seen = calloc(type->count + 1, sizeof(*seen));
    if (seen == NULL)
        return json_reader_fail(reader, -ENOMEM, "out of memory");
    bool good = read_fields(reader, type, message, seen, depth);
    free(seen);
    return good;
}

static bool read_documents(struct json_reader *reader, const struct plan *plan,
                           struct corpus *corpus)
{
    if (reader->end - reader->at >= 3 && memcmp(reader->at, "\xef\xbb\xbf", 3) == 0)
        return json_reader_fail(reader, -EBADMSG,
                                "the file begins with a byte order mark: save it without");
    if (!json_reader_expect(reader, '[', "an array of documents"))
        return false;
    if (json_reader_peek(reader) == ']')
        return json_reader_fail(reader, -EBADMSG, "no documents");
    do {
        ProtobufCMessage **more =
            realloc(corpus->documents, (corpus->count + 1) * sizeof(*corpus->documents));
        if (more == NULL)
            return json_reader_fail(reader, -ENOMEM, "out of memory");
        corpus->documents = more;
        ProtobufCMessage *document = field_new_message(plan->root, &heap_allocator);
        if (document == NULL)
            return json_reader_fail(reader, -ENOMEM, "out of memory");
        json_reader_enter_index(reader, corpus->count);
        corpus->documents[corpus->count++] = document;
        if (!read_message(reader, plan->root, document, 1))
            return false;
        json_reader_leave(reader, 0);
    } while (json_reader_take(reader, ','));
    if (!json_reader_expect(reader, ']', "',' or ']'"))
        return false;
    if (json_reader_peek(reader) != '\0' || reader->at != reader->end)
        return json_reader_fail(reader, -EBADMSG, "something follows the array of documents");
    return true;
}

/* The whole file in memory; NULL and errno. */
static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    size_t cap = 0;
    *len = 0;
    while (file != NULL) {
        if (*len == cap) {
            cap = cap ? cap * 2 : 64 << 10;
            char *more = realloc(text, cap);
            if (more == NULL)
                break;
            text = more;
        }
        size_t got = fread(text + *len, 1, cap - *len, file);
        *len += got;
        if (got == 0 && !ferror(file)) {
            fclose(file);
            return text;
        }
        if (got == 0)
            break;
    }
    int error = errno;
    free(text);
    if (file != NULL)
        fclose(file);
    errno = error;
    return NULL;
}

int corpus_load(struct corpus *corpus, const struct payload *payload, const char *path, char *why,
                size_t why_cap)
{
    struct plan *plan = NULL;
    struct json_reader reader;
    size_t len;
    *corpus = (struct corpus){0};
    if (path == NULL)
        path = payload->corpus_path;
    char *text = read_file(path, &len);
    if (text == NULL) {
        int error = errno ? errno : EIO;
        snprintf(why, why_cap, "%s: %s", path, strerror(error));
        return -error;
    }
    int error = plan_create(&plan, payload, why, why_cap);
    if (error == 0) {
        json_reader_init(&reader, path, text, len, why, why_cap);
        error = read_documents(&reader, plan, corpus) ? 0 : reader.error;
        json_reader_finish(&reader);
    }
    plan_destroy(plan);
    free(text);
    if (error != 0)
        corpus_finish(corpus);
    return error;
}

void corpus_finish(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count; i++)
        message_free(corpus->documents[i], &heap_allocator);
    free(corpus->documents);
    *corpus = (struct corpus){0};
}
