/* SPDX-License-Identifier: MIT */
#include "codec_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool codec_corpus_load(struct codec_corpus *corpus)
{
    if (corpus->tried)
        return !*corpus->why;
    corpus->tried = true;
    const struct payload *payload = corpus->payload;
    int err = plan_create(&corpus->plan, payload, corpus->why, sizeof corpus->why);
    if (err == 0)
        err = corpus_load(&corpus->corpus, payload, NULL, corpus->why, sizeof corpus->why);
    if (err == 0 && corpus->corpus.count == 0)
        snprintf(corpus->why, sizeof corpus->why, "%s: no documents", payload->corpus_path);
    if (err != 0 && !*corpus->why)
        snprintf(corpus->why, sizeof corpus->why, "%s: %s", payload->name, strerror(-err));
    return !*corpus->why;
}

/* A member of a message or of an array, whatever its type. */
static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_DOUBLE ? sizeof(double) : sizeof(float);
}

static void zero_floats(ProtobufCMessage *message);

static void zero_floats_of(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *base = (char *)message;
    char *member = base + field->offset;
    const bool nested = field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (!nested && field->type != PROTOBUF_C_TYPE_DOUBLE && field->type != PROTOBUF_C_TYPE_FLOAT)
        return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        const size_t count = *(size_t *)(void *)(base + field->quantifier_offset);
        void *array = *(void **)(void *)member;
        if (!nested && count > 0)
            memset(array, 0, count * element_size(field));
        for (size_t i = 0; nested && i < count; i++)
            zero_floats(((ProtobufCMessage **)array)[i]);
        return;
    }
    /* Of a oneof only the chosen one is there: the others share its memory. */
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
        *(uint32_t *)(void *)(base + field->quantifier_offset) != field->id)
        return;
    if (nested)
        zero_floats(*(ProtobufCMessage **)(void *)member);
    else
        memset(member, 0, element_size(field));
}

static void zero_floats(ProtobufCMessage *message)
{
    for (unsigned i = 0; message && i < message->descriptor->n_fields; i++)
        zero_floats_of(message, &message->descriptor->fields[i]);
}

