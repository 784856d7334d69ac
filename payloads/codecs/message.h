/* SPDX-License-Identifier: MIT */
/* What can be done with any message of any payload, through its descriptor. */
#ifndef ASSAY_MESSAGE_H
#define ASSAY_MESSAGE_H

#include "plan.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a message came back: values compared and values that differ (a lost bit of a double is one).
 */
struct message_diff {
    uint64_t values;
    uint64_t changed;
    uint64_t
        zero_signs; /* of those changed: a -0.0 for a 0.0. protobuf-c leaves it out in proto3 */
};

/* Same shape and same values, bit for bit (-0.0 is not 0.0; NaN equals the same NaN). */
bool message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);
/* Counts; false if the shapes differ (another number of elements, presence, oneof case). */
bool message_compare(const ProtobufCMessage *a, const ProtobufCMessage *b,
                     struct message_diff *diff);
/* Reads every byte of every field and returns a checksum: no lazy decoder gets away with less. */
uint64_t message_touch(const ProtobufCMessage *message);
/* Puts the entries of every map into one order: what is equal but for that compares equal then. */
void message_sort_maps(ProtobufCMessage *message, const struct plan_message *type);
/* Frees a decoded message: protobuf_c_message_free_unpacked, NULL is fine. */
void message_free(ProtobufCMessage *message, ProtobufCAllocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
