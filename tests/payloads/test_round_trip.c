/* SPDX-License-Identifier: MIT */
/* Every codec over every document of every type: out and back, into too little room, with too
 * little memory, and from several threads at once. */
#include "arena.h"
#include "bed.h"
#include "message.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Runs check for each codec that has this half over each type, or over those that differ in size
 * only, too. */
enum half { ENCODE, DECODE };
enum which { TYPES, SIZES_TOO };
static void for_all(enum half half, enum which which,
                    void (*check)(const struct codec *codec, const struct subject *subject))
{
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if (half == ENCODE ? (*codec)->encode == NULL : (*codec)->decode == NULL)
            continue;
        for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
            if (which == SIZES_TOO || !subject->again)
                check(*codec, subject);
        }
    }
}

static void corpora_differ(void **state)
{
    (void)state;
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        const struct corpus *corpus = &subject->corpus;
        assert_true(corpus->count >= 1); /* a payload from outside may have few */
        for (size_t i = 0; i < corpus->count; i++) {
            assert_true(message_equal(corpus->documents[i], corpus->documents[i]));
            for (size_t j = 0; j < i; j++)
                assert_false(message_equal(corpus->documents[j], corpus->documents[i]));
        }
    }
}

/* Encodes, decodes, compares; and once more from the decoded message, to the very same bytes. */
static void comes_back(const struct codec *codec, const struct subject *subject,
                       const ProtobufCMessage *document)
{
    size_t len, again_len;
    struct message_diff diff = {0};
    struct ledger ledger;
    ProtobufCMessage *decoded = NULL;
    uint8_t *bytes = bed_encode(codec, subject, document, &len);
    uint8_t *walled = bed_walled_copy(bytes, len);
    ledger_init(&ledger, SIZE_MAX);
    assert_int_equal(codec->decode(subject->plan, walled, len, &ledger.allocator, &decoded), 0);
    memset(walled, 0xee, len); /* nothing in the message may point there */
    assert_true(message_compare(document, decoded, &diff));
    /* protobuf-c takes a -0.0 for the default that proto3 leaves out. */
    if (bed_exact(codec))
        assert_int_equal(diff.changed,
                         strcmp(codec->library, "protobuf-c") == 0 ? diff.zero_signs : 0);
    assert_int_equal(diff.changed == 0, message_equal(document, decoded));
    uint8_t *again = bed_encode(codec, subject, decoded, &again_len);
    assert_int_equal(len, again_len);
    assert_memory_equal(bytes, again, len);
    message_free(decoded, &ledger.allocator);
    assert_int_equal(ledger.live, 0);
    free(bytes);
    free(again);
}

static void all_come_back_of(const struct codec *codec, const struct subject *subject)
{
    for (size_t i = 0; i < subject->corpus.count && i < (subject->again ? 2 : SIZE_MAX); i++)
        comes_back(codec, subject, subject->corpus.documents[i]);
}

static void all_come_back(void **state)
{
    (void)state;
    for_all(DECODE, SIZES_TOO, all_come_back_of);
}

/* The phases by way of a tree, one after the other, make what encode and decode make. */
static void phases_of(const struct codec *codec, const struct subject *subject,
                      const ProtobufCMessage *document, const uint8_t *bytes, size_t len)
{
    const struct codec_tree *tree = codec->tree;
    union codec_hold hold;
    if (tree != NULL && tree->build != NULL) {
        const size_t cap = codec_bound(subject->plan, document);
        uint8_t *printed = malloc(cap);
        size_t printed_len;
        assert_int_equal(tree->build(subject->plan, document, &hold), 0);
        assert_int_equal(tree->print(&hold, printed, cap, &printed_len), 0);
        tree->drop_built(&hold);
        assert_int_equal(printed_len, len);
        assert_memory_equal(printed, bytes, len);
        free(printed);
    }
    if (tree != NULL && tree->parse != NULL) {
        ProtobufCMessage *whole, *message;
        assert_int_equal(codec->decode(subject->plan, bytes, len, &heap_allocator, &whole), 0);
        assert_int_equal(tree->parse(bytes, len, &hold), 0);
        assert_int_equal(tree->convert(subject->plan, &hold, &heap_allocator, &message), 0);
        if (tree->drop_parsed != NULL)
            tree->drop_parsed(&hold);
        assert_true(message_equal(whole, message));
        message_free(whole, &heap_allocator);
        message_free(message, &heap_allocator);
    }
}

/* The steps that have rows of their own accept what encode made, refuse what is cut, and reading
 * depends on what was read: of documents that are as long, a user's may well be read as the same.
 */