/* protobuf_c_message_free_unpacked(copy, NULL) gives it back; NULL without memory. */
static ProtobufCMessage *copy_of(const ProtobufCMessage *document)
{
    const size_t len = protobuf_c_message_get_packed_size(document);
    uint8_t *packed = malloc(len ? len : 1);
    if (!packed)
        return NULL;
    protobuf_c_message_pack(document, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(document->descriptor, NULL, len, packed);
    free(packed);
    return copy;
}

/* Are floats and doubles all that differs? Changes `back`. */
static bool only_floats_differ(const ProtobufCMessage *document, ProtobufCMessage *back)
{
    ProtobufCMessage *copy = copy_of(document);
    if (!copy)
        return false;
    zero_floats(copy);
    zero_floats(back);
    const bool same = message_equal(copy, back);
    protobuf_c_message_free_unpacked(copy, NULL);
    return same;
}

/* cJSON prints a double with 15 digits and, if that is not near enough, with 17, but takes "near"
 * to be equal within an epsilon: bits get lost, and that is a figure of the report. */
static bool floats_excused(const struct codec *encoder)
{
    return strcmp(encoder->library, "cJSON") == 0;
}

/* From the message to bytes: by the codec, from its own struct if it has one, or by whoever makes
 * the bytes that it reads. */
static int make_bytes(struct codec_wire *wire, size_t i, size_t cap)
{
    const struct codec *codec = wire->codec, *source = codec_source(codec);
    const struct plan *plan = wire->corpus->plan;
    const ProtobufCMessage *document = wire->corpus->corpus.documents[i];
    if (codec->own) {
        int err = codec->own->adopt(plan, document, &wire->own[i]);
        return err ? err : codec->own->encode(wire->own[i], wire->bytes[i], cap, &wire->lens[i]);
    }
    return source ? source->encode(plan, document, wire->bytes[i], cap, &wire->lens[i]) : -ENOTSUP;
}

/* And back, by another one if this codec only encodes. Own structs are encoded again, and those
 * bytes read by a codec that knows messages. */
static int read_bytes(struct codec_wire *wire, size_t i, size_t cap, struct arena *arena,
                      ProtobufCMessage **back)
{
    const struct codec *codec = wire->codec;
    const struct plan *plan = wire->corpus->plan;
    const uint8_t *src = wire->bytes[i];
    arena_reset(arena);
    if (!codec->own)
        return codec_reader(codec)
                   ? codec_reader(codec)->decode(plan, src, wire->lens[i], &arena->allocator, back)
                   : -ENOTSUP;
    void *place = codec->own->open(plan);
    uint8_t *again = malloc(cap ? cap : 1);
    const void *own;
    size_t len = 0;
    int err = place && again ? 0 : -ENOMEM;
    if (err == 0)
        err = codec->own->decode(plan, place, src, wire->lens[i], &own);
    if (err == 0)
        err = codec->own->encode(own, again, cap, &len);
    if (err == 0)
        err = codec_source(codec)->decode(plan, again, len, &arena->allocator, back);
    free(again);
    codec->own->close(place);
    return err;
}

/* Own structs keep maps in an order of their own: another one is no fault. */
static bool same_shape(const struct codec_wire *wire, const ProtobufCMessage *document,
                       ProtobufCMessage *back, struct message_diff *diff)
{
    ProtobufCMessage *copy = wire->codec->own ? copy_of(document) : NULL;
    if (copy) {
        message_sort_maps(copy, wire->corpus->plan->root);
        message_sort_maps(back, wire->corpus->plan->root);
    }
    const bool same = message_compare(copy ? copy : document, back, diff);
    if (copy)
        protobuf_c_message_free_unpacked(copy, NULL);
    return same;
}

static int check_document(struct codec_wire *wire, size_t i, struct arena *arena)
{
    const struct codec *codec = wire->codec, *source = codec_source(codec);
    const ProtobufCMessage *document = wire->corpus->corpus.documents[i];
    const char *problem = NULL;
    ProtobufCMessage *back = NULL;

    const size_t cap = codec_bound(wire->corpus->plan, document);
    if (cap > wire->cap)
        wire->cap = cap;
    uint8_t *bytes = malloc(cap ? cap : 1);
    if (!bytes)
        return -ENOMEM;
    wire->bytes[i] = bytes;
    int err = source ? make_bytes(wire, i, cap) : -ENOTSUP;
    if (err == 0)
        err = read_bytes(wire, i, cap, arena, &back);
    if (err != 0) {
        problem = strerror(-err);
    } else {
        struct message_diff diff = {0};
        if (!same_shape(wire, document, back, &diff))
            problem = "another shape came back";
        else if (diff.changed > diff.zero_signs && /* a lost sign is a figure, too */
                 !(floats_excused(source) && only_floats_differ(document, back)))
            problem = "another value came back";
        wire->diff.values += diff.values;
        wire->diff.changed += diff.changed;
        wire->diff.zero_signs += diff.zero_signs;
    }
    if (!problem)
        return 0;
    snprintf(wire->why, sizeof wire->why, "%s: document %zu through %s: %s",
             wire->corpus->payload->name, i, codec->name, problem);
    return -EILSEQ;
}

bool codec_wire_check(struct codec_wire *wire)
{
    if (wire->tried)
        return !*wire->why;
    wire->tried = true;
    if (!codec_corpus_load(wire->corpus)) {
        memcpy(wire->why, wire->corpus->why, sizeof wire->why);
        return false;
    }
    const size_t count = wire->corpus->corpus.count;
    struct arena arena = {0};
    arena_init(&arena, ARENA_DEFAULT_BUDGET);
    wire->bytes = calloc(count, sizeof *wire->bytes);
    wire->lens = calloc(count, sizeof *wire->lens);
    wire->own = wire->codec->own ? calloc(count, sizeof *wire->own) : NULL;
    const bool room = wire->bytes && wire->lens && (wire->own || !wire->codec->own);
    int err = room ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && err == 0; i++)
        err = check_document(wire, i, &arena);
    arena_finish(&arena);
    if (err != 0 && !*wire->why)
        snprintf(wire->why, sizeof wire->why, "%s", strerror(-err));
    return err == 0;
}

void codec_wire_finish(struct codec_wire *wire)
{
    const size_t count = wire->corpus ? wire->corpus->corpus.count : 0;
    for (size_t i = 0; i < count; i++) {
        if (wire->bytes)
            free(wire->bytes[i]);
        if (wire->own)
            wire->codec->own->drop(wire->own[i]);
    }
    free(wire->bytes);
    free(wire->lens);
    free(wire->own);
}

double codec_wire_mean_bytes(const struct codec_wire *wire)
{
    const size_t count = wire->corpus->corpus.count;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)wire->lens[i];
    return sum / (double)count;
}
