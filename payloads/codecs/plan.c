/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "plan_keys.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum plan_kind plan_kind_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return PLAN_INT32;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return PLAN_UINT32;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return PLAN_INT64;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return PLAN_UINT64;
    case PROTOBUF_C_TYPE_FLOAT:
        return PLAN_FLOAT;
    case PROTOBUF_C_TYPE_DOUBLE:
        return PLAN_DOUBLE;
    case PROTOBUF_C_TYPE_BOOL:
        return PLAN_BOOL;
    case PROTOBUF_C_TYPE_ENUM:
        return PLAN_ENUM;
    case PROTOBUF_C_TYPE_STRING:
        return PLAN_STRING;
    case PROTOBUF_C_TYPE_BYTES:
        return PLAN_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return PLAN_MESSAGE;
}

size_t plan_value_size(enum plan_kind kind)
{
    switch (kind) {
    case PLAN_INT64:
    case PLAN_UINT64:
    case PLAN_DOUBLE:
        return 8;
    case PLAN_STRING:
    case PLAN_MESSAGE:
        return sizeof(void *);
    case PLAN_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static bool has_flag(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_OPTIONAL &&
           !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_MESSAGE;
}

struct plan_test plan_test_of(const ProtobufCFieldDescriptor *field)
{
    enum plan_kind kind = plan_kind_of(field);
    bool pointer = kind == PLAN_STRING || kind == PLAN_MESSAGE;
    struct plan_test test = {.offset = field->quantifier_offset, .refine = PLAN_NONZERO};
    size_t width = sizeof(uint32_t), before = 0; /* bytes to test, and in front of them */
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        width = sizeof(size_t);
    } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        test.refine = PLAN_CASE;
    } else if (field->label == PROTOBUF_C_LABEL_REQUIRED) {
        test.offset = offsetof(ProtobufCMessage, descriptor);
        width = sizeof(void *);
    } else if (!has_flag(field)) {
        /* proto2's pointers, and proto3's fields without a label: there if they differ from zero,
         * bit for bit; of bytes that is the length. */
        test.offset = field->offset;
        width = kind == PLAN_BYTES ? sizeof(size_t) : plan_value_size(kind);
        if (pointer && field->label == PROTOBUF_C_LABEL_OPTIONAL && field->default_value != NULL)
            test.refine = PLAN_OTHER;
        else if (kind == PLAN_STRING && field->label == PROTOBUF_C_LABEL_NONE)
            test.refine = PLAN_TEXT;
    }
    /* Eight bytes from there on might end behind the struct. */
    if (width < sizeof(test.mask) && test.offset >= sizeof(ProtobufCMessage)) {
        before = sizeof(test.mask) - width;
        test.offset -= (uint32_t)before;
    }
    memset((uint8_t *)&test.mask + before, 0xff, width);
    return test;
}

static int compile_message(struct plan_message *message, char *why, size_t why_cap)
{
    const ProtobufCMessageDescriptor *type = message->type;
    message->count = type->n_fields;
    message->fields = calloc(type->n_fields + 1, sizeof(*message->fields));
    if (message->fields == NULL)
        return -ENOMEM;
    message->fields[type->n_fields].name_len = UINT32_MAX;
    message->fields[type->n_fields].json_key = ",,";
    message->fields[type->n_fields].json_key_len = 2;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *from = &type->fields[i];
        if (from->name == NULL || strlen(from->name) > UINT16_MAX) {
            snprintf(why, why_cap,
                     "%s: field %u has no usable name (optimize_for = CODE_SIZE drops the names)",
                     type->name ? type->name : "message", from->id);
            return -ENOTSUP;
        }
        struct plan_field *field = &message->fields[i];
        field->kind = (uint8_t)plan_kind_of(from);
        field->test = plan_test_of(from);
        field->repeated = from->label == PROTOBUF_C_LABEL_REPEATED;
        field->step = field->repeated ? PLAN_ARRAY : field->kind;
        field->oneof = (from->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        field->has_flag = has_flag(from);
        field->value_size = (uint8_t)plan_value_size(field->kind);
        field->offset = from->offset;
        field->quantifier = from->quantifier_offset;
        field->id = from->id;
        field->name = from->name;
        field->name_len = (uint32_t)strlen(from->name);
        field->descriptor = from;
        if (from->label != PROTOBUF_C_LABEL_REQUIRED)
            continue;
        if (message->required == UINT64_MAX) {
            snprintf(why, why_cap, "%s.%s: more than 64 required fields", type->name, from->name);
            return -ENOTSUP;
        }
        field->required_bit = message->required + 1; /* the next bit: those below are all taken */
        message->required |= field->required_bit;
    }
    return plan_keys_compile(message);
}

