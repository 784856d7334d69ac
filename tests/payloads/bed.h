/* SPDX-License-Identifier: MIT */
/* What the tests of payloads and codecs stand on: every message type with its documents, memory
 * with a wall behind it, an allocator that keeps books. */
#ifndef ASSAY_TESTS_PAYLOADS_BED_H
#define ASSAY_TESTS_PAYLOADS_BED_H

#include "codec.h"
#include "payload.h"

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The payloads of the suite, and those of the folder schemas. */
struct subject {
    struct payload payload;
    struct corpus corpus;
    struct plan *plan;
    bool again; /* an earlier one has the same type: the documents differ in size, no more */
};
extern struct subject *subjects; /* ends with a NULL name */
int bed_set_up(void **state);    /* cmocka group fixtures */
int bed_tear_down(void **state);
const struct subject *bed_subject(const char *name);

/* len bytes whose last is followed by a page that faults; valid until the next call. */
uint8_t *bed_walled(size_t len);
uint8_t *bed_walled_copy(const uint8_t *from, size_t len);

/* Allocates from the heap, knows what is out, and refuses the allocation number refuse_at. */
struct ledger {
    ProtobufCAllocator allocator;
    size_t live;  /* handed out and not given back */
    size_t asked; /* allocations so far */
    size_t refuse_at;
};
void ledger_init(struct ledger *ledger, size_t refuse_at);

/* A document encoded, in memory of its own; by codec_source(codec) if it only decodes. */
uint8_t *bed_encode(const struct codec *codec, const struct subject *subject,
                    const ProtobufCMessage *document, size_t *len);

/* Does every bit of a double reach those bytes? Not if cJSON makes them. */
bool bed_exact(const struct codec *codec);

#endif
