/* SPDX-License-Identifier: MIT */
/* The adapters by hand do what the walk does: the same bytes, the same messages, nothing lost. */
#include "arena.h"
#include "bed.h"
#include "by_hand.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int decode(const struct codec *codec, const struct subject *subject, const uint8_t *bytes,
                  size_t len, const ProtobufCMessage *expected)
{
    struct ledger ledger;
    ProtobufCMessage *message = NULL;
    ledger_init(&ledger, SIZE_MAX);
    int error = codec->decode(subject->plan, bytes, len, &ledger.allocator, &message);
    assert_int_equal(error == 0, message != NULL);
    if (message != NULL && expected != NULL)
        assert_true(message_equal(message, expected));
    message_free(message, &ledger.allocator);
    assert_int_equal(ledger.live, 0);
    return error;
}

static void for_all(void (*check)(const struct by_hand *row, const struct codec *walk,
                                  const struct subject *subject))
{
    size_t rows = 0;
    for (const struct by_hand *row = by_hand; row->codec != NULL; row++, rows++) {
        const struct codec *walk = codec_find(row->codec);
        assert_non_null(walk);
        check(row, walk, bed_subject(row->payload));
    }
    assert_int_equal(rows, 14); /* seven adapters for each of two payloads */
}

/* Every document to the same bytes, and those to the same message. */
static void does_the_same(const struct by_hand *row, const struct codec *walk,
                          const struct subject *subject)
{
    for (size_t i = 0; i < subject->corpus.count; i++) {
        size_t len, by_hand_len;
        const ProtobufCMessage *document = subject->corpus.documents[i];
        ProtobufCMessage *walked;
        uint8_t *bytes = bed_encode(walk, subject, document, &len);
        uint8_t *own =
            bed_walled(len + 64); /* cJSON prints a few bytes more, and takes them back */
        assert_int_equal(row->adapter->encode(subject->plan, document, own, len + 64, &by_hand_len),
                         0);
        assert_int_equal(len, by_hand_len);
        assert_memory_equal(bytes, own, len);
        assert_int_equal(row->adapter->encode(subject->plan, document, bed_walled(len - 1), len - 1,
                                              &by_hand_len),
                         -ENOSPC);
        assert_int_equal(walk->decode(subject->plan, bytes, len, &heap_allocator, &walked), 0);
        if (row->adapter->decode != NULL)
            assert_int_equal(
                decode(row->adapter, subject, bed_walled_copy(bytes, len), len, walked), 0);
        message_free(walked, &heap_allocator);
        free(bytes);
    }
}

static void all_do_the_same(void **state)
{
    (void)state;
    for_all(does_the_same);
}

/* Cut off or changed somewhere: an error or another message, and nothing left behind. */
static void survives(const struct by_hand *row, const struct codec *walk,
                     const struct subject *subject)
{
    size_t len, refused = 0;
    if (row->adapter->decode == NULL)
        return;
    uint8_t *bytes = bed_encode(walk, subject, subject->corpus.documents[0], &len);
    size_t step = len / 300 + 1;
    for (size_t cut = 0; cut < len; cut += step)
        refused += decode(row->adapter, subject, bed_walled_copy(bytes, cut), cut, NULL) != 0;
    for (size_t at = 0; at < len; at += step) {
        uint8_t *changed = bed_walled_copy(bytes, len);
        changed[at] ^= (uint8_t)(1 << at % 8);
        refused += decode(row->adapter, subject, changed, len, NULL) != 0;
    }
    assert_true(refused > 100);
    free(bytes);
}

static void all_survive(void **state)
{
    (void)state;
    for_all(survives);
}

/* In another order, with what nobody knows, with null, twice, without what is required. */
static void any_order(const struct by_hand *row, const struct codec *walk,
                      const struct subject *subject)
{
    static const struct {
        const char *json, *msgpack;
        int error;
    } cases[] = {
        {"{\"number\":\"n\",\"id\":\"5\"}", "\x82\xa6number\xa1n\xa2id\x05", 0},
        {"{ \"number\" : \"n\" , \"what\" : [ { \"x\" : null } ] , \"id\" : \"5\" , \"gift\" : "
         "true }",
         "\x84\xa6number\xa1n\xa4what\x91\x81\xa1x\xc0\xa2id\x05\xa4gift\xc3", 0},
        {"{\"coupon\":null,\"id\":\"5\",\"number\":\"\"}", NULL, 0},
        {"{\"tags\":[],\"items\":[{\"title\":\"t\",\"sku\":\"s\"}],\"id\":\"5\",\"number\":\"\"}",
         "\x84\xa4tags\x90\xa5items\x91\x82\xa5title\xa1t\xa3sku\xa1s\xa2id\x05\xa6number\xa0", 0},
        {"{\"id\":\"5\"}", "\x81\xa2id\x05", -EBADMSG},
        {"{\"number\":\"n\",\"id\":\"5\",\"items\":[{}]}",
         "\x83\xa6number\xa1n\xa2id\x05\xa5items\x91\x80", -EBADMSG},
        {"{\"number\":\"n\",\"id\":\"5\",\"total\":7}",
         "\x83\xa6number\xa1n\xa2id\x05\xa5total\x07", -EBADMSG},
        {"[]", "\x90", -EBADMSG},
    };
    bool json = strcmp(walk->format, "JSON") == 0;
    if (strcmp(row->payload, "order") != 0 || strcmp(row->codec, "protobuf_c") == 0 ||
        row->adapter->decode == NULL)
        return;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = json ? cases[i].json : cases[i].msgpack;
        ProtobufCMessage *walked = NULL;
        if (text == NULL)
            continue;
        const uint8_t *bytes = (const uint8_t *)text;
        size_t len = strlen(text);
        assert_int_equal(walk->decode(subject->plan, bytes, len, &heap_allocator, &walked),
                         cases[i].error);
        assert_int_equal(decode(row->adapter, subject, bytes, len, walked), cases[i].error);
        message_free(walked, &heap_allocator);
    }
}

static void all_take_any_order(void **state)
{
    (void)state;
    for_all(any_order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_do_the_same),
        cmocka_unit_test(all_survive),
        cmocka_unit_test(all_take_any_order),
    };
    return cmocka_run_group_tests_name("by hand", tests, bed_set_up, bed_tear_down);
}
