/* SPDX-License-Identifier: MIT */
#include "foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum foreign_format foreign_format_of(const struct codec *codec)
{
    if (strcmp(codec->format, "JSON") == 0)
        return FOREIGN_JSON;
    if (strcmp(codec->format, "Protocol Buffers") == 0)
        return FOREIGN_PROTOBUF;
    if (strcmp(codec->format, "MessagePack") != 0)
        return FOREIGN_UNKNOWN;
    return codec->shape && strcmp(codec->shape, "values") == 0 ? FOREIGN_VALUES : FOREIGN_KEYS;
}

bool foreign_says(enum foreign_format format, enum foreign_kind kind)
{
    if (format == FOREIGN_UNKNOWN)
        return false;
    if (kind == FOREIGN_NULL)
        return format != FOREIGN_PROTOBUF;
    return kind != FOREIGN_TOKEN || format == FOREIGN_JSON;
}

static void put(struct foreign_bytes *to, const void *from, size_t len)
{
    if (to->failed)
        return;
    if (to->len + len > to->cap) {
        const size_t cap = (to->len + len) * 2;
        uint8_t *more = realloc(to->bytes, cap);
        if (!more) {
            to->failed = true;
            return;
        }
        to->bytes = more;
        to->cap = cap;
    }
    if (len > 0)
        memcpy(to->bytes + to->len, from, len);
    to->len += len;
}

static void put_byte(struct foreign_bytes *to, unsigned byte)
{
    put(to, &(uint8_t){(uint8_t)byte}, 1);
}

static void put_big_endian(struct foreign_bytes *to, uint64_t value, unsigned width)
{
    while (width-- > 0)
        put_byte(to, (unsigned)(value >> 8 * width));
}

static void put_varint(struct foreign_bytes *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte(to, (unsigned)(value & 0x7f) | 0x80);
    put_byte(to, (unsigned)value);
}

/* The field's rank among the type's, which is its place in an array of values; the type's number of
 * fields if it has none of that id. */
static uint32_t rank_of(const struct plan_message *type, uint32_t id)
{
    uint32_t rank = 0;
    while (type && rank < type->count && type->fields[rank].id != id)
        rank++;
    return rank;
}

static const struct plan_field *field_of(const struct plan_message *type, uint32_t id)
{
    const uint32_t rank = rank_of(type, id);
    return type && rank < type->count ? &type->fields[rank] : NULL;
}

/* Of an unknown field too: whatever a reader does not know, it cannot know the type of. */
static const struct plan_message *inner_type(const struct plan_field *field)
{
    return field ? field->message : NULL;
}

static void name_of(char *name, size_t cap, const struct plan_field *field, uint32_t id)
{
    if (field)
        snprintf(name, cap, "%s", field->name);
    else
        snprintf(name, cap, "unknown_%u", (unsigned)id);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_text(struct foreign_bytes *to, const char *text, size_t len)
{
    put_byte(to, '"');
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)text[i];
        char escape[8];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            put_byte(to, byte);
        else
            put(to, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte));
    }
    put_byte(to, '"');
}

static void json_map(struct foreign_bytes *to, const struct foreign_message *map)
{
    for (size_t i = 0; i < map->count; i++) {
        char text[32];
        put_byte(to, i == 0 ? '{' : ',');
        json_text(to, map->fields[i].text, map->fields[i].len);
        put(to, text,
            (size_t)snprintf(text, sizeof text, ":%lld", (long long)map->fields[i].integer));
    }
    put_byte(to, '}');
}

static void json_message(struct foreign_bytes *to, const struct plan_message *type,
                         const struct foreign_message *message)
{
    put_byte(to, '{');
    for (size_t i = 0; i < message->count; i++) {
        const struct foreign_field *field = &message->fields[i];
        const struct plan_field *known = field_of(type, field->id);
        char text[80];
        if (i > 0)
            put_byte(to, ',');
        name_of(text, sizeof text, known, field->id);
        json_text(to, text, strlen(text));
        put_byte(to, ':');
        switch (field->kind) {
        case FOREIGN_INTEGER:
            put(to, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)field->integer));
            break;
        case FOREIGN_TEXT:
            json_text(to, field->text, field->len);
            break;
        case FOREIGN_MESSAGE:
            json_message(to, inner_type(known), field->message);
            break;
        case FOREIGN_MAP:
            json_map(to, field->message);
            break;
        case FOREIGN_NULL:
            put(to, "null", 4);
            break;
        case FOREIGN_TOKEN:
            put(to, field->text, field->len);
            break;
        }
    }
    put_byte(to, '}');
}

/* ---- MessagePack ----------------------------------------------------------------------------- */

/* Below the first limit in the type byte itself, else in the two bytes behind `wide`. */
static void msgpack_header(struct foreign_bytes *to, unsigned narrow, size_t limit, unsigned wide,
                           size_t number)
{
    if (number < limit) {
        put_byte(to, narrow | (unsigned)number);
    } else {
        put_byte(to, wide);
        put_big_endian(to, number, 2);
        to->failed |= number > UINT16_MAX;
    }
}

static void msgpack_text(struct foreign_bytes *to, const char *text, size_t len)
{
    msgpack_header(to, 0xa0, 32, 0xda, len);
    put(to, text, len);
}

