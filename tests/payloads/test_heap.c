/* SPDX-License-Identifier: MIT */
/*
 * Bytes that are few and make much: whatever they are, a decode keeps within CODEC_TREE_BUDGET
 * beside its allocator's budget, in every codec, and an arena keeps no more than it says.
 */
#include "arena.h"
#include "bed.h"
#include "heap.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 32 << 10, LARGE = 2 << 20, MESSAGE_BUDGET = 16 << 20 };

/* open, then unit as often as it fits, then close; COUNT in open is how often, big-endian. */
struct bomb {
    const char *format;
    const char *open;
    size_t open_len;
    const char *unit;
    size_t unit_len;
    const char *close;
    size_t count_at;  /* where in open the count goes, four bytes; 0: nowhere */
    size_t per_value; /* units that a count counts; 1 or, of a map's pairs, 2 */
};
#define BOMB(format, open, unit, close, count_at, per_value)                                       \
    {                                                                                              \
        format, open, sizeof(open) - 1, unit, sizeof(unit) - 1, close, count_at, per_value         \
    }
#define JSON(open, unit, close) BOMB("JSON", open, unit, close, 0, 1)
#define MSGPACK(open, unit, count_at, per_value)                                                   \
    BOMB("MessagePack", open, unit, "", count_at, per_value)
#define PROTOBUF(unit) BOMB("Protocol Buffers", "", unit, "", 0, 1)

/* Of ours_implicit.proto, or of nothing that it knows. */
static const struct bomb bombs[] = {
    JSON("{\"x\":[", "0,", "0]}"),
    JSON("{\"x\":[", "0.5,", "0]}"),
    JSON("{\"x\":[", "1e5,", "0]}"),
    JSON("{\"x\":[", "\"\",", "0]}"),
    JSON("{\"x\":[", "\"\\n\",", "0]}"),
    JSON("{\"x\":[", "[],", "0]}"),
    JSON("{\"x\":[", "{},", "0]}"),
    JSON("{\"x\":[", "[0],", "0]}"),
    JSON("{\"x\":[", "[[]],", "0]}"),
    JSON("{\"x\":[", "{\"\":0},", "0]}"),
    JSON("{\"x\":[", "{\"\":{}},", "0]}"),
    JSON("{\"x\":[", "{\"a\":[]},", "0]}"),
    JSON("{\"x\":[", "true,", "0]}"),
    JSON("{", "\"\":0,", "\"x\":0}"),
    JSON("{", "\"\":{},", "\"x\":0}"),
    JSON("{\"x\":\"", "a", "\"}"),
    JSON("{\"x\":\"", "\\u00e9", "\"}"),
    JSON("{\"x\":0.", "1", "}"),
    JSON("{\"x\":[", "0 ,", "0]}"),
    JSON("", "[", ""),
    JSON("", "{\"\":", ""),
    JSON("{\"x\":[", "[", ""),
    JSON("{\"x\":[", "[],", ""),
    JSON("{\"x\":[", "{},", "x"),
    JSON("{\"numbers\":[", "0,", "0]}"),
    JSON("{", "\"inner\":{},", "\"x\":0}"),
    MSGPACK("\x81\xa1x\xdd....", "\xc0", 4, 1),
    MSGPACK("\x81\xa1x\xdd....", "\x90", 4, 1),
    MSGPACK("\x81\xa1x\xdd....", "\x80", 4, 1),
    MSGPACK("\x81\xa1x\xdd....", "\xa0", 4, 1),
    MSGPACK("\x81\xa1x\xdd....", "\x91\xc0", 4, 1),
    MSGPACK("\x81\xa1x\xdd....", "\x81\xa0\xc0", 4, 1),
    MSGPACK("\x81\xa1x\xdf....", "\xa0\xc0", 4, 1),
    MSGPACK("\xdf....", "\xa0\xc0", 1, 1),
    MSGPACK("\x81\xa7numbers\xdd....", "\x01", 10, 1),
    MSGPACK("\xdd....", "\xc0", 1, 1),
    MSGPACK("\xdd....", "\x90", 1, 1),
    PROTOBUF("\x4a\x00"),
    PROTOBUF("\x50\x01"),
    PROTOBUF("\xa0\x1f\x00"),
    PROTOBUF("\xa2\x1f\x00"),
    PROTOBUF("\x3a\x00"),
    PROTOBUF("\x4a\x03\xa0\x1f\x00"),
    /* Of order.proto: items, tags, a customer again and again, groups that nobody knows. */
    PROTOBUF("\x2a\x00"),
    PROTOBUF("\x72\x00"),
    PROTOBUF("\x2a\x02\x22\x00"),
    PROTOBUF("\x22\x00"),
    PROTOBUF("\xa3\x1f\xa4\x1f"),
    /* Behind such a group, in which a customer would be malformed: items. */
    BOMB("Protocol Buffers", "\xc3\x3e\x22\x01\xff\xc4\x3e", "\x2a\x02\x0a\x00", "", 0, 1),
};
enum { BOMBS = sizeof(bombs) / sizeof(bombs[0]) };

static size_t build(const struct bomb *bomb, uint8_t *to, size_t room)
{
    const size_t close_len = strlen(bomb->close);
    const size_t units = (room - bomb->open_len - close_len) / bomb->unit_len;
    uint8_t *at = to + bomb->open_len;
    memcpy(to, bomb->open, bomb->open_len);
    for (size_t i = 0; bomb->count_at > 0 && i < 4; i++)
        to[bomb->count_at + i] = (uint8_t)(units / bomb->per_value >> (24 - 8 * i));
    for (size_t i = 0; i < units; i++, at += bomb->unit_len)
        memcpy(at, bomb->unit, bomb->unit_len);
    memcpy(at, bomb->close, close_len);
    return (size_t)(at + close_len - to);
}

