/* SPDX-License-Identifier: MIT */
/* The part of codec.h that a codec has whose library makes a tree on the way. */
#ifndef ASSAY_CODEC_TREE_H
#define ASSAY_CODEC_TREE_H

#include "plan.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct codec;

/* Where a codec holds on to a tree between two phases: by a pointer, or in the room itself. */
union codec_hold {
    void *tree;
    uint64_t room[12];
};

/*
 * The phases of encode and decode by way of the library's own tree, each alone: encode is build,
 * print, drop; decode is parse, convert, drop. Errors are those of encode and decode, and then
 * nothing is held. A built tree may borrow from the message, a parsed one from src. NULL where
 * there is no such phase.
 */
struct codec_tree {
    int (*build)(const struct plan *plan, const ProtobufCMessage *message, union codec_hold *hold);
    int (*print)(const union codec_hold *hold, uint8_t *dst, size_t cap, size_t *len);
    void (*drop_built)(union codec_hold *hold);

    /* With the check in front, if there is one: src is not trusted here either. */
    int (*parse)(const uint8_t *src, size_t len, union codec_hold *hold);
    int (*convert)(const struct plan *plan, const union codec_hold *hold,
                   ProtobufCAllocator *allocator, ProtobufCMessage **message);
    void (*drop_parsed)(union codec_hold *hold);
    bool single; /* a thread has one parsed tree: the next one takes its place */
};

/* A tree, built or parsed and given back; 0 if the codec knows no such phase. */
int codec_build(const struct codec *codec, const struct plan *plan,
                const ProtobufCMessage *message);
int codec_parse(const struct codec *codec, const uint8_t *src, size_t len);

#ifdef __cplusplus
}
#endif

#endif
