/* SPDX-License-Identifier: MIT */
/*
 * What a codec is: one library that turns a protobuf-c message into bytes of one format and back.
 * Every codec encodes from, and decodes into, the very same struct, by walking the same plan.
 *
 * To add one: copy msgpack_c.c, and put its name into payloads/codecs/meson.build. The tests in
 * tests/payloads then run it over every payload.
 */
#ifndef ASSAY_CODEC_H
#define ASSAY_CODEC_H

#include "plan.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct codec {
    const char *name;             /* "msgpack_c" */
    const char *format;           /* "MessagePack" */
    const char *library;          /* "msgpack-c" */
    const char *content_type;     /* "application/msgpack" */
    const char *(*version)(void); /* the library's own version string */

    /*
     * Message to bytes, at most cap of them. 0; -ENOSPC if it does not fit; -EINVAL if the message
     * cannot be said in this format; -ENOMEM if the library gets no memory. dst may hold anything
     * after an error, and is never written beyond cap. Whatever the library allocates is given back
     * before it returns: that time is the codec's. Thread-safe.
     */
    int (*encode)(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len);

    /*
     * Bytes to a complete message that the caller owns: nothing in it points into src. Everything
     * in the message comes from allocator (never NULL; arena.h has one with a budget); release it
     * with message_free or by resetting the arena. src is never trusted: -EBADMSG if malformed, too
     * deep or too long a count, -ENOMEM if the allocator refuses; then nothing is left allocated.
     */
    int (*decode)(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message);

    /* Optional: bytes to the library's own tree and back to nothing, for the "parse only" row. */
    int (*parse)(const uint8_t *src, size_t len);
};

extern const struct codec *const codecs[]; /* NULL-terminated; payloads/codecs/meson.build */
const struct codec *codec_find(const char *name);

/* cjson compiled a second time, for the A/A rows of codec_bench; not in the table. */
extern const struct codec cjson_copy_codec;

/* An upper bound of the encoded message in any format here, escapes and all: what a caller
 * allocates for dst. Walks the message; not meant for a hot path. */
size_t codec_bound(const struct plan *plan, const ProtobufCMessage *message);

#endif
