/* SPDX-License-Identifier: MIT */
#include "heads.h"

#include <string.h>

bool heads_answer(const struct heads *heads, struct http_response *response, const uint8_t *data,
                  size_t len)
{
    const struct head *head = &heads->items[len % HEADS_COUNT];
    if (head->len == 0 || len != head->len + head->body_len || response->head ||
        memcmp(data, head->bytes, head->len) != 0)
        return false;
    response->status = head->status;
    response->keep_alive = head->keep_alive;
    response->complete = response->begun = true;
    response->body_bytes = head->body_len;
    if (response->collect)
        bytes_append(&response->body, data + head->len, head->body_len);
    return true;
}

void heads_learn(struct heads *heads, const struct http_response *response, const uint8_t *data,
                 size_t len)
{
    /* A body that is delimited otherwise has an end that the head does not tell. */
    if (!response->complete || !response->sized || response->body_bytes > len)
        return;
    size_t head_len = len - (size_t)response->body_bytes;
    if (head_len == 0 || head_len > HEADS_BYTES_MAX)
        return;
    struct head *head = &heads->items[len % HEADS_COUNT];
    *head = (struct head){
        .len = head_len,
        .body_len = (size_t)response->body_bytes,
        .status = response->status,
        .keep_alive = response->keep_alive,
    };
    memcpy(head->bytes, data, head_len);
}