/* The number of message types reachable from type, itself included; they go to seen in that order.
 * -1 if memory runs out. */
static ssize_t reachable(const ProtobufCMessageDescriptor *type,
                         const ProtobufCMessageDescriptor ***seen)
{
    size_t count = 1;
    const ProtobufCMessageDescriptor **list = malloc(sizeof(*list));
    if (list == NULL)
        return -1;
    list[0] = type;
    for (size_t at = 0; at < count; at++) {
        for (unsigned i = 0; i < list[at]->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &list[at]->fields[i];
            if (field->type != PROTOBUF_C_TYPE_MESSAGE)
                continue;
            size_t known = 0;
            while (known < count && list[known] != field->descriptor)
                known++;
            if (known < count)
                continue;
            const ProtobufCMessageDescriptor **more = realloc(list, (count + 1) * sizeof(*list));
            if (more == NULL) {
                free(list);
                return -1;
            }
            list = more;
            list[count++] = field->descriptor;
        }
    }
    *seen = list;
    return (ssize_t)count;
}

static const struct plan_message *message_of(const struct plan *plan, const void *type)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->messages[i].type == type)
            return &plan->messages[i];
    }
    return NULL;
}

/* Raises every type's depth above its fields' until nothing moves; false if that never ends,
 * because a type contains itself: no path without a repetition is longer than there are types. */
static bool settle_depths(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        plan->messages[i].depth = 1;
    for (size_t round = 0; round <= plan->count; round++) {
        bool moved = false;
        for (size_t i = 0; i < plan->count; i++) {
            struct plan_message *message = &plan->messages[i];
            for (uint32_t f = 0; f < message->count; f++) {
                const struct plan_message *inner = message->fields[f].message;
                if (inner != NULL && inner->depth >= message->depth) {
                    message->depth = inner->depth + 1;
                    moved = true;
                }
            }
        }
        if (!moved)
            return true;
    }
    return false;
}

static bool is_map_entry(const struct payload *payload, const ProtobufCMessageDescriptor *type)
{
    for (const char *const *name = payload->map_entries; name != NULL && *name != NULL; name++) {
        if (strcmp(*name, type->name) == 0)
            return true;
    }
    return false;
}

/* Pointers between the types, once all of them are compiled. */
static void join_types(struct plan *plan, const struct payload *payload)
{
    for (size_t m = 0; m < plan->count; m++) {
        for (uint32_t i = 0; i < plan->messages[m].count; i++) {
            struct plan_field *field = &plan->messages[m].fields[i];
            if (field->kind != PLAN_MESSAGE)
                continue;
            field->message = message_of(plan, field->descriptor->descriptor);
            field->map = field->repeated && is_map_entry(payload, field->message->type);
            if (field->map)
                field->step = PLAN_MAP;
        }
    }
}

int plan_create(struct plan **created, const struct payload *payload, char *why, size_t why_cap)
{
    const ProtobufCMessageDescriptor *type = payload->type;
    const ProtobufCMessageDescriptor **types = NULL;
    ssize_t count = reachable(type, &types);
    struct plan *plan = count < 0 ? NULL : calloc(1, sizeof(*plan));
    if (plan != NULL)
        plan->messages = calloc((size_t)count, sizeof(*plan->messages));
    int error = plan == NULL || plan->messages == NULL ? -ENOMEM : 0;
    for (ssize_t i = 0; error == 0 && i < count; i++) {
        plan->messages[i].type = types[i];
        plan->count++;
        error = compile_message(&plan->messages[i], why, why_cap);
    }
    free(types);
    if (error == 0)
        join_types(plan, payload);
    for (ssize_t i = 0; error == 0 && i < count; i++)
        error = plan_keys_compile_json(&plan->messages[i]);
    if (error != 0) {
        if (error == -ENOMEM)
            snprintf(why, why_cap, "%s: out of memory", type->name ? type->name : "message");
        plan_destroy(plan);
        return error;
    }
    plan->root = &plan->messages[0];
    plan->bounded = settle_depths(plan) && plan->root->depth <= PLAN_MAX_DEPTH;
    *created = plan;
    return 0;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->messages[i].fields);
        free(plan->messages[i].keys);
        free(plan->messages[i].json);
    }
    free(plan->messages);
    free(plan);
}
