/* SPDX-License-Identifier: MIT */
/* Bytes that nobody should trust: cut off, changed, too deep, promising too much, of the wrong
 * type. Each decode reads from memory that ends at a wall, with books kept on what it takes. */
#include "arena.h"
#include "bed.h"
#include "message.h"
#include "msgpack_counts.h"

#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/* Decodes; whatever comes of it must be good to read and leave nothing behind. */
static int decode(const struct codec *codec, const struct subject *subject, const uint8_t *bytes,
                  size_t len)
{
    struct ledger ledger;
    ProtobufCMessage *message = NULL;
    ledger_init(&ledger, SIZE_MAX);
    int error = codec->decode(subject->plan, bytes, len, &ledger.allocator, &message);
    assert_true(error == 0 || error == -EBADMSG || error == -ENOMEM);
    assert_int_equal(error == 0, message != NULL);
    if (message != NULL) {
        assert_int_not_equal(message_touch(message), 0);
        assert_true(message_equal(message, message));
        message_free(message, &ledger.allocator);
    }
    assert_int_equal(ledger.live, 0);
    return error;
}

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
        if (codec->parse != NULL)
            assert_int_equal(codec->parse(bed_walled_copy(bytes, len / 2), len / 2), -EBADMSG);
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
            /* Half of them near the beginning: in a long string no codec minds. */
            size_t span = n % 2 == 0 || len < 200 ? len : 200;
            for (size_t change = 0; change <= n % 3; change++)
                walled[next_random(&seed) % span] = (uint8_t)next_random(&seed);
            refused += decode(codec, subject, walled, len) != 0;
        }
        free(bytes);
    }
    assert_true(rounds == 0 || refused > 0);
    assert_true(refused < rounds || subject->payload.type->n_fields == 0);
}

static void for_all(void (*check)(const struct codec *codec, const struct subject *subject))
{
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if ((*codec)->decode == NULL)
            continue;
        for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++)
            if (!subject->again)
                check(*codec, subject);
    }
}

/* Runs check for each decoder of that format; of MessagePack, those whose messages are maps. */
static void for_format(const char *format, void (*check)(const struct codec *codec))
{
    size_t checked = 0;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        const char *shape = (*codec)->shape ? (*codec)->shape : "keys";
        if ((*codec)->decode == NULL || strcmp((*codec)->format, format) != 0 ||
            strcmp(shape, "keys") != 0)
            continue;
        check(*codec);
        checked++;
    }
    assert_true(checked > 0);
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
        const struct subject *subject = bed_subject("everything");
        for (size_t len = 0; len < 300; len++) {
            uint8_t *walled = bed_walled(len);
            for (size_t i = 0; i < len; i++)
                walled[i] = (uint8_t)next_random(&seed);
            decode(*codec, subject, walled, len);
        }
    }
}

/* A chain of messages, each the `inner` of the one before: implicit.proto's field 9. */
static ProtobufCMessage *chain(const struct subject *subject, unsigned depth)
{
    const struct plan_message *type = subject->plan->root;
    ProtobufCMessage *first = NULL, **next = &first;
    for (; depth > 0; depth--) {
        *next = malloc(type->type->sizeof_message);
        type->type->message_init(*next);
        next = (ProtobufCMessage **)(void *)((char *)*next + type->fields[8].offset);
    }
    return first;
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    const struct subject *subject = bed_subject("implicit");
    assert_string_equal(subject->plan->root->fields[8].name, "inner");
    assert_false(subject->plan->bounded);
    assert_true(bed_subject("order")->plan->bounded);
    ProtobufCMessage *deepest = chain(subject, PLAN_MAX_DEPTH);
    ProtobufCMessage *too_deep = chain(subject, PLAN_MAX_DEPTH + 1);
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        size_t len, cap = codec_bound(subject->plan, too_deep) + 1000;
        uint8_t *bytes = malloc(cap);
        const struct codec *source = codec_source(*codec);
        assert_int_equal(source->encode(subject->plan, too_deep, bytes, cap, &len), -EINVAL);
        assert_int_equal(source->encode(subject->plan, deepest, bytes, cap, &len), 0);
        /* msgpack-c itself stops at 32 containers. */
        bool shallow = strcmp((*codec)->library, "msgpack-c") == 0;
        if ((*codec)->decode != NULL)
            assert_int_equal(decode(*codec, subject, bytes, len), shallow ? -EBADMSG : 0);
        free(bytes);
    }
    message_free(deepest, &heap_allocator);
    message_free(too_deep, &heap_allocator);
}

