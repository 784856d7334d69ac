/* SPDX-License-Identifier: MIT */
/* Codecs that work on structs of their own, over every payload: the bytes are those of the message,
 * and bytes that nobody should trust do no harm, on an arena and on the heap. */
#include "arena.h"
#include "bed.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A codec, a type that it knows, and where it decodes. */
struct owner {
    const struct codec *codec;
    const struct subject *subject;
    void *place;
};

static void for_all(void (*check)(const struct owner *owner))
{
    for (size_t i = 0; codecs[i] != NULL; i++) {
        if (codecs[i]->own == NULL)
            continue;
        for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
            const char *name = subject->payload.name;
            if (subject->again || (payload_find(name) == NULL && strcmp(name, "ours_names") != 0 &&
                                   strcmp(name, "strtok") != 0))
                continue; /* of the tests' own types only those of odd names are generated for it */
            struct owner owner = {codecs[i], subject, codecs[i]->own->open(subject->plan)};
            assert_non_null(owner.place);
            check(&owner);
            codecs[i]->own->close(owner.place);
        }
    }
}

static uint8_t *adopt_and_encode(const struct owner *owner, const ProtobufCMessage *document,
                                 size_t *len)
{
    size_t cap = codec_bound(owner->subject->plan, document), none, walled_len;
    uint8_t *bytes = malloc(cap);
    void *own = NULL;
    assert_non_null(bytes);
    assert_int_equal(owner->codec->own->adopt(owner->subject->plan, document, &own), 0);
    assert_int_equal(owner->codec->own->encode(own, bytes, cap, len), 0);
    uint8_t *walled = bed_walled(*len);
    assert_int_equal(owner->codec->own->encode(own, walled, *len, &walled_len), 0);
    if (*len > 0)
        assert_int_equal(owner->codec->own->encode(own, walled, *len - 1, &none), -ENOSPC);
    owner->codec->own->drop(own);
    return bytes;
}

/* What a codec that knows messages makes of those bytes is the document again. */
static void is_the_document(const struct owner *owner, const uint8_t *bytes, size_t len,
                            const ProtobufCMessage *document)
{
    const struct codec *reader = codec_source(owner->codec);
    const struct plan *plan = owner->subject->plan;
    ProtobufCMessage *back, *expected;
    size_t expected_len;
    uint8_t *same = bed_encode(reader, owner->subject, document, &expected_len);
    assert_int_equal(reader->decode(plan, bytes, len, &heap_allocator, &back), 0);
    assert_int_equal(reader->decode(plan, same, expected_len, &heap_allocator, &expected), 0);
    message_sort_maps(back, plan->root);
    message_sort_maps(expected, plan->root);
    assert_true(message_equal(expected, back));
    message_free(back, &heap_allocator);
    message_free(expected, &heap_allocator);
    free(same);
}

static void comes_back(const struct owner *owner)
{
    const struct codec_own *own = owner->codec->own;
    for (size_t i = 0; i < owner->subject->corpus.count; i++) {
        const ProtobufCMessage *document = owner->subject->corpus.documents[i];
        const void *decoded = NULL;
        size_t len, again;
        uint8_t *bytes = adopt_and_encode(owner, document, &len);
        is_the_document(owner, bytes, len, document);
        uint8_t *walled = bed_walled_copy(bytes, len);
        assert_int_equal(own->decode(owner->subject->plan, NULL, walled, len, NULL), 0);
        assert_int_equal(own->decode(owner->subject->plan, owner->place, walled, len, &decoded), 0);
        memset(walled, 0xee, len); /* nothing in the struct may point there */
        assert_int_equal(own->encode(decoded, bytes, len, &again), 0);
        assert_int_equal(again, len);
        is_the_document(owner, bytes, again, document);
        free(bytes);
    }
}

static void all_come_back(void **state)
{
    (void)state;
    for_all(comes_back);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static int decode_both(const struct owner *owner, const uint8_t *bytes, size_t len)
{
    const struct codec_own *own = owner->codec->own;
    const void *decoded = NULL;
    int error = own->decode(owner->subject->plan, owner->place, bytes, len, &decoded);
    assert_true(error == 0 || error == -EBADMSG);
    assert_int_equal(own->decode(owner->subject->plan, NULL, bytes, len, NULL), error);
    return error;
}

static void survives(const struct owner *owner)
{
    uint64_t seed = 88172645463325252u;
    size_t refused = 0, all = 0;
    for (size_t i = 0; i < owner->subject->corpus.count && i < 4; i++) {
        size_t len;
        uint8_t *bytes = adopt_and_encode(owner, owner->subject->corpus.documents[i], &len);
        all += len;
        for (size_t cut = 0; cut < len; cut += len / 100 + 1)
            refused += decode_both(owner, bed_walled_copy(bytes, cut), cut) != 0;
        for (size_t n = 0; len > 0 && n < (len > 20000 ? 20 : 200); n++) {
            uint8_t *walled = bed_walled_copy(bytes, len);
            for (size_t change = 0; change <= n % 3; change++)
                walled[next_random(&seed) % len] = (uint8_t)next_random(&seed);
            refused += decode_both(owner, walled, len) != 0;
        }
        free(bytes);
    }
    assert_true(refused > 0 || all == 0);
}

static void cuts_and_changes(void **state)
{
    (void)state;
    for_all(survives);
}

/* A change in a document is one in the bytes. */
static void differs(const struct owner *owner)
{
    size_t first_len, len;
    const struct corpus *corpus = &owner->subject->corpus;
    uint8_t *first = adopt_and_encode(owner, corpus->documents[0], &first_len);
    for (size_t i = 1; i < corpus->count; i++) {
        uint8_t *bytes = adopt_and_encode(owner, corpus->documents[i], &len);
        assert_true(len != first_len || memcmp(bytes, first, len) != 0);
        free(bytes);
    }
    free(first);
}

static void documents_differ(void **state)
{
    (void)state;
    for_all(differs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_back),
        cmocka_unit_test(cuts_and_changes),
        cmocka_unit_test(documents_differ),
    };
    return cmocka_run_group_tests_name("own structs", tests, bed_set_up, bed_tear_down);
}
