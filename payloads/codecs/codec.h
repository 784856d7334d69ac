/* SPDX-License-Identifier: MIT */
/*
 * What a codec is: one library that turns a protobuf-c message into bytes of one format and back.
 * Every codec encodes from, and decodes into, the very same struct, by walking the same plan.
 *
 * To add one: copy msgpack_c.c, and put its name into payloads/codecs/meson.build; NAME.cc is C++17
 * and keeps every exception inside. The tests in tests/payloads then run it over every payload.
 */
#ifndef ASSAY_CODEC_H
#define ASSAY_CODEC_H

#include "codec_tree.h"
#include "plan.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What one decode may take from the heap is bounded twice: the message by its allocator's budget
 * (ARENA_DEFAULT_BUDGET in arena.h), and everything that the library and the codec take beside it,
 * until they return, by this. Bytes that could need more are refused with -ENOMEM before the
 * library sees them; payloads/README.md has the worst case of each library.
 */
#define CODEC_TREE_BUDGET ((size_t)64 << 20)

struct codec {
    const char *name;         /* "msgpack_c": [a-z0-9_]+ */
    const char *label;        /* what a report calls it: "msgpack-c, maps" */
    const char *format;       /* "MessagePack" */
    const char *library;      /* "msgpack-c" */
    const char *content_type; /* "application/msgpack" */
    const char *shape;        /* MessagePack: "keys" (maps) or "values" (arrays); else NULL */
    bool ours;                /* written here, to see how fast the format can be: not a library */
    const char *(*version)(void); /* the library's own version string */

    /*
     * NULL in a codec that only decodes, or that works on structs of its own. Message to bytes, at
     * most cap of them. 0; -ENOSPC if it does not fit; -EINVAL if the message cannot be said in
     * this format; -ENOMEM if the library gets no memory. dst may hold anything after an error, and
     * is never written beyond cap. Whatever the library allocates is given back before it returns:
     * that time is the codec's. Thread-safe.
     */
    int (*encode)(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len);

    /*
     * NULL likewise. Bytes to a complete message that the caller owns: nothing in it points into
     * src. Everything in the message comes from allocator (never NULL; arena.h has one with a
     * budget); release it with message_free or by resetting the arena. src is never trusted:
     * -EBADMSG if malformed, too deep or too long a count, -ENOMEM if the allocator refuses; then
     * nothing is left allocated.
     */
    int (*decode)(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message);

    /*
     * Parts of the work, each for a row of its own; errors as above. NULL where the library has no
     * such step.
     */
    /* What we do before the library may see bytes that nobody vouches for, and only that. */
    int (*check)(const struct plan *plan, const uint8_t *src, size_t len);
    /* The cheapest way of this library to read some fields of the root, without a message: those
     * in fields, or every scalar in there if fields is NULL. Whatever depends on each value read
     * goes into *sum. A library that can may leave the rest of src unchecked then, but not if
     * fields is NULL. No read: decode, and read the message. */
    int (*read)(const struct plan *plan, const uint8_t *src, size_t len,
                const struct plan_field *const *fields, size_t count, uint64_t *sum);

    const struct codec_tree *tree; /* of a library that makes one on the way */
    const struct codec_own *own;   /* of a library that knows no other structs than its own */
};

/*
 * A library that generates its structs (Google's C++): its rows go from and to those, and say so.
 * Errors are those of encode and decode.
 */
struct codec_own {
    /* A struct with what the message holds, on the heap until drop: not for the clock. */
    int (*adopt)(const struct plan *plan, const ProtobufCMessage *message, void **own);
    void (*drop)(void *own); /* NULL is fine */
    int (*encode)(const void *own, uint8_t *dst, size_t cap, size_t *len);

    /* A place that decodes use one after the other, with an arena that keeps its memory; NULL
     * without memory. One thread at a time. */
    void *(*open)(const struct plan *plan);
    void (*close)(void *place); /* NULL is fine */
    /* Into the place: *own is good for encode until the next decode there. Without a place (NULL)
     * into a struct on the heap, which is dropped again: own may be NULL, too. */
    int (*decode)(const struct plan *plan, void *place, const uint8_t *src, size_t len,
                  const void **own);
};

extern const struct codec *const codecs[]; /* NULL-terminated; payloads/codecs/meson.build */
const struct codec *codec_find(const char *name);

/* Does it encode and decode messages? What services need. */
static inline bool codec_is_whole(const struct codec *codec)
{
    return codec->encode != NULL && codec->decode != NULL;
}

/*
 * Who makes the bytes that this codec reads: itself, or if it does not encode messages the one of
 * its format that loses nothing (`ours`), else the first in the table. NULL: none of its format.
 */
const struct codec *codec_source(const struct codec *codec);

/*
 * Who reads the bytes that this codec makes: itself, or if it does not decode the first of its
 * format in the table that does. NULL: none.
 */
const struct codec *codec_reader(const struct codec *codec);

/* Not in the table: cjson compiled a second time, for the A/A rows of codec_bench; and its encode
 * by cJSON_PrintUnformatted, which stands beside the other where printing is timed. */
extern const struct codec cjson_copy_codec, cjson_unformatted_codec;

/* An upper bound of the encoded message in any format here, escapes and all: what a caller
 * allocates for dst. Walks the message; not meant for a hot path. */
size_t codec_bound(const struct plan *plan, const ProtobufCMessage *message);

#ifdef __cplusplus
}
#endif

#endif