/* n times open, then close times n; the text between. */
static size_t nest(uint8_t *to, const char *open, const char *middle, const char *close, size_t n)
{
    uint8_t *at = to;
    for (size_t i = 0; i < n; i++, at += strlen(open))
        memcpy(at, open, strlen(open));
    memcpy(at, middle, strlen(middle));
    at += strlen(middle);
    for (size_t i = 0; i < n; i++, at += strlen(close))
        memcpy(at, close, strlen(close));
    return (size_t)(at - to);
}

/* Field 9 of field 9 of … : lengths are written from the inside out. */
static size_t nest_protobuf(uint8_t *to, size_t room, size_t n)
{
    uint8_t *at = to + room;
    for (size_t i = 0; i < n; i++) {
        uint64_t len = (uint64_t)(to + room - at);
        uint8_t varint[10];
        size_t width = 0;
        do {
            varint[width++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
            len >>= 7;
        } while (len > 0);
        at -= width;
        memcpy(at, varint, width);
        *--at = 9 << 3 | 2;
    }
    size_t len = (size_t)(to + room - at);
    memmove(to, at, len);
    return len;
}

/* A hundred thousand levels would take every stack, in fields that are known and that are not. */
enum { LEVELS = 100000, ROOM = 20 * LEVELS };

static void is_too_deep(const struct codec *codec, const uint8_t *bytes, size_t len)
{
    int error = decode(codec, bed_subject("implicit"), bytes, len);
    /* -ENOMEM: so many objects could take more than CODEC_TREE_BUDGET, however they nest. */
    assert_true(error == -EBADMSG || (error == -ENOMEM && len > 100 * PLAN_MAX_DEPTH));
    if (codec->check != NULL)
        codec->check(bed_subject("implicit")->plan, bytes, len);
    if (codec->parse != NULL)
        codec->parse(bytes, len); /* some would know such a tree: it must do no harm */
}

/* What the schema does not know may nest as deep as it likes, if the decoder takes no stack. */
static void is_harmless(const struct codec *codec, const uint8_t *bytes, size_t len)
{
    decode(codec, bed_subject("implicit"), bytes, len);
    if (codec->parse != NULL)
        codec->parse(bytes, len);
}

static void json_bombs_of_depth(const struct codec *codec)
{
    uint8_t *bytes = malloc(ROOM);
    size_t len;
    for (size_t levels = PLAN_MAX_DEPTH; levels <= LEVELS; levels = levels * 31 + 7) {
        len = nest(bytes, "{\"inner\":", "{}", "}", levels);
        is_too_deep(codec, bytes, len);
    }
    len = nest(bytes, "[", "", "]", LEVELS);
    memmove(bytes + 5, bytes, len);
    memcpy(bytes, "{\"x\":", 5);
    bytes[len + 5] = '}';
    is_harmless(codec, bytes, len + 6);
    is_harmless(codec, bytes, len / 2); /* and without its end */
    len = nest(bytes, "{\"x\":", "1", "}", LEVELS);
    is_harmless(codec, bytes, len);
    free(bytes);
}

static void msgpack_bombs_of_depth(const struct codec *codec)
{
    uint8_t *bytes = malloc(ROOM);
    size_t len;
    for (size_t levels = PLAN_MAX_DEPTH; levels <= LEVELS; levels = levels * 31 + 7) {
        len = nest(bytes, "\x81\xa5inner", "\x80", "", levels);
        is_too_deep(codec, bytes, len);
    }
    len = nest(bytes, "\x91", "\xc0", "", LEVELS);
    assert_int_equal(decode(codec, bed_subject("implicit"), bytes, len), -EBADMSG);
    len = nest(bytes, "\x81\xa1x", "\xc0", "", LEVELS);
    is_harmless(codec, bytes, len);
    free(bytes);
}

static void protobuf_bombs_of_depth(const struct codec *codec)
{
    uint8_t *bytes = malloc(ROOM);
    for (size_t levels = PLAN_MAX_DEPTH; levels <= LEVELS; levels = levels * 31 + 7)
        is_too_deep(codec, bytes, nest_protobuf(bytes, ROOM, levels));
    free(bytes);
}

static void bombs_of_depth(void **state)
{
    (void)state;
    for_format("JSON", json_bombs_of_depth);
    for_format("MessagePack", msgpack_bombs_of_depth);
    for_format("Protocol Buffers", protobuf_bombs_of_depth);
}

struct bytes {
    const char *bytes;
    size_t len;
};
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* Headers that promise more than there is; with the library alone each would reserve gigabytes. */
static const struct bytes msgpack_counts[] = {
    BYTES("\xdd\xff\xff\xff\xff"),     /* array */
    BYTES("\xdf\xff\xff\xff\xff"),     /* map */
    BYTES("\xdb\xff\xff\xff\xff"),     /* str */
    BYTES("\xc6\xff\xff\xff\xff"),     /* bin */
    BYTES("\xc9\xff\xff\xff\xff\x01"), /* ext */
    BYTES("\xdf\x80\x00\x00\x00"),     /* twice that is 0 in 32 bits */
    BYTES("\x81\xa7numbers\xdd\x7f\xff\xff\xff"),
    BYTES("\x81\xa7unknown\xdd\x0f\xff\xff\xff\x01"),
    BYTES("\x81\xa7numbers\xdc\x00\x09\x01\x01\x01\x01\x01\x01\x01\x01"),
    BYTES("\x81\xa7numbers\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f"),
    BYTES("\x8f"),
    BYTES("\xc1"), /* never used */
};

static const struct bytes protobuf_counts[] = {
    BYTES("\x52\xff\xff\xff\xff\x0f\x01"), /* field 10, 4 GiB */
    BYTES("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    BYTES("\x3a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
    BYTES("\x0b"),
    BYTES("\x0c"), /* groups */
    BYTES("\x08"),
};

static void all_are_refused(const struct codec *codec, const struct bytes *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *walled = bed_walled_copy((const uint8_t *)all[i].bytes, all[i].len);
        if (decode(codec, bed_subject("implicit"), walled, all[i].len) != -EBADMSG)
            fail_msg("%s: case %zu", codec->name, i);
    }
}

static void msgpack_bombs_of_count(const struct codec *codec)
{
    all_are_refused(codec, msgpack_counts, sizeof(msgpack_counts) / sizeof(msgpack_counts[0]));
}

static void protobuf_bombs_of_count(const struct codec *codec)
{
    all_are_refused(codec, protobuf_counts, sizeof(protobuf_counts) / sizeof(protobuf_counts[0]));
}

static void bombs_of_count(void **state)
{
    (void)state;
    for_format("MessagePack", msgpack_bombs_of_count);
    for_format("Protocol Buffers", protobuf_bombs_of_count);
}

/* Small bytes, large structs: an arena's budget is kept, and it says which of the two was wrong. */
static void amplification_meets_the_budget(void **state)
{
    enum { COUNT = 200000 };
    const struct subject *subject = bed_subject("everything");
    uint8_t *bytes = malloc(COUNT * 5);
    struct arena arena;
    ProtobufCMessage *message;
    (void)state;
    for (size_t i = 0; i < COUNT; i++) /* selves = { must = 0 }, then must = 0 */
        memcpy(bytes + i * 5, "\xba\x02\x02\x08\x00", 5);
    memcpy(bytes + COUNT * 5 - 5, "\x08\x00\x08\x00", 4);
    arena_init(&arena, (size_t)4 << 20);
    assert_int_equal(codec_find("protobuf_c")
                         ->decode(subject->plan, bytes, COUNT * 5 - 1, &arena.allocator, &message),
                     -ENOMEM);
    assert_true(arena_used(&arena) <= (size_t)4 << 20);
    arena_reset(&arena);
    bytes[COUNT * 5 - 2] = 0xff; /* a varint without its end */
    assert_int_equal(codec_find("protobuf_c")
                         ->decode(subject->plan, bytes, COUNT * 5 - 1, &arena.allocator, &message),
                     -EBADMSG);
    arena_finish(&arena);
    free(bytes);
}

enum { EITHER = 1 }; /* read or refused: what the library is able to */

struct json_case {
    const char *text;
    int error;
};

/* Of everything.proto: "must" is required. */
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
        int error = decode(codec, bed_subject("everything"), walled, strlen(text));
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
        int error = decode(codec, bed_subject("everything"), walled, bytes->len);
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
    const struct subject *subject = bed_subject("everything");
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
    const struct subject *subject = bed_subject("implicit");
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
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(bombs_of_depth),
        cmocka_unit_test(bombs_of_count),
        cmocka_unit_test(amplification_meets_the_budget),
        cmocka_unit_test(json_types),
        cmocka_unit_test(msgpack_types),
        cmocka_unit_test(msgpack_values_are_counted),
        cmocka_unit_test(the_last_key_wins),
        cmocka_unit_test(unknown_fields_are_carried_on),
    };
    return cmocka_run_group_tests_name("hostile bytes", tests, bed_set_up, bed_tear_down);
}
