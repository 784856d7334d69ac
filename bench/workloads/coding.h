/* SPDX-License-Identifier: MIT */
/* Decoding a body and encoding a reply, for the workloads that carry a payload. */
#ifndef ASSAY_CODING_H
#define ASSAY_CODING_H

#include "arena.h"
#include "workloads.h"

struct bytes;

/* The whole of such a workload's frame; zeroed is valid. The arena keeps its memory from request to
 * request. */
struct coding {
    struct arena arena;
    bool ready;
    uint64_t touched; /* what message_touch returned: kept, so that reading cannot be left out */
};

/* Forgets what the arena held, decodes, reads every field. 0 or what decode returned. */
int coding_decode(struct coding *coding, const struct workload_setup *setup, const uint8_t *src,
                  size_t len, ProtobufCMessage **message);

/* Appends the encoded message to out; expected_len is a guess at its size. 0 or a negative errno.
 */
int coding_encode(const struct workload_setup *setup, const ProtobufCMessage *message,
                  size_t expected_len, struct bytes *out);

void coding_close(void *frame); /* workload.frame_close */

#endif
