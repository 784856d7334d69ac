/* SPDX-License-Identifier: MIT */
/* Maps in every format: what is taken and what refused, keys that come twice, their nesting. */
#include "arena.h"
#include "bed.h"
#include "field.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void for_format(const char *format, void (*check)(const struct codec *codec))
{
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if (strcmp((*codec)->format, format) == 0 && (*codec)->decode != NULL)
            check(*codec);
    }
}

struct bytes {
    const char *bytes;
    size_t len;
    int error;
};
#define BYTES(literal, error)                                                                      \
    {                                                                                              \
        literal, sizeof(literal) - 1, error                                                        \
    }

/* Of ours_maps.proto. */
static const struct bytes json[] = {
    BYTES("{\"texts\":{}}", 0),
    BYTES("{\"texts\":{\"a\":\"b\",\"\":\"\"}}", 0),
    BYTES("{\"texts\":{\"a\":1}}", -EBADMSG),
    BYTES("{\"texts\":{\"a\":null}}", -EBADMSG),
    BYTES("{\"texts\":[]}", -EBADMSG),
    BYTES("{\"texts\":[{\"key\":\"a\",\"value\":\"b\"}]}", -EBADMSG),
    BYTES("{\"texts\":\"a\"}", -EBADMSG),
    BYTES("{\"texts\":null}", 0),
    BYTES("{\"texts\":{\"a\":\"b\"},\"texts\":{\"c\":\"d\"}}", 0),
    BYTES("{\"texts\":{\"a\":\"b\"},\"texts\":{\"c\":4}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"-2147483648\":0,\"2147483647\":0}}", 0),
    BYTES("{\"by_int32\":{\"2147483648\":0}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"\":0}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"1.0\":0}}", -EBADMSG),
    BYTES("{\"by_int32\":{\" 1\":0}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"one\":0}}", -EBADMSG),
    BYTES("{\"by_uint32\":{\"4294967295\":0}}", 0),
    BYTES("{\"by_uint32\":{\"-1\":0}}", -EBADMSG),
    BYTES("{\"by_uint32\":{\"4294967296\":0}}", -EBADMSG),
    BYTES("{\"by_int64\":{\"-9223372036854775808\":0}}", 0),
    BYTES("{\"by_int64\":{\"9223372036854775808\":0}}", -EBADMSG),
    BYTES("{\"by_uint64\":{\"18446744073709551615\":true}}", 0),
    BYTES("{\"by_uint64\":{\"18446744073709551616\":true}}", -EBADMSG),
    BYTES("{\"by_bool\":{\"true\":1,\"false\":2}}", 0),
    BYTES("{\"by_bool\":{\"True\":1}}", -EBADMSG),
    BYTES("{\"by_bool\":{\"\":1}}", -EBADMSG),
    BYTES("{\"by_bool\":{\"1\":1}}", -EBADMSG),
    BYTES("{\"by_sfixed64\":{\"1\":\"AAE=\"}}", 0),
    BYTES("{\"by_sfixed64\":{\"1\":\"!\"}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"-10\":1,\"10\":1,\"0\":1}}", 0),
    BYTES("{\"by_int32\":{\"-0\":1}}", -EBADMSG),
    BYTES("{\"by_int32\":{\"-07\":1}}", -EBADMSG),
    BYTES("{\"by_uint32\":{\"00\":1}}", -EBADMSG),
    BYTES("{\"by_fixed64\":{\"1\":\"BRIGHT\",\"2\":-2,\"3\":99}}", 0),
    BYTES("{\"by_fixed64\":{\"1\":\"PINK\"}}", -EBADMSG),
    BYTES("{\"inner\":{\"a\":{},\"b\":{\"inner\":{\"c\":{}}}}}", 0),
    BYTES("{\"inner\":{\"a\":{},\"b\":[]}}", -EBADMSG),
    BYTES("{\"pair\":[{\"key\":\"k\",\"value\":1},{}]}", 0),
    BYTES("{\"pair\":{\"k\":1}}", -EBADMSG),
    BYTES("{\"texts\":{\"a\":\"b\"", -EBADMSG),
    BYTES("{\"texts\":{\"a\"}}", -EBADMSG),
    BYTES("{\"texts\":{\"a\":}}", -EBADMSG),
    BYTES("{\"texts\":{\"a\":\"b\",}}", -EBADMSG),
    BYTES("{\"texts\":{\"a\":\"b\" \"c\":\"d\"}}", -EBADMSG),
};

