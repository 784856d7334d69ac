/* SPDX-License-Identifier: MIT */
/* The other parts of json_floor.c, and what its adapters by hand share with it. */
#ifndef ASSAY_JSON_FLOOR_H
#define ASSAY_JSON_FLOOR_H

#include "plan.h"

/* The codec's decode; see codec.h. */
int json_floor_decode(const struct plan *plan, const uint8_t *src, size_t len,
                      ProtobufCAllocator *allocator, ProtobufCMessage **message);

/* The codec's read. */
int json_floor_look(const struct plan *plan, const uint8_t *src, size_t len,
                    const struct plan_field *const *fields, size_t count, uint64_t *sum);

#endif
