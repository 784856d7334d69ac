/* SPDX-License-Identifier: MIT */
/*
 * One decoder under hostile bytes: the harness that libFuzzer drives (fuzz_decode.c) and that every
 * build runs over a fixed set of mutations (fuzz_replay.c).
 *
 * An input is a byte that chooses the message type, then the bytes to decode.
 */
#ifndef ASSAY_TESTS_FUZZ_FUZZ_H
#define ASSAY_TESTS_FUZZ_FUZZ_H

#include "codec.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a message that is being decoded may take from its allocator. */
#define FUZZ_BUDGET ((size_t)16 << 20)
/* Documents whose bytes are more are no seeds: they would only make every run slow. */
#define FUZZ_SEED_MAX 12000

/* Loads every type; once, before all else. False with a word on stderr. */
bool fuzz_set_up(void);
void fuzz_tear_down(void);

/*
 * Decodes, and aborts with a word on stderr if what must hold does not: a message is complete and
 * its own, encodes again, and comes back equal from that; nothing stays allocated, whether decoding
 * went well, was refused, or ran out of memory half-way; the budget is kept.
 */
void fuzz_input(const struct codec *codec, const uint8_t *input, size_t len);

/* Calls use with every input made from a document of a corpus. */
void fuzz_seeds(const struct codec *codec,
                void (*use)(void *data, const uint8_t *input, size_t len), void *data);

/* The same with bombs: little that could make much, of all sizes that a budget tells apart. */
void fuzz_bombs(const struct codec *codec,
                void (*use)(void *data, const uint8_t *input, size_t len), void *data);

/* Words of the format and of the schemas, as a libFuzzer dictionary. */
void fuzz_dictionary(const struct codec *codec, FILE *out);

#endif
