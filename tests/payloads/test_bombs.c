/* SPDX-License-Identifier: MIT */
/* Bytes that nobody should trust: too deep, or promising too much. */
#include "hostile_bed.h"

/* A chain of messages, each the `inner` of the one before: ours_implicit.proto's field 9. */
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
    const struct subject *subject = bed_subject("ours_implicit");
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
    int error = decode(codec, bed_subject("ours_implicit"), bytes, len);
    /* -ENOMEM: so many objects could take more than CODEC_TREE_BUDGET, however they nest. */
    assert_true(error == -EBADMSG || (error == -ENOMEM && len > 100 * PLAN_MAX_DEPTH));
    if (codec->check != NULL)
        codec->check(bed_subject("ours_implicit")->plan, bytes, len);
    codec_parse(codec, bytes, len); /* some would know such a tree: it must do no harm */
}

/* What the schema does not know may nest as deep as it likes, if the decoder takes no stack. */
static void is_harmless(const struct codec *codec, const uint8_t *bytes, size_t len)
{
    decode(codec, bed_subject("ours_implicit"), bytes, len);
    codec_parse(codec, bytes, len);
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
    assert_int_equal(decode(codec, bed_subject("ours_implicit"), bytes, len), -EBADMSG);
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
        if (decode(codec, bed_subject("ours_implicit"), walled, all[i].len) != -EBADMSG)
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
    const struct subject *subject = bed_subject("ours_everything");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(bombs_of_depth),
        cmocka_unit_test(bombs_of_count),
        cmocka_unit_test(amplification_meets_the_budget),
    };
    return cmocka_run_group_tests_name("bombs", tests, bed_set_up, bed_tear_down);
}
