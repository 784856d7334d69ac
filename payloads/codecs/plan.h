/* SPDX-License-Identifier: MIT */
/*
 * A message type compiled once, outside the clock, into a flat table of fields: what a codec needs
 * to walk a protobuf-c struct without asking the descriptor again for every field of every message.
 */
#ifndef ASSAY_PLAN_H
#define ASSAY_PLAN_H

#include <protobuf-c/protobuf-c.h>

struct plan; /* the fields are in plan.c's own words: the owner of this folder completes this header
              */

/* 0 or a negative errno; -ENOTSUP with a sentence in why for what no codec here can carry. */
int plan_create(struct plan **plan, const ProtobufCMessageDescriptor *type, char *why,
                size_t why_cap);
void plan_destroy(struct plan *plan); /* NULL is fine */

#endif
