/* SPDX-License-Identifier: MIT */
/* Depth limits around protobuf-c, for types that contain themselves; see PLAN_MAX_DEPTH. */
#ifndef ASSAY_WIRE_H
#define ASSAY_WIRE_H

#include "plan.h"

/* Does unpacking these bytes recurse beyond the limit? Malformed bytes: false, the library says so
 * (it checks one level whole before it goes into the next, so it gets no deeper than the look). */
bool wire_too_deep(const struct plan_message *type, const uint8_t *src, size_t len);

/* The same of a struct that is about to be packed. */
bool wire_message_too_deep(const struct plan_message *type, const ProtobufCMessage *message);

#endif