static void parts_of(const struct codec *codec, const struct subject *subject)
{
    uint64_t first = 0, sum = 0;
    size_t first_len = 0;
    bool lens_differ = false, sums_differ = false;
    const struct plan_field *root = subject->plan->root->fields;
    for (size_t i = 0; i < subject->corpus.count; i++) {
        size_t len;
        uint64_t named = 0;
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        uint8_t *walled = bed_walled_copy(bytes, len);
        if (codec->check != NULL)
            assert_int_equal(codec->check(subject->plan, walled, len), 0);
        phases_of(codec, subject, subject->corpus.documents[i], walled, len);
        if (codec->read != NULL) {
            sum = 0;
            assert_int_equal(codec->read(subject->plan, walled, len, NULL, 0, &sum), 0);
            assert_int_equal(codec->read(subject->plan, walled, len, &root, 1, &named), 0);
            first = i == 0 ? sum : first;
            first_len = i == 0 ? len : first_len;
            sums_differ |= sum != first;
            lens_differ |= len != first_len;
            /* Who stops at the field need not see the cut, but then has read the same. */
            uint8_t *cut = bed_walled_copy(bytes, len - 1);
            uint64_t again = 0, rest = 0;
            assert_true(codec->read(subject->plan, cut, len - 1, &root, 1, &again) != 0 ||
                        again == named);
            assert_int_not_equal(codec->read(subject->plan, cut, len - 1, NULL, 0, &rest), 0);
        }
        free(bytes);
    }
    assert_true(sums_differ || !lens_differ);
}

static void parts(void **state)
{
    (void)state;
    for_all(DECODE, TYPES, parts_of);
}

/* cJSON may change the value of a double or float, and nothing else: documents without them must
 * come back whole. */
static void only_reals_change(void **state)
{
    (void)state;
    const struct codec *codec = codec_find("cjson");
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        struct message_diff diff = {0};
        for (size_t i = 0; i < subject->corpus.count; i++) {
            size_t len;
            ProtobufCMessage *decoded;
            uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
            assert_int_equal(codec->decode(subject->plan, bytes, len, &heap_allocator, &decoded),
                             0);
            assert_true(message_compare(subject->corpus.documents[i], decoded, &diff));
            message_free(decoded, &heap_allocator);
            free(bytes);
        }
        assert_true(diff.values > 0 || subject->payload.type->n_fields == 0);
        if (strcmp(subject->payload.name, "ack") == 0 || strcmp(subject->payload.name, "feed") == 0)
            assert_int_equal(diff.changed, 0);
    }
}

/* What protobuf-c loses there is seen, and is what it is known for. */
static void lost_signs_are_counted(void **state)
{
    (void)state;
    const struct codec *codec = codec_find("protobuf_c");
    const struct subject *subject = bed_subject("ours_zeros");
    struct message_diff diff = {0};
    for (size_t i = 0; i < subject->corpus.count; i++) {
        size_t len;
        ProtobufCMessage *decoded;
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        assert_int_equal(codec->decode(subject->plan, bytes, len, &heap_allocator, &decoded), 0);
        assert_true(message_compare(subject->corpus.documents[i], decoded, &diff));
        message_free(decoded, &heap_allocator);
        free(bytes);
    }
    assert_int_equal(diff.changed, 4); /* of two doubles, a float, and a value of a map */
    assert_int_equal(diff.zero_signs, 4);
}

/* Every cap below the need is refused and nothing is written beyond it; the need itself is enough.
 */
static void respects_every_cap(const struct codec *codec, const struct subject *subject)
{
    for (size_t i = 0; i < subject->corpus.count && i < 12; i++) {
        const ProtobufCMessage *document = subject->corpus.documents[i];
        size_t len, got;
        uint8_t *bytes = bed_encode(codec, subject, document, &len);
        size_t step = len / 100 + 1;
        if (len > 2000 && i > 0) {
            free(bytes);
            return;
        }
        for (size_t cap = 0; cap < len; cap += cap + 40 < len ? step : 1)
            assert_int_equal(codec->encode(subject->plan, document, bed_walled(cap), cap, &got),
                             -ENOSPC);
        for (size_t cap = len; cap < len + 40; cap++) {
            uint8_t *walled = bed_walled(cap);
            assert_int_equal(codec->encode(subject->plan, document, walled, cap, &got), 0);
            assert_int_equal(got, len);
            assert_memory_equal(walled, bytes, len);
        }
        free(bytes);
    }
}

static void caps(void **state)
{
    (void)state;
    for_all(ENCODE, TYPES, respects_every_cap);
}

