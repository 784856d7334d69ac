/* SPDX-License-Identifier: MIT */
/* The fidelity table says what is known for sure: of these libraries, and of codecs made to be bad.
 */
#include "fidelity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct fidelity_probe *find(const char *name)
{
    static const struct fidelity_probe *const groups[] = {fidelity_numbers, fidelity_text,
                                                          fidelity_schema};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        for (const struct fidelity_probe *probe = groups[i]; probe->name; probe++) {
            if (strcmp(probe->name, name) == 0)
                return probe;
        }
    }
    fail_msg("no probe %s", name);
    return NULL;
}

static struct fidelity_answer ask(const struct codec *codec, const char *probe)
{
    struct fidelity_bed bed;
    assert_int_equal(fidelity_bed_init(&bed, codec), 0);
    const struct fidelity_answer answer = find(probe)->ask(&bed);
    fidelity_bed_finish(&bed);
    return answer;
}

static void says(const char *codec, const char *probe, const char *outcome)
{
    const struct fidelity_answer answer = ask(codec_find(codec), probe);
    if (strcmp(answer.outcome, outcome) != 0)
        fail_msg("%s, %s: %s", codec, probe, answer.outcome);
}

static void test_the_three(void **unused)
{
    static const char *const words[][4] = {
        /* probe, cjson, protobuf_c, msgpack_c */
        {"doubles_bits", "changed", "kept", "kept"},
        {"doubles_unit", "changed", "kept", "kept"},
        {"doubles_extremes", NULL, "kept", "kept"}, /* changed or kept: it depends on the cJSON */
        {"negative_zero", NULL, "kept", "kept"},
        {"floats_bits", NULL, "kept", "kept"},
        {"floats_unit", "kept", "kept", "kept"},
        {"integers", "kept", "kept", "kept"}, /* as decimal strings in JSON */
        {"integer_unquoted", "refused", "not applicable", "not applicable"},
        {"nan", "kept", "kept", "kept"},
        {"nan_payload", "another NaN", "kept", "kept"},
        {"infinities", "kept", "kept", "kept"},
        {"text", "kept", "kept", "kept"},
        {"bytes", "kept", "kept", "kept"},
        {"utf8_encode", "accepted", "accepted", "accepted"},
        {"utf8_decode", "accepted", "accepted", "accepted"},
        {"surrogate", "refused", "not applicable", "not applicable"},
        {"nul", "cut at the NUL", "cut at the NUL", "cut at the NUL"},
        {"unknown_field", "skipped", "passed on", "skipped"},
        {"missing_field", "default", "default", "default"},
        {"missing_required", "refused", "refused", "refused"},
        {"duplicate", "last", "last", "last"},
        {"duplicate_message", "last", NULL, "last"},
        {"duplicate_message_proto2", "last", "merged", "last"},
        {"duplicate_map_key", "both, in order", "both, in order", "both, in order"},
        {"null", "default", "not applicable", "refused"},
        {"wrong_type", "refused", "refused", "refused"},
        {"unknown_enum", "kept", "kept", "kept"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        static const char *const names[] = {NULL, "cjson", "protobuf_c", "msgpack_c"};
        for (size_t n = 1; n < 4; n++) {
            if (words[i][n])
                says(names[n], words[i][0], words[i][n]);
        }
    }
}

static void test_how_much_cjson_loses(void **unused)
{
    (void)unused;
    const struct fidelity_answer cjson = ask(codec_find("cjson"), "doubles_unit");
    assert_true(cjson.sampled && cjson.sample >= 50000 && cjson.refused == 0);
    assert_true(cjson.changed > cjson.sample / 10 && cjson.changed < cjson.sample / 4);
    assert_true(cjson.max_ulp >= 1 && cjson.max_ulp < 10);
    const struct fidelity_answer again = ask(codec_find("cjson"), "doubles_unit");
    assert_memory_equal(&cjson, &again, sizeof cjson);
    const struct fidelity_answer exact = ask(codec_find("protobuf_c"), "doubles_unit");
    assert_true(exact.sample == cjson.sample && exact.changed == 0 && exact.max_ulp == 0);
}

static void test_nesting(void **unused)
{
    (void)unused;
    for (size_t i = 0; codecs[i]; i++) {
        const struct fidelity_answer out = ask(codecs[i], "nesting_encode");
        const struct fidelity_answer in = ask(codecs[i], "nesting_decode");
        assert_true(out.depth <= PLAN_MAX_DEPTH && in.depth <= PLAN_MAX_DEPTH);
        assert_true(in.depth >= 20);
    }
    assert_int_equal(ask(codec_find("msgpack_c"), "nesting_decode").depth, 32);
    assert_int_equal(ask(codec_find("cjson"), "nesting_decode").depth, PLAN_MAX_DEPTH);
    assert_int_equal(ask(codec_find("protobuf_c"), "nesting_encode").depth, PLAN_MAX_DEPTH);
}

/* Nobody drops, or changes without a word, what every codec here can say. */
static void test_every_codec(void **unused)
{
    static const char *const probes[] = {"integers", "text", "bytes", "missing_field"};
    (void)unused;
    for (size_t i = 0; codecs[i]; i++) {
        for (size_t n = 0; n < sizeof probes / sizeof *probes; n++) {
            const char *outcome = ask(codecs[i], probes[n]).outcome;
            if (strcmp(outcome, "kept") != 0 && strcmp(outcome, "default") != 0)
                fail_msg("%s, %s: %s", codecs[i]->name, probes[n], outcome);
        }
        assert_string_not_equal(ask(codecs[i], "unknown_field").outcome, "changed");
        assert_string_not_equal(ask(codecs[i], "integer_unquoted").outcome, "changed");
        assert_string_not_equal(ask(codecs[i], "doubles_bits").outcome, "refused");
    }
}

/* ---- codecs made to be bad ------------------------------------------------------------------- */

static const char *version(void)
{
    return "0";
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    return codec_find("protobuf_c")->encode(plan, message, dst, cap, len);
}

/* Knows nothing of fields and NULs that are not the schema's: truncates a double to a float. */
static int decode_coarsely(const struct plan *plan, const uint8_t *src, size_t len,
                           ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    const int err = codec_find("protobuf_c")->decode(plan, src, len, allocator, message);
    if (err != 0 || strcmp(plan->root->type->name, "ours_probe.Probe") != 0)
        return err;
    const struct plan_field *field = plan->root->fields;
    while (strcmp(field->name, "reals64") != 0)
        field++;
    double *values = *(double **)(void *)((char *)*message + field->offset);
    size_t count = *(size_t *)(void *)((char *)*message + field->quantifier);
    for (size_t i = 0; i < count; i++)
        values[i] = (double)(float)values[i];
    return 0;
}

static int decode_nothing(const struct plan *plan, const uint8_t *src, size_t len,
                          ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    (void)plan, (void)src, (void)len, (void)allocator, (void)message;
    return -EBADMSG;
}

static void test_bad_codecs_are_seen(void **unused)
{
    (void)unused;
    struct codec codec = {.name = "bad",
                          .format = "Protocol Buffers",
                          .library = "none",
                          .version = version,
                          .encode = encode,
                          .decode = decode_coarsely};
    struct fidelity_answer answer = ask(&codec, "doubles_unit");
    assert_string_equal(answer.outcome, "changed");
    assert_true(answer.changed > answer.sample / 100 * 99);
    assert_true(answer.max_ulp > (uint64_t)1 << 27); /* 53 bits to 24 */
    codec.decode = decode_nothing;
    answer = ask(&codec, "integers");
    assert_string_equal(answer.outcome, "refused");
    assert_int_equal(answer.refused, answer.sample);
    assert_string_equal(ask(&codec, "nan").outcome, "refused on decode");
    assert_string_equal(ask(&codec, "unknown_field").outcome, "refused");
    assert_string_equal(ask(&codec, "nesting_decode").outcome, "limit");
    /* One way only, and in a format that nobody spelt out. */
    codec.decode = NULL;
    assert_string_equal(ask(&codec, "doubles_unit").outcome, "not probed");
    codec.decode = decode_coarsely;
    codec.encode = NULL;
    assert_string_equal(ask(&codec, "utf8_encode").outcome, "not applicable");
    assert_string_equal(ask(&codec, "doubles_unit").outcome, "changed"); /* protobuf_c's bytes */
    codec.format = "Morse";
    assert_string_equal(ask(&codec, "doubles_unit").outcome, "not probed");
    assert_string_equal(ask(&codec, "unknown_field").outcome, "not probed");
    assert_string_equal(ask(&codec, "surrogate").outcome, "not probed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_three),
        cmocka_unit_test(test_how_much_cjson_loses),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_every_codec),
        cmocka_unit_test(test_bad_codecs_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
