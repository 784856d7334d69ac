/* SPDX-License-Identifier: MIT */
/*
 * What is done to one document, in one function per operation. They are inline, and a job is a
 * local variable of the loop, so that a row holds nothing but the codec's own time.
 */
#ifndef ASSAY_CODEC_JOB_H
#define ASSAY_CODEC_JOB_H

#include "codec_check.h"
#include "codec_touch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CODEC_FIELDS_MAX = 3 };

struct codec_job {
    const struct codec *codec;
    const struct plan *plan;
    ProtobufCMessage *const *documents;
    void *const *own; /* the same in the codec's own structs, or NULL */
    uint8_t *const *bytes;
    const size_t *lens;
    size_t count; /* of the documents that take turns */
    uint8_t *dst;
    size_t cap;
    struct arena *arena;
    void *place; /* where own structs are decoded */
    const struct plan_field *fields[CODEC_FIELDS_MAX];
    size_t field_count; /* 0: all there are */
};

typedef int codec_step(const struct codec_job *job, size_t i);

/* Into the caller's buffer. */
static inline int codec_encode(const struct codec_job *job, size_t i)
{
    size_t len;
    if (job->own)
        return job->codec->own->encode(job->own[i], job->dst, job->cap, &len);
    return job->codec->encode(job->plan, job->documents[i], job->dst, job->cap, &len);
}

/* Into an arena, whose reset is how the memory is given back. */
static inline int codec_decode(const struct codec_job *job, size_t i)
{
    if (job->own) {
        const void *own;
        return job->codec->own->decode(job->plan, job->place, job->bytes[i], job->lens[i], &own);
    }
    ProtobufCMessage *message;
    arena_reset(job->arena);
    return job->codec->decode(job->plan, job->bytes[i], job->lens[i], &job->arena->allocator,
                              &message);
}

/* Into a buffer from the heap, a little larger than it need be, and that given back. */
static inline int codec_encode_cold(const struct codec_job *job, size_t i)
{
    const size_t cap = job->lens[i] + job->lens[i] / 8 + 64;
    uint8_t *dst = (uint8_t *)malloc(cap);
    size_t len;
    if (!dst)
        return -ENOMEM;
    int err = job->own ? job->codec->own->encode(job->own[i], dst, cap, &len)
                       : job->codec->encode(job->plan, job->documents[i], dst, cap, &len);
    __asm__ volatile("" : : "r"(dst) : "memory"); /* the bytes are there before they go */
    free(dst);
    return err;
}

/* The message from the heap, and given back. What a codec keeps per thread stays. */
static inline int codec_decode_cold(const struct codec_job *job, size_t i)
{
    if (job->own)
        return job->codec->own->decode(job->plan, NULL, job->bytes[i], job->lens[i], NULL);
    ProtobufCMessage *message;
    int err = job->codec->decode(job->plan, job->bytes[i], job->lens[i], &heap_allocator, &message);
    if (err == 0)
        message_free(message, &heap_allocator);
    return err;
}

static inline int codec_look(const struct codec_job *job, size_t i)
{
    return job->codec->check(job->plan, job->bytes[i], job->lens[i]);
}

/* The fields, in the cheapest way of the library; a whole message where it has no other. */
static inline int codec_read(const struct codec_job *job, size_t i)
{
    uint64_t sum = 0;
    int err;
    if (job->codec->read) {
        err = job->codec->read(job->plan, job->bytes[i], job->lens[i],
                               job->field_count ? job->fields : NULL, job->field_count, &sum);
    } else {
        ProtobufCMessage *message;
        arena_reset(job->arena);
        err = job->codec->decode(job->plan, job->bytes[i], job->lens[i], &job->arena->allocator,
                                 &message);
        if (err == 0 && job->field_count == 0)
            sum = codec_touch_all(message, job->plan->root);
        for (size_t f = 0; err == 0 && f < job->field_count; f++)
            sum += codec_touch(message, job->fields[f]);
    }
    __asm__ volatile("" : : "r"(sum));
    return err;
}

/* The floor: the same bytes, moved. Nothing that makes or reads them can be faster. */
static inline int codec_move(const struct codec_job *job, size_t i)
{
    memcpy(job->dst, job->bytes[i], job->lens[i]);
    return 0;
}

#endif
