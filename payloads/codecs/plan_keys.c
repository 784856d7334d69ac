/* SPDX-License-Identifier: MIT */
#include "plan_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* MessagePack's header of a string of len bytes; returns its length. */
static size_t string_header(uint8_t header[3], size_t len)
{
    if (len < 32) {
        header[0] = (uint8_t)(0xa0 | len);
        return 1;
    }
    if (len < 256) {
        header[0] = 0xd9;
        header[1] = (uint8_t)len;
        return 2;
    }
    header[0] = 0xda;
    header[1] = (uint8_t)(len >> 8);
    header[2] = (uint8_t)len;
    return 3;
}

int plan_keys_compile(struct plan_message *message)
{
    size_t room = PLAN_KEY_COPY;
    for (uint32_t i = 0; i < message->count; i++)
        room += message->fields[i].name_len + 3 + message->fields[i].name_len + 4;
    message->keys = calloc(1, room);
    if (message->keys == NULL)
        return -ENOMEM;
    uint8_t *at = message->keys;
    for (uint32_t i = 0; i < message->count; i++) {
        struct plan_field *field = &message->fields[i];
        size_t header = string_header(at, field->name_len);
        memcpy(at + header, field->name, field->name_len);
        field->key = at;
        field->key_len = (uint32_t)(header + field->name_len);
        at += field->key_len;
    }
    for (uint32_t i = 0; i < message->count; i++) {
        struct plan_field *field = &message->fields[i];
        field->json_key = (const char *)at;
        field->json_key_len = field->name_len + 4;
        memcpy(at, ",\"", 2);
        memcpy(at + 2, field->name, field->name_len);
        memcpy(at + 2 + field->name_len, "\":", 2);
        size_t head = field->json_key_len - 1 < sizeof(field->json_head) ? field->json_key_len - 1
                                                                         : sizeof(field->json_head);
        memcpy(&field->json_head, at + 1, head);
        memset(&field->json_mask, 0xff, head);
        at += field->json_key_len;
    }
    return 0;
}

int plan_keys_compile_json(struct plan_message *message)
{
    size_t size = (message->count + 1) * sizeof(*message->json);
    message->json = aligned_alloc(sizeof(*message->json), size);
    if (message->json == NULL)
        return -ENOMEM;
    memset(message->json, 0, size);
    for (uint32_t i = 0; i < message->count; i++) {
        const struct plan_field *field = &message->fields[i];
        bool near = field->json_key_len <= PLAN_KEY_COPY;
        message->json[i] = (struct plan_json){
            .mask = field->test.mask,
            .test_offset = field->test.offset,
            .offset = field->offset,
            .field = field,
            .step = !near                                 ? PLAN_FAR
                    : field->json_key_len > PLAN_KEY_HEAD ? PLAN_LONG
                    : field->test.refine != PLAN_NONZERO  ? PLAN_REFINED
                                                          : field->step,
            .key_len = near ? (uint8_t)field->json_key_len : 0,
        };
        memcpy(message->json[i].key, field->json_key, message->json[i].key_len);
    }
    message->json[message->count] =
        (struct plan_json){.mask = UINT64_MAX, .step = PLAN_END, .key_len = 1, .key = "}"};
    return 0;
}
