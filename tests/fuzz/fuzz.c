/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "../payloads/bed.h"
#include "field.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t subject_count;

bool fuzz_set_up(void)
{
    if (bed_set_up(NULL) != 0)
        return false;
    while (subjects[subject_count].payload.name)
        subject_count++;
    return true;
}

void fuzz_tear_down(void)
{
    bed_tear_down(NULL);
}

/* ---- an allocator that keeps books: every piece from malloc, so that a sanitizer sees its ends
 * --- */

struct books {
    ProtobufCAllocator allocator;
    size_t pieces, bytes, asked;
    size_t refuse_at; /* this allocation fails, and what follows does not */
};

struct piece {
    size_t size;
    max_align_t start[];
};

static void *take(void *data, size_t size)
{
    struct books *books = data;
    if (books->asked++ == books->refuse_at || size > FUZZ_BUDGET - books->bytes)
        return NULL;
    struct piece *piece = malloc(sizeof *piece + size);
    if (!piece)
        return NULL;
    piece->size = size;
    books->pieces++;
    books->bytes += size;
    return piece->start;
}

static void give_back(void *data, void *memory)
{
    struct books *books = data;
    if (!memory)
        return;
    struct piece *piece = (struct piece *)(void *)((char *)memory - offsetof(struct piece, start));
    books->pieces--;
    books->bytes -= piece->size;
    free(piece);
}

static void open_books(struct books *books, size_t refuse_at)
{
    *books = (struct books){.allocator = {take, give_back, books}, .refuse_at = refuse_at};
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void finding(const struct codec *codec, const struct subject *subject, const char *what,
                    int error)
{
    fprintf(stderr, "fuzz: %s, %s: %s (%d)\n", codec->name, subject->payload.name, what, error);
    abort();
}

/* Bytes of exactly their length, so that a sanitizer sees what is read beyond. */
static uint8_t *exact_copy(const uint8_t *src, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len > 0)
        memcpy(copy, src, len);
    return copy;
}

static void check_error(const struct codec *codec, const struct subject *subject, int error)
{
    if (error != 0 && error != -EBADMSG && error != -ENOMEM)
        finding(codec, subject, "an error that is none of decode's", error);
}

/* Encoded, into memory of its own; NULL if there is no encoder. */
static uint8_t *encode(const struct codec *codec, const struct subject *subject,
                       const ProtobufCMessage *message, size_t *len)
{
    const struct codec *source = codec_source(codec);
    if (!source)
        return NULL;
    const size_t cap = codec_bound(subject->plan, message);
    uint8_t *bytes = malloc(cap + 1);
    if (!bytes)
        abort();
    const int error = source->encode(subject->plan, message, bytes, cap, len);
    if (error != 0)
        finding(codec, subject, "what was decoded does not encode", error);
    return bytes;
}

/* Doubles and floats may change once in these: cJSON prints too few digits, protobuf-c drops a
 * field that is -0.0. Their next way out and back must change nothing. */
static bool may_round(const struct codec *codec)
{
    return strcmp(codec->library, "cJSON") == 0 || strcmp(codec->name, "protobuf_c") == 0;
}

/* protobuf-c 1.4.1 takes a field number 0, which none may have, if it is spelt in two bytes; writes
 * it in one, as unknown fields are passed on; and does not take that. */
static bool has_field_zero(const struct plan_message *type, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        if (message->unknown_fields[i].tag == 0)
            return true;
    }
    for (const struct plan_field *field = type->fields; field < type->fields + type->count;
         field++) {
        if (field->kind != PLAN_MESSAGE || !field_present(message, field))
            continue;
        ProtobufCMessage *const *inner = field_get(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            count = field_count(message, field);
            inner = *(ProtobufCMessage *const *const *)(const void *)inner;
        }
        for (size_t i = 0; i < count; i++) {
            if (inner[i] && has_field_zero(field->message, inner[i]))
                return true;
        }
    }
    return false;
}

static void check_way_back(const struct codec *codec, const struct subject *subject,
                           const ProtobufCMessage *message, unsigned rounds)
{
    struct books books;
    ProtobufCMessage *back = NULL;
    struct message_diff diff = {0};
    size_t len;
    uint8_t *bytes = encode(codec, subject, message, &len);
    if (!bytes)
        return;
    open_books(&books, SIZE_MAX);
    const int error = codec->decode(subject->plan, bytes, len, &books.allocator, &back);
    free(bytes);
    if (error != 0 && !(error == -EBADMSG && has_field_zero(subject->plan->root, message)))
        finding(codec, subject, "what was encoded does not decode", error);
    if (error != 0)
        return;
    if (!message_compare(message, back, &diff))
        finding(codec, subject, "another shape came back", 0);
    if (diff.changed > 0 && (rounds == 0 || !may_round(codec)))
        finding(codec, subject, "another value came back", (int)diff.changed);
    if (rounds > 0)
        check_way_back(codec, subject, back, rounds - 1);
    message_free(back, &books.allocator);
    if (books.pieces != 0)
        finding(codec, subject, "memory was lost", (int)books.pieces);
}