static const struct bytes msgpack[] = {
    BYTES("\x81\xa5texts\x80", 0),
    BYTES("\x81\xa5texts\x82\xa1"
          "a\xa1"
          "b\xa0\xa0",
          0),
    BYTES("\x81\xa5texts\x90", -EBADMSG),
    BYTES("\x81\xa5texts\xc0", -EBADMSG),
    BYTES("\x81\xa5texts\x81\x01\xa1x", -EBADMSG),
    BYTES("\x81\xa5texts\x81\xa1x\x01", -EBADMSG),
    BYTES("\x81\xa5texts\x81\xa1x", -EBADMSG),
    BYTES("\x81\xa8"
          "by_int32\x81\xff\x01",
          0),
    BYTES("\x81\xa8"
          "by_int32\x81\xce\xff\xff\xff\xff\x01",
          -EBADMSG),
    BYTES("\x81\xa8"
          "by_int32\x81\xa1\x31\x01",
          -EBADMSG),
    BYTES("\x81\xa9"
          "by_uint32\x81\xff\x01",
          -EBADMSG),
    BYTES("\x81\xa9"
          "by_uint64\x81\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc3",
          0),
    BYTES("\x81\xa7"
          "by_bool\x82\xc3\x01\xc2\x02",
          0),
    BYTES("\x81\xa7"
          "by_bool\x81\x01\x01",
          -EBADMSG),
    BYTES("\x81\xa5inner\x81\xa1x\x80", 0),
    BYTES("\x81\xa5inner\x81\xa1x\x90", -EBADMSG),
    BYTES("\x81\xa5texts\xdf\x00\xff\xff\xff\xa1x\xa1y", -EBADMSG),
};

static void takes_or_refuses(const struct codec *codec, const struct bytes *bytes)
{
    const struct subject *subject = bed_subject("ours_maps");
    struct ledger ledger;
    ProtobufCMessage *message = NULL;
    ledger_init(&ledger, SIZE_MAX);
    uint8_t *walled = bed_walled_copy((const uint8_t *)bytes->bytes, bytes->len);
    int error = codec->decode(subject->plan, walled, bytes->len, &ledger.allocator, &message);
    if (error != bytes->error)
        fail_msg("%s: %s: %d", codec->name, bytes->bytes, error);
    message_free(message, &ledger.allocator);
    assert_int_equal(ledger.live, 0);
}

static void json_of(const struct codec *codec)
{
    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
        takes_or_refuses(codec, &json[i]);
}

static void msgpack_of(const struct codec *codec)
{
    for (size_t i = 0; codec->shape == NULL || strcmp(codec->shape, "keys") == 0; i++) {
        if (i == sizeof(msgpack) / sizeof(msgpack[0]))
            break;
        takes_or_refuses(codec, &msgpack[i]);
    }
}

static void kinds_are_kept(void **state)
{
    (void)state;
    for_format("JSON", json_of);
    for_format("MessagePack", msgpack_of);
}

/* Maps are objects, whatever looks like a map's entry is not. */
static void written_as_objects_of(const struct codec *codec)
{
    static const char *const texts[] = {
        "\"by_int32\":{\"0\":0,\"-2147483648\":2147483647,\"7\":-7}",
        "\"by_bool\":{\"true\":1,\"false\":0}", "\"pair\":[{"};
    const struct subject *subject = bed_subject("ours_maps");
    size_t found = 0, len;
    for (size_t i = 0; codec->encode != NULL && i < subject->corpus.count; i++) {
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
            found += memmem(bytes, len, texts[t], strlen(texts[t])) != NULL;
        free(bytes);
    }
    if (codec->encode != NULL && found != sizeof(texts) / sizeof(texts[0]))
        fail_msg("%s: %zu of the objects found", codec->name, found);
}

static void written_as_objects(void **state)
{
    (void)state;
    for_format("JSON", written_as_objects_of);
}

/* by_bool = {true: 1, false: 3, true: 2}: two entries or three, and of true the last says 2. */
static void twice(const struct codec *codec, const void *bytes, size_t len)
{
    const struct subject *subject = bed_subject("ours_maps");
    const struct plan_message *type = subject->plan->root;
    const struct plan_field *map = field_named(type, type->fields, "by_bool", 7);
    ProtobufCMessage *message;
    uint32_t value = 0;
    assert_int_equal(codec->decode(subject->plan, bytes, len, &heap_allocator, &message), 0);
    size_t count = field_count(message, map);
    assert_in_range(count, 2, 3);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessage *entry = field_entry(message, map, i);
        if (*(const protobuf_c_boolean *)field_get(entry, field_map_key(map)->offset))
            value = *(const uint32_t *)field_get(entry, field_map_value(map)->offset);
    }
    assert_int_equal(value, 2);
    message_free(message, &heap_allocator);
}

static void json_twice(const struct codec *codec)
{
    static const char text[] = "{\"by_bool\":{\"true\":1,\"false\":3,\"true\":2}}";
    twice(codec, text, sizeof(text) - 1);
}

