/* SPDX-License-Identifier: MIT */
#include "coding.h"

#include "message.h"
#include "parts/bytes.h"

#include <errno.h>

int coding_decode(struct coding *coding, const struct workload_setup *setup, const uint8_t *src,
                  size_t len, ProtobufCMessage **message)
{
    if (!coding->ready) {
        arena_init(&coding->arena, ARENA_DEFAULT_BUDGET);
        coding->ready = true;
    } else {
        arena_reset(&coding->arena);
    }
    int err = setup->codec->decode(setup->plan, src, len, &coding->arena.allocator, message);
    if (err == 0)
        coding->touched = message_touch(*message);
    return err;
}

int coding_encode(const struct workload_setup *setup, const ProtobufCMessage *message,
                  size_t expected_len, struct bytes *out)
{
    /* The bound asks for a walk over the whole message: only when the guess was too small. */
    size_t cap = expected_len + expected_len / 8 + 256;
    size_t len = 0;
    uint8_t *dst = bytes_reserve(out, cap);
    int err = setup->codec->encode(setup->plan, message, dst, cap, &len);
    if (err == -ENOSPC) {
        cap = codec_bound(setup->plan, message);
        dst = bytes_reserve(out, cap);
        err = setup->codec->encode(setup->plan, message, dst, cap, &len);
    }
    if (err == 0)
        out->len += len;
    return err;
}

void coding_close(void *frame)
{
    struct coding *coding = frame;
    if (coding->ready)
        arena_finish(&coding->arena);
}