/* Whichever allocation is refused: -ENOMEM, and all that was handed out has come back. */
static void survives_every_refusal(const struct codec *codec, const struct subject *subject)
{
    for (size_t i = 0, len = 0; i < subject->corpus.count && i < 10 && len < 2000; i++) {
        size_t needed;
        struct ledger ledger;
        ProtobufCMessage *message;
        uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[i], &len);
        ledger_init(&ledger, SIZE_MAX);
        assert_int_equal(codec->decode(subject->plan, bytes, len, &ledger.allocator, &message), 0);
        message_free(message, &ledger.allocator);
        needed = ledger.asked;
        assert_true(needed > 0);
        for (size_t n = 0; n < needed; n += needed / 50 + 1) {
            ledger_init(&ledger, n);
            assert_int_equal(codec->decode(subject->plan, bytes, len, &ledger.allocator, &message),
                             -ENOMEM);
            assert_null(message);
            assert_int_equal(ledger.live, 0);
        }
        free(bytes);
    }
}

static void refusals(void **state)
{
    (void)state;
    for_all(DECODE, TYPES, survives_every_refusal);
}

static void keeps_to_its_budget(const struct codec *codec, const struct subject *subject)
{
    size_t len, enough = 0;
    uint8_t *bytes = bed_encode(codec, subject, subject->corpus.documents[0], &len);
    for (size_t budget = 0; enough == 0; budget = budget * 2 + 16) {
        struct arena arena;
        ProtobufCMessage *message;
        arena_init(&arena, budget);
        for (int round = 0; round < 2; round++) { /* a reset arena is as good as a new one */
            int error = codec->decode(subject->plan, bytes, len, &arena.allocator, &message);
            assert_true(error == 0 || error == -ENOMEM);
            assert_int_equal(error != 0, arena.refused);
            assert_true(arena_used(&arena) <= budget);
            if (error == 0)
                enough = budget;
            arena_reset(&arena);
        }
        arena_finish(&arena);
    }
    assert_true(enough >= subject->payload.type->sizeof_message);
    free(bytes);
}

static void budgets(void **state)
{
    (void)state;
    for_all(DECODE, TYPES, keeps_to_its_budget);
}

static void *round_trips_of_a_thread(void *unused)
{
    struct arena arena;
    arena_init(&arena, ARENA_DEFAULT_BUDGET);
    (void)unused;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if ((*codec)->decode == NULL)
            continue;
        const struct codec *source = codec_source(*codec);
        for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
            for (size_t i = 0; i < subject->corpus.count && i < (subject->again ? 0 : 6); i++) {
                const ProtobufCMessage *document = subject->corpus.documents[i];
                struct message_diff diff = {0};
                ProtobufCMessage *message = NULL;
                size_t cap = codec_bound(subject->plan, document), len;
                uint8_t *bytes = malloc(cap);
                bool good =
                    source->encode(subject->plan, document, bytes, cap, &len) == 0 &&
                    (*codec)->decode(subject->plan, bytes, len, &arena.allocator, &message) == 0 &&
                    message_compare(document, message, &diff) && message_touch(message) != 0;
                free(bytes);
                arena_reset(&arena);
                if (!good) {
                    arena_finish(&arena);
                    return (void *)(*codec)->name;
                }
            }
        }
    }
    arena_finish(&arena);
    return NULL;
}

/* Plans and documents are shared, arenas are not. */
static void threads(void **state)
{
    pthread_t thread[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, round_trips_of_a_thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
}

/* The second compiled copy of the baseline is the same codec at another place. */
static void the_copy_is_the_same(void **state)
{
    (void)state;
    const struct codec *codec = codec_find("cjson");
    assert_ptr_not_equal(codec->encode, cjson_copy_codec.encode);
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        size_t len, copy_len;
        const ProtobufCMessage *document = subject->corpus.documents[0];
        uint8_t *bytes = bed_encode(codec, subject, document, &len);
        uint8_t *copy = bed_encode(&cjson_copy_codec, subject, document, &copy_len);
        assert_int_equal(len, copy_len);
        assert_memory_equal(bytes, copy, len);
        free(bytes);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpora_differ),
        cmocka_unit_test(all_come_back),
        cmocka_unit_test(parts),
        cmocka_unit_test(only_reals_change),
        cmocka_unit_test(lost_signs_are_counted),
        cmocka_unit_test(caps),
        cmocka_unit_test(refusals),
        cmocka_unit_test(budgets),
        cmocka_unit_test(threads),
        cmocka_unit_test(the_copy_is_the_same),
    };
    return cmocka_run_group_tests_name("round trip", tests, bed_set_up, bed_tear_down);
}