static void msgpack_message(struct foreign_bytes *to, enum foreign_format format,
                            const struct plan_message *type, const struct foreign_message *message);

static void msgpack_integer(struct foreign_bytes *to, int64_t value)
{
    put_byte(to, 0xd3);
    put_big_endian(to, (uint64_t)value, 8);
}

static void msgpack_map(struct foreign_bytes *to, const struct foreign_message *map)
{
    msgpack_header(to, 0x80, 16, 0xde, map->count);
    for (size_t i = 0; i < map->count; i++) {
        msgpack_text(to, map->fields[i].text, map->fields[i].len);
        msgpack_integer(to, map->fields[i].integer);
    }
}

static void msgpack_value(struct foreign_bytes *to, enum foreign_format format,
                          const struct plan_message *type, const struct foreign_field *field)
{
    switch (field->kind) {
    case FOREIGN_INTEGER:
        msgpack_integer(to, field->integer);
        break;
    case FOREIGN_MAP:
        msgpack_map(to, field->message);
        break;
    case FOREIGN_TEXT:
        msgpack_text(to, field->text, field->len);
        break;
    case FOREIGN_MESSAGE:
        msgpack_message(to, format, inner_type(field_of(type, field->id)), field->message);
        break;
    case FOREIGN_NULL:
        put_byte(to, 0xc0);
        break;
    case FOREIGN_TOKEN:
        to->failed = true;
        break;
    }
}

/* Where a message is an array, those that are missing in front of a field are nil. */
static void msgpack_values(struct foreign_bytes *to, const struct plan_message *type,
                           const struct foreign_message *message)
{
    size_t places = 0, at = 0;
    for (size_t i = 0; i < message->count; i++) {
        const size_t rank = rank_of(type, message->fields[i].id);
        places = (rank > places ? rank : places) + 1;
    }
    msgpack_header(to, 0x90, 16, 0xdc, places);
    for (size_t i = 0; i < message->count; i++) {
        for (const size_t rank = rank_of(type, message->fields[i].id); at < rank; at++)
            put_byte(to, 0xc0);
        msgpack_value(to, FOREIGN_VALUES, type, &message->fields[i]);
        at++;
    }
}

static void msgpack_message(struct foreign_bytes *to, enum foreign_format format,
                            const struct plan_message *type, const struct foreign_message *message)
{
    if (format == FOREIGN_VALUES) {
        msgpack_values(to, type, message);
        return;
    }
    msgpack_header(to, 0x80, 16, 0xde, message->count);
    for (size_t i = 0; i < message->count; i++) {
        char name[80];
        name_of(name, sizeof name, field_of(type, message->fields[i].id), message->fields[i].id);
        msgpack_text(to, name, strlen(name));
        msgpack_value(to, format, type, &message->fields[i]);
    }
}

/* ---- Protocol Buffers ------------------------------------------------------------------------ */

static void protobuf_text(struct foreign_bytes *to, uint32_t id, const void *text, size_t len)
{
    put_varint(to, (uint64_t)id << 3 | 2);
    put_varint(to, len);
    put(to, text, len);
}

/* A map is its entries, one after the other. */
static void protobuf_map(struct foreign_bytes *to, uint32_t id, const struct foreign_message *map)
{
    for (size_t i = 0; i < map->count; i++) {
        struct foreign_bytes entry = {0};
        protobuf_text(&entry, 1, map->fields[i].text, map->fields[i].len);
        put_varint(&entry, 2 << 3);
        put_varint(&entry, (uint64_t)map->fields[i].integer);
        protobuf_text(to, id, entry.bytes, entry.len);
        to->failed |= entry.failed;
        foreign_finish(&entry);
    }
}

static void protobuf_message(struct foreign_bytes *to, const struct plan_message *type,
                             const struct foreign_message *message)
{
    for (size_t i = 0; i < message->count && !to->failed; i++) {
        const struct foreign_field *field = &message->fields[i];
        if (field->kind == FOREIGN_INTEGER) {
            put_varint(to, (uint64_t)field->id << 3);
            put_varint(to, (uint64_t)field->integer);
        } else if (field->kind == FOREIGN_TEXT) {
            protobuf_text(to, field->id, field->text, field->len);
        } else if (field->kind == FOREIGN_MAP) {
            protobuf_map(to, field->id, field->message);
        } else if (field->kind == FOREIGN_MESSAGE) {
            struct foreign_bytes inner = {0}; /* its length comes first */
            protobuf_message(&inner, inner_type(field_of(type, field->id)), field->message);
            protobuf_text(to, field->id, inner.bytes, inner.len);
            to->failed |= inner.failed;
            foreign_finish(&inner);
        } else {
            to->failed = true;
        }
    }
}

bool foreign_write(struct foreign_bytes *bytes, enum foreign_format format,
                   const struct plan_message *type, const struct foreign_message *message)
{
    bytes->len = 0;
    bytes->failed = format == FOREIGN_UNKNOWN;
    if (format == FOREIGN_JSON)
        json_message(bytes, type, message);
    else if (format == FOREIGN_PROTOBUF)
        protobuf_message(bytes, type, message);
    else if (format != FOREIGN_UNKNOWN)
        msgpack_message(bytes, format, type, message);
    return !bytes->failed;
}

void foreign_finish(struct foreign_bytes *bytes)
{
    free(bytes->bytes);
    *bytes = (struct foreign_bytes){0};
}