/* Keys that differ: what grows in a library's hash table. */
static size_t build_keys(uint8_t *to, size_t room)
{
    uint8_t *at = to;
    *at++ = '{';
    for (unsigned i = 0; at + 32 < to + room; i++)
        at += sprintf((char *)at, "\"%x\":0,", i);
    return (size_t)(at - to) + (size_t)sprintf((char *)at, "\"x\":0}");
}

static int decode(const struct codec *codec, const struct subject *subject, const uint8_t *bytes,
                  size_t len, struct arena *arena)
{
    ProtobufCMessage *message = NULL;
    if (codec->own != NULL) {
        subject = bed_subject("order"); /* structs are made of payloads only */
        void *place = codec->own->open(subject->plan);
        const void *own;
        assert_non_null(place);
        const int error = codec->own->decode(subject->plan, place, bytes, len, &own);
        /* It may make room for what came before: as much as a decode may take, too. */
        assert_int_equal(codec->own->decode(subject->plan, place, bytes, 0, &own), -EBADMSG);
        codec->own->close(place);
        return error;
    }
    if (codec->decode == NULL)
        return -ENOTSUP;
    arena_reset(arena);
    return codec->decode(subject->plan, bytes, len, &arena->allocator, &message);
}

/* The heap beside the message's arena, at its peak, of one decode or parse. */
static size_t heap_of(const struct codec *codec, const uint8_t *bytes, size_t len,
                      struct arena *arena)
{
    const size_t before = heap_live();
    heap_forget_peak();
    int error = decode(codec, bed_subject("ours_implicit"), bytes, len, arena);
    if (error == 0 && len <= SMALL)
        error = codec_parse(codec, bytes, len);
    if (error != 0 && error != -EBADMSG && error != -ENOMEM)
        fail_msg("%s: %d", codec->name, error);
    const size_t most = heap_peak() - before, after = heap_live();
    /* A library may keep what a thread's longest text took; not more each time. */
    if (after != before)
        decode(codec, bed_subject("ours_implicit"), bytes, len, arena);
    if (heap_live() != after)
        fail_msg("%s: keeps memory", codec->name);
    return most;
}

static bool is_of(const struct codec *codec, const struct bomb *bomb)
{
    return strcmp(codec->format, bomb->format) == 0;
}

/* The most heap per byte that was seen, and of what. */
struct worst {
    double ratio;
    const char *unit;
};

static void try_bomb(const struct codec *codec, const uint8_t *bytes, size_t len, const char *unit,
                     struct arena *arena, struct worst *worst)
{
    const size_t heap = heap_of(codec, bytes, len, arena);
    if (heap > CODEC_TREE_BUDGET)
        fail_msg("%s: %zu bytes of %s take %zu", codec->name, len, unit, heap);
    if ((double)heap > worst->ratio * (double)len)
        *worst = (struct worst){(double)heap / (double)len, unit};
}

static void try_bombs(const struct codec *codec, uint8_t *bytes, size_t size, struct worst *worst)
{
    struct arena arena;
    arena_init(&arena, MESSAGE_BUDGET);
    /* One block for all that follows: what malloc gives then is not the message's. */
    assert_non_null(arena.allocator.alloc(arena.allocator.allocator_data, MESSAGE_BUDGET));
    for (size_t i = 0; i < BOMBS; i++) {
        if (is_of(codec, &bombs[i]))
            try_bomb(codec, bytes, build(&bombs[i], bytes, size), bombs[i].unit, &arena, worst);
    }
    if (strcmp(codec->format, "JSON") == 0)
        try_bomb(codec, bytes, build_keys(bytes, size), "keys", &arena, worst);
    arena_finish(&arena);
}

static void print_worst(const struct codec *codec, const struct worst *worst)
{
    print_message("%-16s at most %6.1f bytes of heap per byte, of", codec->name, worst->ratio);
    for (const char *at = worst->unit; *at != '\0'; at++)
        print_message(*at >= ' ' && *at < 0x7f ? " %c" : " \\x%02x", (unsigned char)*at);
    print_message("\n");
}

static void trees_keep_within_the_budget(void **state)
{
    /* Where nothing is counted, and all is slow, what remains is that no harm is done. */
    const size_t sizes[] = {SMALL, heap_is_counted() ? LARGE : 4 * SMALL};
    uint8_t *bytes = malloc(LARGE);
    (void)state;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        struct worst worst = {0, "nothing"};
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            try_bombs(*codec, bytes, sizes[i], &worst);
        if (heap_is_counted())
            print_worst(*codec, &worst);
    }
    free(bytes);
}

/* Requests that grow by a little replace their block, and do not leave one more behind. */
static void arenas_keep_little(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, (size_t)1 << 20);
    const size_t before = heap_live();
    for (size_t size = 1000; size < (size_t)1 << 20; size += 5000) {
        arena_reset(&arena);
        assert_non_null(arena.allocator.alloc(arena.allocator.allocator_data, size));
        for (size_t i = 0; i < 10; i++)
            arena.allocator.alloc(arena.allocator.allocator_data, size / 2);
        assert_true(arena_used(&arena) <= (size_t)1 << 20);
        assert_true(heap_live() - before <= ((size_t)3 << 20) + 4096);
    }
    arena_finish(&arena);
    assert_int_equal(heap_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_keep_within_the_budget),
        cmocka_unit_test(arenas_keep_little),
    };
    return cmocka_run_group_tests_name("heap", tests, bed_set_up, bed_tear_down);
}