/* Decodes once more, and one allocation fails. */
static void check_no_memory(const struct codec *codec, const struct subject *subject,
                            const uint8_t *src, size_t len, size_t refuse_at)
{
    struct books books;
    ProtobufCMessage *message = NULL;
    open_books(&books, refuse_at);
    const int error = codec->decode(subject->plan, src, len, &books.allocator, &message);
    if (error != -ENOMEM || message)
        finding(codec, subject, "no memory, and no -ENOMEM", error);
    if (books.pieces != 0)
        finding(codec, subject, "memory was lost when it ran out", (int)books.pieces);
}

static void check_decode(const struct codec *codec, const struct subject *subject,
                         const uint8_t *src, size_t len)
{
    struct books books;
    ProtobufCMessage *message = NULL;
    open_books(&books, SIZE_MAX);
    const int error = codec->decode(subject->plan, src, len, &books.allocator, &message);
    check_error(codec, subject, error);
    if ((error == 0) != (message != NULL))
        finding(codec, subject, "an error and a message, or neither", error);
    if (error == 0) {
        if (message_touch(message) == 0 || !message_equal(message, message))
            finding(codec, subject, "a message that does not equal itself", 0);
        check_way_back(codec, subject, message, 1);
        message_free(message, &books.allocator);
    }
    if (books.pieces != 0)
        finding(codec, subject, "memory was lost", (int)books.pieces);
    if (error == 0 && books.asked > 0)
        check_no_memory(codec, subject, src, len, len % books.asked);
}

/* The library's own structs: what they say is decoded and said once more. */
static void check_own(const struct codec *codec, const struct subject *subject, const uint8_t *src,
                      size_t len)
{
    const void *own = NULL;
    void *place = codec->own->open(subject->plan);
    const size_t cap = 4 * len + 4096;
    uint8_t *first = malloc(cap), *second = malloc(cap);
    size_t first_len = 0, second_len = 0;
    if (!first || !second)
        abort();
    if (!place) { /* structs are made of payloads only */
        free(first);
        free(second);
        return;
    }
    int error = codec->own->decode(subject->plan, NULL, src, len, NULL);
    check_error(codec, subject, error);
    const int in_place = codec->own->decode(subject->plan, place, src, len, &own);
    if (in_place != error)
        finding(codec, subject, "heap and arena disagree", in_place);
    if (error == 0) {
        if (codec->own->encode(own, first, cap, &first_len) != 0)
            finding(codec, subject, "what was decoded does not encode", 0);
        error = codec->own->decode(subject->plan, place, first, first_len, &own);
        if (error != 0 || codec->own->encode(own, second, cap, &second_len) != 0)
            finding(codec, subject, "what was encoded does not decode", error);
        if (first_len != second_len) /* a map's entries have no order */
            finding(codec, subject, "other bytes came back", 0);
    }
    codec->own->close(place);
    free(first);
    free(second);
}

/* The steps that are timed one by one see the same bytes. */
static void check_steps(const struct codec *codec, const struct subject *subject,
                        const uint8_t *src, size_t len)
{
    const struct plan_field *fields[3];
    uint64_t sum = 0;
    size_t count = 0;
    if (codec->check)
        check_error(codec, subject, codec->check(subject->plan, src, len));
    check_error(codec, subject, codec_parse(codec, src, len));
    if (!codec->read)
        return;
    for (uint32_t i = 0; i < subject->plan->root->count && count < 3; i++) {
        const struct plan_field *field = &subject->plan->root->fields[i];
        if (!field->repeated && field->kind != PLAN_MESSAGE)
            fields[count++] = field;
    }
    check_error(codec, subject, codec->read(subject->plan, src, len, fields, count, &sum));
    check_error(codec, subject, codec->read(subject->plan, src, len, NULL, 0, &sum));
}

void fuzz_input(const struct codec *codec, const uint8_t *input, size_t len)
{
    if (len == 0)
        return;
    const struct subject *subject = &subjects[input[0] % subject_count];
    uint8_t *src = exact_copy(input + 1, len - 1);
    if (codec->own)
        check_own(codec, subject, src, len - 1);
    else if (codec->decode)
        check_decode(codec, subject, src, len - 1);
    check_steps(codec, subject, src, len - 1);
    free(src);
}

/* ---- seeds ----------------------------------------------------------------------------------- */

