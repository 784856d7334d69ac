/* SPDX-License-Identifier: MIT */
/*
 * What the generic walk costs is told by adapters without one: for order and feed, straight-line
 * code that names every field. They keep the codecs' contract, write the same bytes, make the same
 * checks of bytes from outside (but for the tree's budget, of which a document here asks no more
 * than a comparison), and are not in the table of codecs. Their styles:
 *
 *     usual    as a library's own examples have it: two calls of the packer per key, keys copied
 *              into the tree, a search of the tree for each field
 *     tight    keys as constants, nothing copied twice, fields looked for where they must come next
 *     inlined  MessagePack, encode: tight, and the packer's callback is in line; no interpreter of
 * a table comes near that, and it is there to say how far away
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
    const char *style;   /* "usual", "tight", "inlined" */
    const char *payload; /* the only one it knows */
    const struct codec *adapter;
};

extern const struct by_hand by_hand[]; /* ends with a NULL codec */

#endif
