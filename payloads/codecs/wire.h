/* SPDX-License-Identifier: MIT */
/* Depth limits around protobuf-c, for types that contain themselves; see PLAN_MAX_DEPTH. */
#ifndef ASSAY_WIRE_H
#define ASSAY_WIRE_H

#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Does unpacking these bytes recurse beyond the limit? Malformed bytes: false, the library says so
 * (it checks one level whole before it goes into the next, so it gets no deeper than the look). */
bool wire_too_deep(const struct plan_message *type, const uint8_t *src, size_t len);

/*
 * Do the structs that Google's library makes of these bytes keep within CODEC_TREE_BUDGET? They are
 * no larger than twice protobuf-c's and a little, strings and places in growing arrays come on top
 * (tests/payloads/test_heap.c holds that against what they take). What comes behind malformed bytes
 * is not looked at: the library does not, either. Linear; short inputs always fit.
 */
bool wire_heap_fits(const struct plan *plan, const uint8_t *src, size_t len);

/* The same as wire_too_deep of a struct that is about to be packed. */
bool wire_message_too_deep(const struct plan_message *type, const ProtobufCMessage *message);

#ifdef __cplusplus
}
#endif

#endif
