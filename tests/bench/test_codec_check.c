/* SPDX-License-Identifier: MIT */
/* codec_check refuses codecs that do not give the same message back: here are such codecs. */
#include "codec_check.h"
#include "codec_touch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct codec *honest(void)
{
    const struct codec *codec = codec_find("protobuf_c");
    assert_non_null(codec);
    return codec;
}

static const char *version(void)
{
    return "0";
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    return honest()->encode(plan, message, dst, cap, len);
}

static int refuse_to_encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                            size_t cap, size_t *len)
{
    (void)plan, (void)message, (void)dst, (void)cap, (void)len;
    return -EINVAL;
}

static int refuse_to_decode(const struct plan *plan, const uint8_t *src, size_t len,
                            ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    (void)plan, (void)src, (void)len, (void)allocator, (void)message;
    return -EBADMSG;
}

typedef bool field_filter(const ProtobufCFieldDescriptor *field);

static bool is_double(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_DOUBLE;
}

static bool is_int64(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64 ||
           field->type == PROTOBUF_C_TYPE_SINT64 || field->type == PROTOBUF_C_TYPE_FIXED64 ||
           field->type == PROTOBUF_C_TYPE_SFIXED64;
}

/* Flips the low bit of the first 8-byte value of this kind, deep first; false if there is none. */
static bool spoil(ProtobufCMessage *message, field_filter *wanted)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        char *member = (char *)message + field->offset;
        const bool nested = field->type == PROTOBUF_C_TYPE_MESSAGE;
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || (!nested && !wanted(field)))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            if (*(size_t *)(void *)((char *)message + field->quantifier_offset) == 0)
                continue;
            member = *(char **)(void *)member; /* the first element */
        }
        if (nested) {
            ProtobufCMessage *inner = *(ProtobufCMessage **)(void *)member;
            if (inner && spoil(inner, wanted))
                return true;
            continue;
        }
        *(uint64_t *)(void *)member ^= 1;
        return true;
    }
    return false;
}

static bool shorten(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        size_t *count = (size_t *)(void *)((char *)message + field->quantifier_offset);
        if (field->label == PROTOBUF_C_LABEL_REPEATED && *count > 0) {
            (*count)--;
            return true;
        }
    }
    return false;
}

static int decode_honestly(const struct plan *plan, const uint8_t *src, size_t len,
                           ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    const int err = honest()->decode(plan, src, len, allocator, message);
    assert_int_equal(err, 0);
    return 0;
}

static int change_double(const struct plan *plan, const uint8_t *src, size_t len,
                         ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    decode_honestly(plan, src, len, allocator, message);
    assert_true(spoil(*message, is_double));
    return 0;
}

static int change_integer(const struct plan *plan, const uint8_t *src, size_t len,
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    decode_honestly(plan, src, len, allocator, message);
    assert_true(spoil(*message, is_int64));
    return 0;
}

static int change_both(const struct plan *plan, const uint8_t *src, size_t len,
                       ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    change_double(plan, src, len, allocator, message);
    assert_true(spoil(*message, is_int64));
    return 0;
}

static int drop_element(const struct plan *plan, const uint8_t *src, size_t len,
                        ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    decode_honestly(plan, src, len, allocator, message);
    assert_true(shorten(*message));
    return 0;
}

static void finish(struct codec_wire *wire)
{
    codec_wire_finish(wire);
    corpus_finish(&wire->corpus->corpus);
    plan_destroy(wire->corpus->plan);
}

/* expected: part of why, or NULL if the codec is to pass. */
static void expect(const struct codec *codec, const char *expected)
{
    struct codec_corpus corpus = {.payload = payload_find("telemetry")};
    assert_non_null(corpus.payload);
    struct codec_wire wire = {.corpus = &corpus, .codec = codec};
    assert_int_equal(codec_wire_check(&wire), expected == NULL);
    assert_int_equal(codec_wire_check(&wire), expected == NULL); /* remembers */
    if (expected) {
        assert_non_null(strstr(wire.why, expected));
        assert_non_null(strstr(wire.why, "telemetry: document 0 through "));
    } else {
        assert_string_equal(wire.why, "");
        assert_true(codec_wire_mean_bytes(&wire) > 0);
    }
    finish(&wire);
}

static struct codec liar(int (*encoder)(const struct plan *, const ProtobufCMessage *, uint8_t *,
                                        size_t, size_t *),
                         int (*decoder)(const struct plan *, const uint8_t *, size_t,
                                        ProtobufCAllocator *, ProtobufCMessage **))
{
    return (struct codec){.name = "liar",
                          .label = "Liar",
                          .format = "none",
                          .library = "cJSON",
                          .content_type = "none",
                          .version = version,
                          .encode = encoder,
                          .decode = decoder};
}

static void test_honest_codecs_pass(void **unused)
{
    (void)unused;
    for (size_t i = 0; codecs[i]; i++)
        expect(codecs[i], NULL);
}

static void test_doubles_may_change_in_cjson_only(void **unused)
{
    (void)unused;
    struct codec codec = liar(encode, change_double);
    expect(&codec, NULL);
    codec.library = "another";
    expect(&codec, "another value came back");
}

static void test_integers_may_not_change(void **unused)
{
    (void)unused;
    struct codec codec = liar(encode, change_integer);
    expect(&codec, "another value came back");
    codec.decode = change_both;
    expect(&codec, "another value came back");
}

static void test_shape_may_not_change(void **unused)
{
    (void)unused;
    struct codec codec = liar(encode, drop_element);
    expect(&codec, "another shape came back");
}

static void test_failures_are_told(void **unused)
{
    (void)unused;
    struct codec codec = liar(encode, refuse_to_decode);
    expect(&codec, strerror(EBADMSG));
    codec.encode = refuse_to_encode;
    expect(&codec, strerror(EINVAL));
}

static void test_a_missing_corpus_is_named(void **unused)
{
    (void)unused;
    struct payload payload = *payload_find("ack");
    payload.corpus_path = "/nowhere/ack.json";
    struct codec_corpus corpus = {.payload = &payload};
    struct codec_wire wire = {.corpus = &corpus, .codec = honest()};
    assert_false(codec_wire_check(&wire));
    assert_non_null(strstr(wire.why, "/nowhere/ack.json"));
    finish(&wire);
}

/* A double, then an integer as well, somewhere below the root. */
static void test_reading_reads_what_is_below(void **unused)
{
    (void)unused;
    struct codec_corpus corpus = {.payload = payload_find("telemetry")};
    assert_true(codec_corpus_load(&corpus));
    const struct plan_message *root = corpus.plan->root;
    ProtobufCMessage *message = corpus.corpus.documents[0];
    const uint64_t before = codec_touch_all(message, root);
    assert_int_equal(codec_touch_all(message, root), before);
    assert_true(spoil(message, is_double));
    const uint64_t between = codec_touch_all(message, root);
    assert_true(between != before);
    assert_true(spoil(message, is_int64));
    assert_true(codec_touch_all(message, root) != between);
    corpus_finish(&corpus.corpus);
    plan_destroy(corpus.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_codecs_pass),
        cmocka_unit_test(test_doubles_may_change_in_cjson_only),
        cmocka_unit_test(test_integers_may_not_change),
        cmocka_unit_test(test_shape_may_not_change),
        cmocka_unit_test(test_failures_are_told),
        cmocka_unit_test(test_a_missing_corpus_is_named),
        cmocka_unit_test(test_reading_reads_what_is_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
