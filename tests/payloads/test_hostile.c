/* SPDX-License-Identifier: MIT */
/* Bytes that nobody should trust: cut off, changed, of the wrong type. */
#include "hostile_bed.h"
#include "msgpack_counts.h"

#include <msgpack.h>

static void survives_cuts(const struct codec *codec, const struct subject *subject)
{
    for (size_t i = 0; i < subject->corpus.count && i < 4; i++) {
        size_t len;
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        size_t step = len > 4000 ? len / 200 : 1;
        for (size_t cut = 0; cut < len; cut += cut + 50 < len ? step : 1) {
            int error = decode(codec, subject, bed_walled_copy(bytes, cut), cut);
            /* Half a map is none; half a Protocol Buffers message may well be one. */
            if (strcmp(codec->format, "Protocol Buffers") != 0)
                assert_int_equal(error, -EBADMSG);
        }
        if (codec->tree != NULL && codec->tree->parse != NULL)
            assert_int_equal(codec_parse(codec, bed_walled_copy(bytes, len / 2), len / 2),
                             -EBADMSG);
        free(bytes);
        if (len > 20000)
            break;
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* One byte changed, then also a few more on top of it. */
static void survives_changes(const struct codec *codec, const struct subject *subject)
{
    uint64_t seed = 88172645463325252u;
    size_t refused = 0, rounds = 0;
    for (size_t i = 0; i < subject->corpus.count && i < 16; i++) {
        size_t len;
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        size_t times = len > 20000 ? 30 : len > 4000 ? 60 : len > 0 ? 200 : 0;
        for (size_t n = 0; n < times; n++, rounds++) {
            uint8_t *walled = bed_walled_copy(bytes, len);
            /* Half of them near the beginning: in a long string no codec minds. And of those half
             * in a header: the string may be all there is. */
            size_t near = n % 4 == 1 ? 8 : 200, span = n % 2 == 0 || len < near ? len : near;
            for (size_t change = 0; change <= n % 3; change++)
                walled[next_random(&seed) % span] = (uint8_t)next_random(&seed);
            refused += decode(codec, subject, walled, len) != 0;
        }
        free(bytes);
    }
    assert_true(rounds == 0 || refused > 0);
    /* A few short documents may have no byte that could be another. */
    assert_true(refused < rounds || rounds < 3000);
}

static void cuts(void **state)
{
    (void)state;
    for_all(survives_cuts);
}

static void changes(void **state)
{
    (void)state;
    for_all(survives_changes);
}

/* Garbage, and nothing at all. */
static void noise(void **state)
{
    uint64_t seed = 362436069;
    (void)state;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if ((*codec)->decode == NULL)
            continue;
        const struct subject *subject = bed_subject("ours_everything");
        for (size_t len = 0; len < 300; len++) {
            uint8_t *walled = bed_walled(len);
            for (size_t i = 0; i < len; i++)
                walled[i] = (uint8_t)next_random(&seed);
            decode(*codec, subject, walled, len);
        }
    }
}

enum { EITHER = 1 }; /* read or refused: what the library is able to */

struct json_case {
    const char *text;
    int error;
};

/* Of ours_everything.proto: "must" is required. */
static const struct json_case json_cases[] = {
    {"{\"must\":1}", 0},
    {" \n{ \"must\" : 1 }\t ", 0},
    {"", -EBADMSG},
    {" ", -EBADMSG},
    {"[]", -EBADMSG},
    {"{}", -EBADMSG},
    {"{\"must\":1}}", -EBADMSG},
    {"{\"must\":1} x", -EBADMSG},
    {"{\"must\":1}{}", -EBADMSG},
    {"{\"must\":1,", -EBADMSG},
    {"{\"must\":1,}", -EBADMSG},
    {"{\"must\":\"1\"}", 0},
    {"{\"must\":1.5}", -EBADMSG},
    {"{\"must\":true}", -EBADMSG},
    {"{\"must\":null}", -EBADMSG},
    {"{\"must\":2147483648}", -EBADMSG},
    {"{\"must\":-2147483649}", -EBADMSG},
    {"{\"must\":\"2147483648\"}", -EBADMSG},
    {"{\"must\":1e999}", -EBADMSG},
    {"{\"must\":1,\"unknown\":{\"a\":[1,2,{}]}}", 0},
    {"{\"must\":1,\"text\":5}", -EBADMSG},
    {"{\"must\":1,\"text\":null}", 0},
    {"{\"must\":1,\"text\":\"a\",\"text\":\"b\"}", 0},
    {"{\"must\":1,\"raw\":\"AAE=\",\"raw\":\"AA==\"}", 0},
    {"{\"must\":1,\"raw\":\"A\"}", -EBADMSG},
    {"{\"must\":1,\"raw\":\"AA==A\"}", -EBADMSG},
    {"{\"must\":1,\"raw\":\"AA=A\"}", -EBADMSG},
    {"{\"must\":1,\"raw\":\"A*==\"}", -EBADMSG},
    {"{\"must\":1,\"self\":{\"must\":2},\"self\":{\"must\":3}}", 0},
    {"{\"must\":1,\"self\":{}}", -EBADMSG},
    {"{\"must\":1,\"self\":[]}", -EBADMSG},
    {"{\"must\":1,\"texts\":[\"a\",\"b\"],\"texts\":[\"c\"]}", 0},
    {"{\"must\":1,\"selves\":[{\"must\":1}],\"selves\":[{\"must\":1},{}]}", -EBADMSG},
    {"{\"must\":1,\"selves\":{\"must\":1}}", -EBADMSG},
    {"{\"must\":1,\"texts\":\"a\"}", -EBADMSG},
    {"{\"must\":1,\"texts\":[1]}", -EBADMSG},
    {"{\"must\":1,\"chosen_text\":\"a\",\"chosen_number\":\"5\"}", 0},
    {"{\"must\":1,\"chosen_number\":\"5\",\"chosen_text\":\"a\",\"chosen_message\":{},"
     "\"chosen_raw\":\"AA==\",\"chosen_yes\":true,\"chosen_text\":\"b\"}",
     0},
    {"{\"must\":1,\"u64\":\"18446744073709551615\"}", 0},
    {"{\"must\":1,\"u64\":\"18446744073709551616\"}", -EBADMSG},
    {"{\"must\":1,\"u64\":\"-1\"}", -EBADMSG},
    {"{\"must\":1,\"u64\":9007199254740991}", 0},
    {"{\"must\":1,\"u64\":9007199254740993}", EITHER}, /* as a double it is 2^53 */
    {"{\"must\":1,\"u64\":18446744073709551615}", EITHER},
    {"{\"must\":1,\"u64\":9007199254740993.0}", -EBADMSG},
    {"{\"must\":1,\"u64\":18446744073709551616}", -EBADMSG},
    {"{\"must\":1,\"i64\":9223372036854775808}", -EBADMSG},
    {"{\"must\":1,\"i64\":-9223372036854775809}", -EBADMSG},
    {"{\"must\":1,\"i64\":\"9223372036854775808\"}", -EBADMSG},
    {"{\"must\":1,\"i64\":\"\"}", -EBADMSG},
    {"{\"must\":1,\"i64\":\"-\"}", -EBADMSG},
    {"{\"must\":1,\"i64\":\"1x\"}", -EBADMSG},
    {"{\"must\":1,\"u32\":-1}", -EBADMSG},
    {"{\"must\":1,\"u32\":4294967296}", -EBADMSG},
    {"{\"must\":1,\"real32\":1e39}", -EBADMSG},
    {"{\"must\":1,\"real32\":\"NaN\",\"real64\":\"-Infinity\"}", 0},
    {"{\"must\":1,\"real64\":\"nan\"}", -EBADMSG},
    {"{\"must\":1,\"real64\":1e999}", -EBADMSG},
    {"{\"must\":1,\"yes\":1}", -EBADMSG},
    {"{\"must\":1,\"colour\":\"RED\"}", 0},
    {"{\"must\":1,\"colour\":\"red\"}", -EBADMSG},
    {"{\"must\":1,\"colour\":99}", 0},
    {"{\"must\":1,\"colour\":99.5}", -EBADMSG},
};

static void json_types_of(const struct codec *codec)
{
    for (size_t i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++) {
        const char *text = json_cases[i].text;
        uint8_t *walled = bed_walled_copy((const uint8_t *)text, strlen(text));
        int error = decode(codec, bed_subject("ours_everything"), walled, strlen(text));
        if (error != json_cases[i].error && json_cases[i].error != EITHER)
            fail_msg("%s: %s: %d", codec->name, text, error);
    }
}

static void json_types(void **state)
{
    (void)state;
    for_format("JSON", json_types_of);
}

static void msgpack_types_of(const struct codec *codec)
{
    static const struct {
        struct bytes bytes;
        int error;
    } cases[] = {
        {BYTES("\x81\xa4must\x01"), 0},
        {BYTES("\x81\xa4must\xd3\xff\xff\xff\xff\x80\x00\x00\x00"), 0},
        {BYTES("\x81\xa4must\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"), -EBADMSG},
        {BYTES("\x81\xa4must\xce\x80\x00\x00\x00"), -EBADMSG},
        {BYTES("\x80"), -EBADMSG},
        {BYTES("\x90"), -EBADMSG},
        {BYTES("\x81\xa4must\xc0"), -EBADMSG},
        {BYTES("\x81\xa4must\xc3"), -EBADMSG},
        {BYTES("\x81\xa4must\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"), -EBADMSG},
        {BYTES("\x81\xa4must\xa1\x31"), -EBADMSG},
        {BYTES("\x81\xa4must\x01\x00"), -EBADMSG}, /* something follows */
        {BYTES("\x82\xa4must\x01\xa4must\x02"), 0},
        {BYTES("\x82\xa4must\x01\x05\x06"), 0}, /* a key that is no string */
        {BYTES("\x82\xa4must\x01\xa7unknown\x93\x01\x81\xa1x\xc0\xc7\x02\x05zz"), 0},
        {BYTES("\x83\xa4must\x01\xa4text\xa1x\xa4text\xa1y"), 0},
        {BYTES("\x82\xa4must\x01\xa4text\xc4\x01x"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa3raw\xc4\x01x"), 0},
        {BYTES("\x82\xa4must\x01\xa3raw\xa1x"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa3yes\xc2"), 0},
        {BYTES("\x82\xa4must\x01\xa3yes\x01"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa6real32\xca\x3f\x80\x00\x00"), 0},
        {BYTES("\x82\xa4must\x01\xa6real32\xcb\x48\x00\x00\x00\x00\x00\x00\x00"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa6real64\x01"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa3u32\xff"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa3i64\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa5texts\xa1x"), -EBADMSG},
        {BYTES("\x82\xa4must\x01\xa5texts\x92\xa1x\x01"), -EBADMSG},
        {BYTES("\x83\xa4must\x01\xa5texts\x92\xa1x\xa1y\xa5texts\x90"), 0},
        {BYTES("\x82\xa4must\x01\xa4self\x80"), -EBADMSG},
        {BYTES("\x83\xa4must\x01\xa4self\x81\xa4must\x01\xa4self\x81\xa4must\x02"), 0},
        {BYTES("\x83\xa4must\x01\xab"
               "chosen_text\xa1x\xad"
               "chosen_number\x05"),
         0},
        {BYTES("\x83\xa4must\x01\xad"
               "chosen_number\x05\xab"
               "chosen_text\xa1x"),
         0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct bytes *bytes = &cases[i].bytes;
        uint8_t *walled = bed_walled_copy((const uint8_t *)bytes->bytes, bytes->len);
        int error = decode(codec, bed_subject("ours_everything"), walled, bytes->len);
        if (error != cases[i].error)
            fail_msg("%s: case %zu: %d", codec->name, i, error);
    }
}

static void msgpack_types(void **state)
{
    (void)state;
    for_format("MessagePack", msgpack_types_of);
}

/* The last of two equal keys counts. */
static void the_last_key_wins_in(const struct codec *codec)
{
    static const char json[] =
        "{\"text\":\"one\",\"must\":1,\"chosen_number\":\"3\",\"text\":\"two\","
        "\"chosen_text\":\"c\",\"texts\":[\"a\",\"b\"],\"texts\":[\"z\"]}";
    static const char same[] =
        "{\"must\":1,\"text\":\"two\",\"texts\":[\"z\"],\"chosen_text\":\"c\"}";
    const struct subject *subject = bed_subject("ours_everything");
    ProtobufCMessage *one, *other;
    assert_int_equal(
        codec->decode(subject->plan, (const uint8_t *)json, strlen(json), &heap_allocator, &one),
        0);
    assert_int_equal(
        codec->decode(subject->plan, (const uint8_t *)same, strlen(same), &heap_allocator, &other),
        0);
    assert_true(message_equal(one, other));
    message_free(one, &heap_allocator);
    message_free(other, &heap_allocator);
}

static void the_last_key_wins(void **state)
{
    (void)state;
    for_format("JSON", the_last_key_wins_in);
}

/* What each first byte announces, cut off at every length; the zone is made of the figure. */
static void msgpack_values_are_counted(void **state)
{
    uint8_t bytes[64] = {0};
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        msgpack_unpacked tree;
        size_t values = 0, whole = 0, at = 0;
        /* Lengths and counts of 2 where the last byte of the number says so. */
        size_t width =
            type == 0xc5 || type == 0xc8 || type == 0xda || type == 0xdc || type == 0xde   ? 2
            : type == 0xc6 || type == 0xc9 || type == 0xdb || type == 0xdd || type == 0xdf ? 4
                                                                                           : 1;
        memset(bytes, 0, sizeof(bytes));
        bytes[0] = (uint8_t)type;
        bytes[width] = 2;
        while (whole < sizeof(bytes) && !msgpack_counts_hold(bytes, whole, &values))
            whole++;
        msgpack_unpacked_init(&tree);
        if (type == 0xc1) { /* no type at all */
            assert_int_equal(whole, 1);
        } else {
            assert_int_equal(msgpack_unpack_next(&tree, (const char *)bytes, sizeof(bytes), &at),
                             MSGPACK_UNPACK_SUCCESS);
            assert_int_equal(whole, at);
            assert_int_equal(values,
                             tree.data.type == MSGPACK_OBJECT_ARRAY ? 1 + tree.data.via.array.size
                             : tree.data.type == MSGPACK_OBJECT_MAP ? 1 + 2 * tree.data.via.map.size
                                                                    : 1);
        }
        msgpack_unpacked_destroy(&tree);
    }
}

/* Protocol Buffers carries fields that nobody knows on: there is room for them, too. */
static void unknown_fields_are_carried_on(void **state)
{
    enum { LONG = 5000 };
    const struct codec *codec = codec_find("protobuf_c");
    const struct subject *subject = bed_subject("ours_implicit");
    uint8_t bytes[LONG + 5] = {0xa2, 0x1f, (LONG & 0x7f) | 0x80, LONG >> 7}; /* field 500 */
    ProtobufCMessage *message;
    (void)state;
    memset(bytes + 4, 'x', LONG);
    assert_int_equal(codec->decode(subject->plan, bytes, LONG + 4, &heap_allocator, &message), 0);
    size_t len;
    uint8_t *again = bed_encode(codec, subject, message, &len);
    assert_int_equal(len, LONG + 4);
    assert_memory_equal(again, bytes, len);
    free(again);
    message_free(message, &heap_allocator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(changes),
        cmocka_unit_test(noise),
        cmocka_unit_test(json_types),
        cmocka_unit_test(msgpack_types),
        cmocka_unit_test(msgpack_values_are_counted),
        cmocka_unit_test(the_last_key_wins),
        cmocka_unit_test(unknown_fields_are_carried_on),
    };
    return cmocka_run_group_tests_name("hostile bytes", tests, bed_set_up, bed_tear_down);
}
