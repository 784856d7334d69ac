/* SPDX-License-Identifier: MIT */
/* Every payload's corpus loads, differs from document to document, and survives every codec. */
#include "arena.h"
#include "codec.h"
#include "message.h"
#include "payload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void loads_different_documents(void **state)
{
    (void)state;
    for (const struct payload *payload = payloads; payload->name != NULL; payload++) {
        struct corpus corpus;
        char why[512] = "";
        if (corpus_load(&corpus, payload, NULL, why, sizeof(why)) != 0)
            fail_msg("%s", why);
        for (size_t i = 1; i < corpus.count; i++) {
            assert_false(message_equal(corpus.documents[0], corpus.documents[i]));
            assert_true(message_equal(corpus.documents[i], corpus.documents[i]));
        }
        corpus_finish(&corpus);
    }
}

/* Encodes, decodes, compares; and once more from the decoded message, to the very same bytes. */
static void round_trip(const struct codec *codec, const struct plan *plan,
                       const ProtobufCMessage *document)
{
    size_t cap = codec_bound(plan, document), len, again_len;
    uint8_t *bytes = malloc(cap), *again = malloc(cap);
    struct message_diff diff = {0};
    ProtobufCMessage *decoded = NULL;
    assert_int_equal(codec->encode(plan, document, bytes, cap, &len), 0);
    assert_int_equal(codec->decode(plan, bytes, len, &heap_allocator, &decoded), 0);
    assert_true(message_compare(document, decoded, &diff));
    assert_true(diff.values > 0);
    if (strcmp(codec->name, "cjson") != 0) /* which loses bits of some doubles */
        assert_true(message_equal(document, decoded));
    assert_int_equal(codec->encode(plan, decoded, again, cap, &again_len), 0);
    assert_int_equal(len, again_len);
    assert_memory_equal(bytes, again, len);
    message_free(decoded, &heap_allocator);
    free(bytes);
    free(again);
}

static void survives_every_codec(void **state)
{
    (void)state;
    for (const struct payload *payload = payloads; payload->name != NULL; payload++) {
        struct corpus corpus;
        struct plan *plan;
        char why[512] = "";
        assert_int_equal(corpus_load(&corpus, payload, NULL, why, sizeof(why)), 0);
        assert_int_equal(plan_create(&plan, payload->type, why, sizeof(why)), 0);
        for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
            for (size_t i = 0; i < corpus.count; i++)
                round_trip(*codec, plan, corpus.documents[i]);
        }
        plan_destroy(plan);
        corpus_finish(&corpus);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_different_documents),
        cmocka_unit_test(survives_every_codec),
    };
    return cmocka_run_group_tests_name("corpora", tests, NULL, NULL);
}
