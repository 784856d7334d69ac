/* SPDX-License-Identifier: MIT */
#include "fidelity.h"

#include "payload.h"

#include "ours_probe.pb-c.h"
#include "ours_probe_required.pb-c.h"

#include <errno.h>
#include <stdlib.h>

static const char *const probe_maps[] = {"ours_probe.Probe.CountsEntry", NULL};
static const struct payload probe = {
    .name = "probe",
    .type = &ours_probe__probe__descriptor,
    .map_entries = probe_maps,
    .schema_path = PROBES_FOLDER "/ours_probe.proto",
};
static const struct payload probe_required = {
    .name = "probe_required",
    .type = &ours_probe_required__probe_required__descriptor,
    .schema_path = PROBES_FOLDER "/ours_probe_required.proto",
};

int fidelity_bed_init(struct fidelity_bed *bed, const struct codec *codec)
{
    char why[256] = "";
    *bed = (struct fidelity_bed){
        .codec = codec, .source = codec_source(codec), .format = foreign_format_of(codec)};
    arena_init(&bed->arena, ARENA_DEFAULT_BUDGET);
    int err = plan_create(&bed->plan, &probe, why, sizeof why);
    if (err == 0)
        err = plan_create(&bed->required, &probe_required, why, sizeof why);
    if (err == 0 && codec->own && !(bed->place = codec->own->open(bed->plan)))
        err = -ENOMEM;
    return err;
}

void fidelity_bed_finish(struct fidelity_bed *bed)
{
    if (bed->codec && bed->codec->own)
        bed->codec->own->close(bed->place);
    plan_destroy(bed->plan);
    plan_destroy(bed->required);
    arena_finish(&bed->arena);
    foreign_finish(&bed->foreign);
    free(bed->buffer);
    *bed = (struct fidelity_bed){0};
}

static int make_room(struct fidelity_bed *bed, size_t cap)
{
    if (cap <= bed->cap)
        return 0;
    uint8_t *more = realloc(bed->buffer, cap);
    if (!more)
        return -ENOMEM;
    bed->buffer = more;
    bed->cap = cap;
    return 0;
}

static int encode_own(struct fidelity_bed *bed, const struct plan *plan,
                      const ProtobufCMessage *message)
{
    void *own = NULL;
    int err = bed->codec->own->adopt(plan, message, &own);
    if (err == 0)
        err = bed->codec->own->encode(own, bed->buffer, bed->cap, &bed->len);
    bed->codec->own->drop(own);
    return err;
}

int fidelity_encode(struct fidelity_bed *bed, const struct plan *plan,
                    const ProtobufCMessage *message)
{
    const int err = make_room(bed, codec_bound(plan, message) + 1024);
    if (err < 0)
        return err;
    if (bed->codec->own)
        return encode_own(bed, plan, message);
    if (!bed->source)
        return -ENOTSUP;
    return bed->source->encode(plan, message, bed->buffer, bed->cap, &bed->len);
}

static int decode_own(struct fidelity_bed *bed, const struct plan *plan, const uint8_t *src,
                      size_t len, ProtobufCMessage **message)
{
    const struct codec *reader = codec_find("protobuf_c");
    const void *own = NULL;
    void *place = plan == bed->plan ? bed->place : bed->codec->own->open(plan);
    int err = place ? bed->codec->own->decode(plan, place, src, len, &own) : -ENOMEM;
    /* Room for what was there, and for what a library may add to a small message. */
    uint8_t *bytes = malloc(2 * len + 1024);
    size_t encoded = 0;
    if (err == 0)
        err = bytes ? bed->codec->own->encode(own, bytes, 2 * len + 1024, &encoded) : -ENOMEM;
    if (err == 0)
        err =
            reader->decode(plan, bytes, encoded, &bed->arena.allocator, message) == 0 ? 0 : -EPROTO;
    free(bytes);
    if (place != bed->place)
        bed->codec->own->close(place);
    return err;
}

int fidelity_decode(struct fidelity_bed *bed, const struct plan *plan, const uint8_t *src,
                    size_t len, ProtobufCMessage **message)
{
    arena_reset(&bed->arena);
    *message = NULL;
    if (bed->codec->own)
        return decode_own(bed, plan, src, len, message);
    if (!bed->codec->decode)
        return -ENOTSUP;
    return bed->codec->decode(plan, src, len, &bed->arena.allocator, message);
}

int fidelity_decode_foreign(struct fidelity_bed *bed, const struct plan *plan,
                            const struct foreign_message *foreign, ProtobufCMessage **message)
{
    *message = NULL;
    if (!foreign_write(&bed->foreign, bed->format, plan->root, foreign))
        return -ENOTSUP;
    return fidelity_decode(bed, plan, bed->foreign.bytes, bed->foreign.len, message);
}
