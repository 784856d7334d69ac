/* SPDX-License-Identifier: MIT */
/*
 * What the generic walk costs is told by adapters without one: for order and feed, straight-line
 * code that names every field, in the style that a library's own examples have ("usual") and in the
 * fastest that we know to write with it ("tight"). They keep the codecs' contract, write the same
 * bytes and make the same checks of bytes from outside, and are not in the table of codecs.
 *
 * protobuf-c has no style but its own: what it generates for a type calls the same walk over its
 * descriptor that the codec calls, and code that wrote the wire format itself would no longer be
 * protobuf-c. The JSON floor is ours: its one style is the tight one.
 */
#ifndef ASSAY_BY_HAND_H
#define ASSAY_BY_HAND_H

#include "codec.h"

struct by_hand {
    const char *codec;   /* the name of the codec that it stands beside */
    const char *style;   /* "usual" or "tight" */
    const char *payload; /* the only one it knows */
    const struct codec *adapter;
};

extern const struct by_hand by_hand[]; /* ends with a NULL codec */

#endif