void fuzz_seeds(const struct codec *codec,
                void (*use)(void *data, const uint8_t *input, size_t len), void *data)
{
    const struct codec *source = codec->own ? codec_find("protobuf_c") : codec_source(codec);
    for (size_t i = 0; source && i < subject_count; i++) {
        const struct subject *subject = &subjects[i];
        for (size_t n = 0; n < subject->corpus.count; n++) {
            const ProtobufCMessage *document = subject->corpus.documents[n];
            const size_t cap = codec_bound(subject->plan, document);
            uint8_t *seed = malloc(cap + 2);
            size_t len;
            if (!seed)
                abort();
            seed[0] = (uint8_t)i;
            if (source->encode(subject->plan, document, seed + 1, cap, &len) == 0 &&
                len <= FUZZ_SEED_MAX)
                use(data, seed, len + 1);
            free(seed);
        }
    }
}

/* A field that no type knows, and in it a unit again and again. */
struct bomb {
    const char *format;
    const char *open;
    size_t open_len, count_at; /* where the open has a count of four bytes; 0: it has none */
    const char *unit;
    size_t unit_len;
    const char *close;
};
#define UNIT(text) text, sizeof(text) - 1
static const struct bomb bombs[] = {
    {"JSON", UNIT("{\"x\":["), 0, UNIT("0,"), "0]}"},
    {"JSON", UNIT("{\"x\":["), 0, UNIT("{},"), "0]}"},
    {"JSON", UNIT("{\"x\":["), 0, UNIT("\"\","), "0]}"},
    {"JSON", UNIT("{\"x\":"), 0, UNIT("["), "}"},
    {"MessagePack", UNIT("\x81\xa1x\xdd\0\0\0\0"), 4, UNIT("\xc0"), ""},
    {"MessagePack", UNIT("\x81\xa1x\xdd\0\0\0\0"), 4, UNIT("\x80"), ""},
    {"MessagePack", UNIT("\x91\xdd\0\0\0\0"), 2, UNIT("\x90"), ""},
    {"MessagePack", UNIT("\x91"), 0, UNIT("\x91"), "\xc0"},
    {"Protocol Buffers", UNIT(""), 0, UNIT("\x2a\0"), ""},     /* some type's field 5, empty */
    {"Protocol Buffers", UNIT(""), 0, UNIT("\xaa\x06\0"), ""}, /* a field that none knows */
};

static void use_bomb(const struct bomb *bomb, size_t size, uint8_t type,
                     void (*use)(void *data, const uint8_t *input, size_t len), void *data)
{
    const size_t units = size / bomb->unit_len;
    uint8_t *input = malloc(1 + bomb->open_len + size + strlen(bomb->close)), *at = input;
    if (!input)
        abort();
    *at++ = type;
    memcpy(at, bomb->open, bomb->open_len);
    for (unsigned i = 0; bomb->count_at > 0 && i < 4; i++)
        at[bomb->count_at + i] = (uint8_t)(units >> (24 - 8 * i));
    at += bomb->open_len;
    for (size_t i = 0; i < units; i++, at += bomb->unit_len)
        memcpy(at, bomb->unit, bomb->unit_len);
    memcpy(at, bomb->close, strlen(bomb->close));
    use(data, input, (size_t)(at - input) + strlen(bomb->close));
    free(input);
}

void fuzz_bombs(const struct codec *codec,
                void (*use)(void *data, const uint8_t *input, size_t len), void *data)
{
    static const size_t sizes[] = {200, 10000, 200000, 1000000};
    bool first = true; /* only the first of a format is as large as the most patient one takes */
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        if (strcmp(bombs[i].format, codec->format) != 0)
            continue;
        for (size_t s = 0; s < (first ? 4 : 3); s++)
            use_bomb(&bombs[i], sizes[s], (uint8_t)i, use, data);
        first = false;
    }
}

static void write_word(FILE *out, const uint8_t *word, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++)
        fprintf(out, "\\x%02x", word[i]);
    fputs("\"\n", out);
}

void fuzz_dictionary(const struct codec *codec, FILE *out)
{
    static const char *const json[] = {"{",        "}",
                                       "[",        "]",
                                       ",",        ":",
                                       "\"",       "null",
                                       "true",     "false",
                                       "1e99",     "\"NaN\"",
                                       "\\u0000",  "\\ud83d\\ude00",
                                       "-0.0",     "\"-Infinity\"",
                                       "0.1e-307", "\\"};
    const bool text = strcmp(codec->format, "JSON") == 0;
    for (size_t i = 0; text && i < sizeof json / sizeof *json; i++)
        write_word(out, (const uint8_t *)json[i], strlen(json[i]));
    if (strcmp(codec->format, "Protocol Buffers") == 0)
        return;
    for (size_t i = 0; i < subject_count; i++) {
        const struct plan *plan = subjects[i].plan;
        for (size_t m = 0; m < plan->count; m++) {
            for (uint32_t f = 0; f < plan->messages[m].count; f++) {
                const struct plan_field *field = &plan->messages[m].fields[f];
                if (text)
                    write_word(out, (const uint8_t *)field->name, field->name_len);
                else
                    write_word(out, field->key, field->key_len);
            }
        }
    }
}
