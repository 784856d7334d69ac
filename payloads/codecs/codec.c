/* SPDX-License-Identifier: MIT */
#include "codec.h"

#include "codec_table.h" /* made from codec_names: declarations, and CODECS */
#include "field.h"

const struct codec *const codecs[] = {CODECS NULL};

const struct codec *codec_find(const char *name)
{
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if (strcmp((*codec)->name, name) == 0)
            return *codec;
    }
    return NULL;
}

static bool same_bytes(const struct codec *a, const struct codec *b)
{
    return strcmp(a->format, b->format) == 0 &&
           (a->shape == NULL || b->shape == NULL ? a->shape == b->shape
                                                 : strcmp(a->shape, b->shape) == 0);
}

const struct codec *codec_source(const struct codec *codec)
{
    const struct codec *first = NULL;
    if (codec->encode != NULL)
        return codec;
    for (const struct codec *const *other = codecs; *other != NULL; other++) {
        if ((*other)->encode == NULL || !same_bytes(*other, codec))
            continue;
        if ((*other)->ours)
            return *other;
        if (first == NULL)
            first = *other;
    }
    return first;
}

const struct codec *codec_reader(const struct codec *codec)
{
    if (codec->decode != NULL)
        return codec;
    for (const struct codec *const *other = codecs; *other != NULL; other++) {
        if ((*other)->decode != NULL && same_bytes(*other, codec))
            return *other;
    }
    return NULL;
}

int codec_build(const struct codec *codec, const struct plan *plan, const ProtobufCMessage *message)
{
    union codec_hold hold;
    if (codec->tree == NULL || codec->tree->build == NULL)
        return 0;
    int error = codec->tree->build(plan, message, &hold);
    if (error == 0)
        codec->tree->drop_built(&hold);
    return error;
}

int codec_parse(const struct codec *codec, const uint8_t *src, size_t len)
{
    union codec_hold hold;
    if (codec->tree == NULL || codec->tree->parse == NULL)
        return 0;
    int error = codec->tree->parse(src, len, &hold);
    if (error == 0 && codec->tree->drop_parsed != NULL)
        codec->tree->drop_parsed(&hold);
    return error;
}

/* Bytes of a string in the wordiest spelling: JSON that escapes '/' and everything beyond ASCII. */
static size_t text_bound(const char *text)
{
    size_t bound = 0;
    for (const unsigned char *at = (const unsigned char *)(text ? text : ""); *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f)
            bound += 6;
        else if (*at >= 0x80)
            bound += 3; /* two bytes become \uXXXX, four become two of them */
        else
            bound += *at == '"' || *at == '\\' || *at == '/' ? 2 : 1;
    }
    return bound;
}

static size_t enum_bound(const ProtobufCEnumDescriptor *type)
{
    size_t longest = 0;
    for (unsigned i = 0; i < type->n_values; i++) {
        size_t len = type->values[i].name ? strlen(type->values[i].name) : 0;
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* Room for a tag, a length, quotes and a comma, and for any number: -2.2250738585072014e-308. */
enum { PER_VALUE = 32 };

static size_t message_bound(const struct plan_message *type, const ProtobufCMessage *message,
                            unsigned depth)
{
    size_t bound = PER_VALUE + type->count; /* an array of values says nil of what is absent */
    if (message == NULL || depth > PLAN_MAX_DEPTH)
        return bound;
    /* What protobuf-c did not know when it decoded, and writes again. */
    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        bound += PER_VALUE + message->unknown_fields[i].len;
    for (const struct plan_field *field = type->fields; field < type->fields + type->count;
         field++) {
        if (!field_present(message, field))
            continue;
        const char *value = field_get(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            value = *(const char *const *)value;
            count = field_count(message, field);
        }
        bound += PER_VALUE + field->name_len + count * PER_VALUE;
        /* A map's value is written at its default, too; what that takes beyond PER_VALUE. */
        if (field->map && field_map_value(field)->kind == PLAN_ENUM)
            bound += count * enum_bound(field_map_value(field)->descriptor->descriptor);
        for (size_t i = 0; i < count; i++, value += field->value_size) {
            if (field->kind == PLAN_STRING)
                bound += text_bound(*(const char *const *)value);
            else if (field->kind == PLAN_BYTES)
                bound += (((const ProtobufCBinaryData *)(const void *)value)->len + 2) / 3 * 4;
            else if (field->kind == PLAN_MESSAGE)
                bound +=
                    message_bound(field->message, *(ProtobufCMessage *const *)value, depth + 1);
            else if (field->kind == PLAN_ENUM)
                bound += enum_bound(field->descriptor->descriptor);
            else
                break;
        }
    }
    return bound;
}

size_t codec_bound(const struct plan *plan, const ProtobufCMessage *message)
{
    return message_bound(plan->root, message, 1);
}
