/* SPDX-License-Identifier: MIT */
#include "message.h"

#include "field.h"

#include <stdlib.h>

static bool present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    struct plan_test test = plan_test_of(field);
    return field_is_there(message, &test, field);
}

/* The values of a field: where they start, and how many. */
static size_t values_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const char **first)
{
    *first = field_get(message, field->offset);
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return 1;
    *first = *(const char *const *)*first;
    return *(const size_t *)field_get(message, field->quantifier_offset);
}

/* Without a label of its own, absent and zero are the same thing. */
static bool implicit(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_NONE && field->type != PROTOBUF_C_TYPE_MESSAGE &&
           !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static bool same_value(const void *a, const void *b, enum plan_kind kind)
{
    if (kind == PLAN_STRING) {
        const char *left = *(const char *const *)a, *right = *(const char *const *)b;
        return strcmp(left ? left : "", right ? right : "") == 0;
    }
    if (kind == PLAN_BYTES) {
        const ProtobufCBinaryData *left = a, *right = b;
        return left->len == right->len &&
               (left->len == 0 || memcmp(left->data, right->data, left->len) == 0);
    }
    return memcmp(a, b, plan_value_size(kind)) == 0;
}

static bool both_zero(const void *a, const void *b, enum plan_kind kind)
{
    if (kind == PLAN_DOUBLE)
        return *(const double *)a == 0 && *(const double *)b == 0;
    return kind == PLAN_FLOAT && *(const float *)a == 0 && *(const float *)b == 0;
}

static bool compare_values(const char *a, const char *b, size_t count, enum plan_kind kind,
                           struct message_diff *diff)
{
    size_t step = plan_value_size(kind);
    for (size_t i = 0; i < count; i++, a += step, b += step) {
        if (kind != PLAN_MESSAGE) {
            bool same = same_value(a, b, kind);
            diff->values++;
            diff->changed += !same;
            diff->zero_signs += !same && both_zero(a, b, kind);
        } else {
            const ProtobufCMessage *left = *(ProtobufCMessage *const *)a;
            const ProtobufCMessage *right = *(ProtobufCMessage *const *)b;
            if ((left == NULL) != (right == NULL))
                return false;
            if (left != NULL && !message_compare(left, right, diff))
                return false;
        }
    }
    return true;
}

bool message_compare(const ProtobufCMessage *a, const ProtobufCMessage *b,
                     struct message_diff *diff)
{
    if (a->descriptor != b->descriptor)
        return false;
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        bool left = present(a, field), right = present(b, field);
        if (left != right && !implicit(field))
            return false;
        if (!left && !right)
            continue;
        const char *first, *second;
        size_t count = values_of(a, field, &first);
        if (values_of(b, field, &second) != count ||
            !compare_values(first, second, count, plan_kind_of(field), diff))
            return false;
    }
    return true;
}

bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    struct message_diff diff = {0};
    return message_compare(a, b, &diff) && diff.changed == 0;
}

/* Multiply and fold (after wyhash's idea): every bit of both reaches the result. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ (sum >> 29);
}

static uint64_t touch_bytes(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t word;
    sum = mix(sum, len);
    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = mix(sum, word);
    }
    word = 0;
    if (len > 0)
        memcpy(&word, at, len);
    return mix(sum, word);
}

static uint64_t touch_value(uint64_t sum, const void *value, enum plan_kind kind)
{
    if (kind == PLAN_STRING) {
        const char *text = *(const char *const *)value;
        return text ? touch_bytes(sum, text, strlen(text)) : mix(sum, 0);
    }
    if (kind == PLAN_BYTES) {
        const ProtobufCBinaryData *bytes = value;
        return touch_bytes(sum, bytes->data, bytes->len);
    }
    if (kind == PLAN_MESSAGE) {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *)value;
        return mix(sum, message ? message_touch(message) : 0);
    }
    if (plan_value_size(kind) == sizeof(uint64_t))
        return mix(sum, *(const uint64_t *)value);
    return mix(sum, *(const uint32_t *)value);
}

uint64_t message_touch(const ProtobufCMessage *message)
{
    uint64_t sum = 1;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!present(message, field))
            continue;
        enum plan_kind kind = plan_kind_of(field);
        const char *value;
        size_t count = values_of(message, field, &value), step = plan_value_size(kind);
        sum = mix(sum, (uint64_t)field->id << 32 | count);
        for (size_t v = 0; v < count; v++)
            sum = touch_value(sum, value + v * step, kind);
    }
    return sum;
}

/* Of two entries of the same map, by their keys. */
static int compare_entries(const void *a, const void *b)
{
    const ProtobufCMessage *left = *(ProtobufCMessage *const *)a;
    const ProtobufCMessage *right = *(ProtobufCMessage *const *)b;
    const ProtobufCFieldDescriptor *key = &left->descriptor->fields[0];
    const void *first = field_get(left, key->offset), *second = field_get(right, key->offset);
    if (key->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(*(const char *const *)first, *(const char *const *)second);
    return memcmp(first, second, plan_value_size(plan_kind_of(key)));
}

void message_sort_maps(ProtobufCMessage *message, const struct plan_message *type)
{
    for (const struct plan_field *field = type->fields; field < type->fields + type->count;
         field++) {
        if (field->kind != PLAN_MESSAGE || !field_present(message, field))
            continue;
        ProtobufCMessage **inner = field_at(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            inner = *(ProtobufCMessage ***)(void *)inner;
            count = field_count(message, field);
        }
        if (field->map)
            qsort(inner, count, sizeof(*inner), compare_entries);
        for (size_t i = 0; i < count; i++) {
            if (inner[i] != NULL)
                message_sort_maps(inner[i], field->message);
        }
    }
}

void message_free(ProtobufCMessage *message, ProtobufCAllocator *allocator)
{
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, allocator);
}
