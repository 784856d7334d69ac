/* SPDX-License-Identifier: MIT */
/*
 * What a codec makes of a corpus, found out before any clock runs: every document encoded, decoded
 * and compared. A codec that does not give the same message back gets no number.
 */
#ifndef ASSAY_CODEC_CHECK_H
#define ASSAY_CODEC_CHECK_H

#include "arena.h"
#include "codec.h"
#include "message.h"
#include "payload.h"

/* A payload's documents, loaded when first asked for and shared by all codecs. */
struct codec_corpus {
    const struct payload *payload;
    struct plan *plan;
    struct corpus corpus;
    bool tried;
    char why[512]; /* empty: loaded */
};

/* A codec's bytes of every document. */
struct codec_wire {
    struct codec_corpus *corpus;
    const struct codec *codec;
    uint8_t **bytes;
    size_t *lens;
    void **own;               /* the documents in the codec's own structs; NULL if it has none */
    size_t cap;               /* what the largest document may need */
    struct message_diff diff; /* over all documents */
    bool tried;
    char why[512]; /* empty: every document came back */
};

/* Both do their work once; true if why is empty. */
bool codec_corpus_load(struct codec_corpus *corpus);
bool codec_wire_check(struct codec_wire *wire);

void codec_wire_finish(struct codec_wire *wire); /* a zeroed one, too */

double codec_wire_mean_bytes(const struct codec_wire *wire);

/* codec_bench --fidelity: checks every codec on every payload, writes the figures to path (NULL: to
 * standard output). Returns the program's exit code. */
int codec_fidelity(const char *path);

/* codec_bench --list-codecs. */
int codec_list(void);

#endif
