/* SPDX-License-Identifier: MIT */
/*
 * What a codec keeps, changes and refuses: every codec asked the same questions about
 * ours_probe.proto. Values travel encode → decode; what no codec here would write comes from
 * foreign.h, per format, so that a new codec of a known format is asked without anybody asking.
 */
#ifndef ASSAY_FIDELITY_H
#define ASSAY_FIDELITY_H

#include "arena.h"
#include "codec.h"
#include "foreign.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One answer. outcome is a word or a few, from a small vocabulary (codec_fidelity.c lists it). */
struct fidelity_answer {
    const char *outcome;
    bool sampled; /* the next four are there */
    uint64_t sample, changed, refused;
    uint64_t max_ulp; /* the farthest that a float or double moved, in steps between neighbours */
    unsigned depth;   /* 0: not a question of depth */
};

/* One codec under question. */
struct fidelity_bed {
    const struct codec *codec;
    const struct codec *source; /* who encodes: the codec itself if it does */
    enum foreign_format format;
    struct plan *plan, *required; /* of Probe and of ProbeRequired */
    struct arena arena;
    void *place;     /* of a library with structs of its own */
    uint8_t *buffer; /* what the last encode wrote */
    size_t cap, len;
    struct foreign_bytes foreign;
};

struct fidelity_probe {
    const char *name; /* of the probe: [a-z0-9_]+, stays the same for ever */
    const char *group;
    const char *title; /* what a table's row is called */
    struct fidelity_answer (*ask)(struct fidelity_bed *bed);
};

/* In the order of the table; each ends with a NULL name. */
extern const struct fidelity_probe fidelity_numbers[], fidelity_text[], fidelity_schema[];

/* 0 or a negative errno; finish takes a zeroed or half-made bed too. */
int fidelity_bed_init(struct fidelity_bed *bed, const struct codec *codec);
void fidelity_bed_finish(struct fidelity_bed *bed);

/* A message to bytes in bed->buffer; what codec->encode says. */
int fidelity_encode(struct fidelity_bed *bed, const struct plan *plan,
                    const ProtobufCMessage *message);
/* Bytes to a message that lives until the next decode. A library with structs of its own decodes
 * into one and encodes that, and protobuf-c tells what became of it; -EPROTO if that cannot. */
int fidelity_decode(struct fidelity_bed *bed, const struct plan *plan, const uint8_t *src,
                    size_t len, ProtobufCMessage **message);
/* Foreign bytes of a message, decoded; -ENOTSUP if the format cannot say it. */
int fidelity_decode_foreign(struct fidelity_bed *bed, const struct plan *plan,
                            const struct foreign_message *foreign, ProtobufCMessage **message);

static inline struct fidelity_answer fidelity_say(const char *outcome)
{
    return (struct fidelity_answer){.outcome = outcome};
}

#endif
