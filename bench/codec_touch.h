/* SPDX-License-Identifier: MIT */
/*
 * Reading a message that was decoded, for the rows of codecs that read no other way: of each value
 * as little as the others' read() takes of theirs, so that the row holds the reading and no
 * checksum.
 */
#ifndef ASSAY_CODEC_TOUCH_H
#define ASSAY_CODEC_TOUCH_H

#include "field.h"

/* Of a string the length, as C strings have it; of bytes, too; of a number all of it. */
static inline uint64_t codec_touch_value(const struct plan_field *field, const void *at)
{
    uint64_t value = 0;
    if (field->kind == PLAN_STRING) {
        const char *text;
        memcpy(&text, at, sizeof text);
        return text ? strlen(text) : 0;
    }
    memcpy(&value, at, field->value_size < sizeof value ? field->value_size : sizeof value);
    return value;
}

/* A singular field that is no message. */
static inline uint64_t codec_touch(const ProtobufCMessage *message, const struct plan_field *field)
{
    return codec_touch_value(field, field_get(message, field->offset));
}

/* Every value that is there, those of messages within, too. */
static inline uint64_t codec_touch_all(const ProtobufCMessage *message,
                                       const struct plan_message *type)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct plan_field *field = &type->fields[i];
        if (!field_present(message, field))
            continue;
        const char *at = (const char *)field_get(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            count = field_count(message, field);
            at = *(const char *const *)(const void *)at;
        }
        for (size_t n = 0; n < count; n++, at += field->value_size) {
            if (field->kind != PLAN_MESSAGE)
                sum += codec_touch_value(field, at);
            else
                sum +=
                    codec_touch_all(*(ProtobufCMessage *const *)(const void *)at, field->message);
        }
    }
    return sum;
}

#endif