static void msgpack_twice(const struct codec *codec)
{
    static const char bytes[] = "\x81\xa7"
                                "by_bool\x83\xc3\x01\xc2\x03\xc3\x02";
    if (codec->shape == NULL || strcmp(codec->shape, "keys") == 0)
        twice(codec, bytes, sizeof(bytes) - 1);
}

static void protobuf_twice(const struct codec *codec)
{
    /* Field 12 thrice: key 1, value 2; false is left out, as in proto3. */
    static const char bytes[] = "\x62\x04\x08\x01\x10\x01\x62\x02\x10\x03\x62\x04\x08\x01\x10\x02";
    twice(codec, bytes, sizeof(bytes) - 1);
}

static void the_last_of_equal_keys_counts(void **state)
{
    (void)state;
    for_format("JSON", json_twice);
    for_format("MessagePack", msgpack_twice);
    for_format("Protocol Buffers", protobuf_twice);
}

/* A message with a map of itself, n levels down: entry and value are a level each. */
static ProtobufCMessage *chain(const struct plan_field *map, const struct plan_message *type,
                               unsigned n)
{
    ProtobufCMessage *message = field_new_message(type, &heap_allocator);
    void *entries;
    size_t *filled;
    assert_non_null(message);
    if (n == 0)
        return message;
    assert_int_equal(field_open_array(message, map, 1, &heap_allocator, &entries, &filled), 0);
    ProtobufCMessage *entry = field_next_entry(entries, map, filled, &heap_allocator);
    assert_non_null(entry);
    assert_int_equal(field_put_string(field_open(entry, field_map_key(map), &heap_allocator), "k",
                                      1, &heap_allocator),
                     0);
    *(ProtobufCMessage **)field_open(entry, field_map_value(map), &heap_allocator) =
        chain(map, type, n - 1);
    return message;
}

static void entries_are_levels(void **state)
{
    const struct subject *subject = bed_subject("ours_maps");
    const struct plan_message *type = subject->plan->root;
    const struct plan_field *map = field_named(type, type->fields, "inner", 5);
    (void)state;
    ProtobufCMessage *deepest = chain(map, type, (PLAN_MAX_DEPTH - 1) / 2);
    ProtobufCMessage *too_deep = chain(map, type, (PLAN_MAX_DEPTH - 1) / 2 + 1);
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        ProtobufCMessage *message = NULL;
        size_t len, cap = codec_bound(subject->plan, too_deep) + 1000;
        if (!codec_is_whole(*codec))
            continue;
        uint8_t *bytes = malloc(cap);
        assert_int_equal((*codec)->encode(subject->plan, too_deep, bytes, cap, &len), -EINVAL);
        assert_int_equal((*codec)->encode(subject->plan, deepest, bytes, cap, &len), 0);
        int error = (*codec)->decode(subject->plan, bytes, len, &heap_allocator, &message);
        /* msgpack-c itself stops at 32 containers. */
        if (strcmp((*codec)->library, "msgpack-c") == 0) {
            assert_int_equal(error, -EBADMSG);
        } else {
            assert_int_equal(error, 0);
            assert_true(message_equal(deepest, message));
        }
        message_free(message, &heap_allocator);
        free(bytes);
    }
    message_free(deepest, &heap_allocator);
    message_free(too_deep, &heap_allocator);
}

/* Every map of ours_maps.proto, and nothing that only looks like one. */
static void only_maps_are_flagged(void **state)
{
    (void)state;
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        for (size_t m = 0; m < subject->plan->count; m++) {
            const struct plan_message *type = &subject->plan->messages[m];
            for (uint32_t i = 0; i < type->count; i++) {
                const struct plan_field *field = &type->fields[i];
                if (!field->map)
                    continue;
                assert_true(field->repeated);
                assert_int_equal(field->message->count, 2);
                assert_string_equal(field_map_key(field)->name, "key");
                assert_string_equal(field_map_value(field)->name, "value");
            }
        }
    }
    const struct plan_message *type = bed_subject("ours_maps")->plan->root;
    size_t maps = 0;
    for (uint32_t i = 0; i < type->count; i++)
        maps += type->fields[i].map;
    assert_int_equal(maps, 13);
    assert_false(field_named(type, type->fields, "pair", 4)->map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_maps_are_flagged), cmocka_unit_test(kinds_are_kept),
        cmocka_unit_test(written_as_objects),    cmocka_unit_test(the_last_of_equal_keys_counts),
        cmocka_unit_test(entries_are_levels),
    };
    return cmocka_run_group_tests_name("maps", tests, bed_set_up, bed_tear_down);
}
