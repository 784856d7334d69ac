/* SPDX-License-Identifier: MIT */
/* What the corpus reader refuses, and that it says where. */
#include "bed.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bad {
    const char *text;
    const char *says; /* what follows the file's name */
    int error;
};

/* Of ours_everything.proto, unless the text begins otherwise. */
static const struct bad bad[] = {
    {"", ":1: the file ends where an array of documents should be", -EBADMSG},
    {"{}", ":1: expected an array of documents", -EBADMSG},
    {"[]", ":1: no documents", -EBADMSG},
    {"[{}]", ":1: [0]: required field must is missing", -EBADMSG},
    {"[{\"must\":1},\n{\"must\":1,\n \"self\":{}}]", ":3: [1].self: required field must is missing",
     -EBADMSG},
    {"[{\"must\":1}", ":1: the file ends where ',' or ']' should be", -EBADMSG},
    {"[{\"must\":1}]\nx", ":2: something follows the array of documents", -EBADMSG},
    {"[{\"must\":1,}]", ":1: [0]: expected a string", -EBADMSG},
    {"[{\"must\" 1}]", ":1: [0].must: expected ':'", -EBADMSG},
    {"[{\"must\":1\n\"i32\":1}]", ":2: [0]: expected ',' or '}'", -EBADMSG},
    {"[\n\n{\"must\":1,\"nonsense\":1}]",
     ":3: [0].nonsense: ours_everything.OursEverything has no such field", -EBADMSG},
    {"[{\"must\":1,\"must\":1}]", ":1: [0].must: the field is there twice", -EBADMSG},
    {"[{\"must\":null}]", ":1: [0].must: null, but the field is required", -EBADMSG},
    {"[{\"must\":\"x\"}]", ":1: [0].must: expected a 32-bit integer", -EBADMSG},
    {"[{\"must\":2147483648}]", ":1: [0].must: 2147483648 is beyond a 32-bit integer", -ERANGE},
    {"[{\"must\":1.5}]", ":1: [0].must: expected a 32-bit integer", -EBADMSG},
    {"[{\"must\":15e-1}]", ":1: [0].must: expected a 32-bit integer", -EBADMSG},
    {"[{\"must\":1e-1}]", ":1: [0].must: expected a 32-bit integer", -EBADMSG},
    {"[{\"must\":\"1.\"}]", ":1: [0].must: expected a 32-bit integer", -EBADMSG},
    {"[{\"must\":2147483648.0}]", ":1: [0].must: 2147483648.0 is beyond a 32-bit integer", -ERANGE},
    {"[{\"must\":1e99999999999999999999}]",
     ":1: [0].must: 1e99999999999999999999 is beyond a 32-bit integer", -ERANGE},
    {"\xef\xbb\xbf[{\"must\":1}]", ":1: the file begins with a byte order mark: save it without",
     -EBADMSG},
    {"[{\"must\":01}]", ":1: [0].must: malformed number", -EBADMSG},
    {"[{\"must\":-}]", ":1: [0].must: malformed number", -EBADMSG},
    {"[{\"must\":1,\"u32\":-1}]", ":1: [0].u32: -1 is beyond an unsigned 32-bit integer", -ERANGE},
    {"[{\"must\":1,\"u64\":18446744073709551616}]",
     ":1: [0].u64: 18446744073709551616 is beyond an unsigned 64-bit integer", -ERANGE},
    {"[{\"must\":1,\"real64\":\"abc\"}]", ":1: [0].real64: expected a number", -EBADMSG},
    {"[{\"must\":1,\"real64\":1e400}]", ":1: [0].real64: 1e400 is beyond a double", -ERANGE},
    {"[{\"must\":1,\"real32\":1e39}]", ":1: [0].real32: 1e39 is beyond a float", -ERANGE},
    {"[{\"must\":1,\"real64\":.5}]", ":1: [0].real64: malformed number", -EBADMSG},
    {"[{\"must\":1,\"real64\":1.}]", ":1: [0].real64: malformed number", -EBADMSG},
    {"[{\"must\":1,\"yes\":1}]", ":1: [0].yes: expected true or false", -EBADMSG},
    {"[{\"must\":1,\"colour\":\"PINK\"}]",
     ":1: [0].colour: ours_everything.Colour has no value PINK", -EBADMSG},
    {"[{\"must\":1,\"text\":5}]", ":1: [0].text: expected a string", -EBADMSG},
    {"[{\"must\":1,\"text\":\"a\nb\"}]", ":1: [0].text: control character in a string", -EBADMSG},
    {"[{\"must\":1,\"text\":\"a", ":1: [0].text: the file ends where the end of a string should be",
     -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\x\"}]", ":1: [0].text: unknown escape", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\u12g4\"}]", ":1: [0].text: \\u wants four hexadecimal digits",
     -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\ud83d\"}]", ":1: [0].text: half a surrogate pair", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\ud83d\\u0041\"}]", ":1: [0].text: half a surrogate pair", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\ude00\"}]", ":1: [0].text: half a surrogate pair", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\\u0000\"}]", ":1: [0].text: \\u0000: C strings cannot hold it",
     -EBADMSG},
    {"[{\"must\":1,\"text\":\"\xff\"}]", ":1: [0].text: a string that is not UTF-8", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\xc0\x80\"}]", ":1: [0].text: a string that is not UTF-8", -EBADMSG},
    {"[{\"must\":1,\"text\":\"\xed\xa0\x80\"}]", ":1: [0].text: a string that is not UTF-8",
     -EBADMSG},
    {"[{\"must\":1,\"text\":\"\xf4\x90\x80\x80\"}]", ":1: [0].text: a string that is not UTF-8",
     -EBADMSG},
    {"[{\"must\":1,\"text\":\"\xe6\x97", ":1: [0].text: a string that is not UTF-8", -EBADMSG},
    {"[{\"must\":1,\"raw\":\"!!!!\"}]", ":1: [0].raw: expected base64", -EBADMSG},
    {"[{\"must\":1,\"raw\":7}]", ":1: [0].raw: expected a string (base64)", -EBADMSG},
    {"[{\"must\":1,\"texts\":\"a\"}]", ":1: [0].texts: expected an array", -EBADMSG},
    {"[{\"must\":1,\"texts\":[\"a\",null]}]", ":1: [0].texts[1]: expected a string", -EBADMSG},
    {"[{\"must\":1,\"selves\":[{\"must\":1},\n{\"must\":1,\"texts\":[\"a\",\n4]}]}]",
     ":3: [0].selves[1].texts[1]: expected a string", -EBADMSG},
    {"[{\"must\":1,\"chosen_text\":\"a\",\"chosen_number\":1}]",
     ":1: [0].chosen_number: another member of its oneof was there before", -EBADMSG},
    {"[{\"must\":1,\"self\":[]}]", ":1: [0].self: expected an object", -EBADMSG},
};

/* Of ours_maps.proto. */
static const struct bad bad_maps[] = {
    {"[{\"texts\":[]}]", ":1: [0].texts: expected an object (a map)", -EBADMSG},
    {"[{\"texts\":{\"a\":1}}]", ":1: [0].texts.a: expected a string", -EBADMSG},
    {"[{\"texts\":{\"a\":\"\",\n\"a\":\"\"}}]", ":2: [0].texts.a: the key is there twice",
     -EBADMSG},
    {"[{\"texts\":{\"\\u0000\":\"\"}}]", ":1: [0].texts.: \\u0000: C strings cannot hold it",
     -EBADMSG},
    {"[{\"by_int32\":{\"x\":1}}]", ":1: [0].by_int32.x: the key is not a 32-bit integer", -EBADMSG},
    {"[{\"by_uint32\":{\"4294967296\":\"1\"}}]",
     ":1: [0].by_uint32.4294967296: the key is not an unsigned 32-bit integer", -ERANGE},
    {"[{\"by_uint64\":{\"-1\":true}}]",
     ":1: [0].by_uint64.-1: the key is not an unsigned 64-bit integer", -ERANGE},
    {"[{\"by_int64\":{\"\":0}}]", ":1: [0].by_int64.: the key is not a 64-bit integer", -EBADMSG},
    {"[{\"by_int64\":{\"1\":0,\"01\":0}}]", ":1: [0].by_int64.01: the key is not a 64-bit integer",
     -EBADMSG},
    {"[{\"by_int64\":{\"1\":0,\"1\":0}}]", ":1: [0].by_int64.1: the key is there twice", -EBADMSG},
    {"[{\"by_bool\":{\"1\":0}}]", ":1: [0].by_bool.1: the key is not \"true\" or \"false\"",
     -EBADMSG},
    {"[{\"by_bool\":{true:0}}]", ":1: [0].by_bool: expected a string", -EBADMSG},
    {"[{\"by_fixed64\":{\"1\":\"PINK\"}}]",
     ":1: [0].by_fixed64.1: ours_maps.Light has no value PINK", -EBADMSG},
    {"[{\"inner\":{\"a\":\n{\"b\":1}}}]", ":2: [0].inner.a.b: ours_maps.OursMaps has no such field",
     -EBADMSG},
    {"[{\"inner\":{\"a\":{},}}]", ":1: [0].inner: expected a string", -EBADMSG},
    {"[{\"inner\":{\"a\":{}]}]", ":1: [0].inner: expected ',' or '}'", -EBADMSG},
};

static void write_file(char *path, const char *text)
{
    strcpy(path, "/tmp/assay-corpus-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void all_are_refused(const char *name, const struct bad *bads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[64], why[512] = "", expected[512];
        struct corpus corpus;
        write_file(path, bads[i].text);
        int error = corpus_load(&corpus, &bed_subject(name)->payload, path, why, sizeof(why));
        unlink(path);
        snprintf(expected, sizeof(expected), "%s%s", path, bads[i].says);
        assert_string_equal(why, expected);
        assert_int_equal(error, bads[i].error);
        assert_int_equal(corpus.count, 0);
        corpus_finish(&corpus);
    }
}

static void errors_say_where(void **state)
{
    (void)state;
    all_are_refused("ours_everything", bad, sizeof(bad) / sizeof(bad[0]));
    all_are_refused("ours_maps", bad_maps, sizeof(bad_maps) / sizeof(bad_maps[0]));
}

static void a_missing_file_is_named(void **state)
{
    char why[256] = "", small[12] = "";
    struct corpus corpus;
    (void)state;
    assert_int_equal(corpus_load(&corpus, &payloads[0], "/nonexistent/ack.json", why, sizeof(why)),
                     -ENOENT);
    assert_string_equal(why, "/nonexistent/ack.json: No such file or directory");
    assert_int_equal(
        corpus_load(&corpus, &payloads[0], "/nonexistent/ack.json", small, sizeof(small)), -ENOENT);
    assert_string_equal(small, "/nonexisten");
    assert_true(corpus_load(&corpus, &payloads[0], "/tmp", why, sizeof(why)) < 0);
}

static void depth_has_a_limit(void **state)
{
    enum { LEVELS = 1000 };
    char path[64], why[2048], *text = malloc(LEVELS * 24 + 100), *at = text;
    struct corpus corpus;
    (void)state;
    at += sprintf(at, "[");
    for (int i = 0; i < LEVELS; i++)
        at += sprintf(at, "{\"must\":1,\"self\":");
    write_file(path, text);
    assert_int_equal(
        corpus_load(&corpus, &bed_subject("ours_everything")->payload, path, why, sizeof(why)),
        -EBADMSG);
    assert_non_null(strstr(why, "more than 100 levels deep"));
    unlink(path);
    free(text);
}

/* Escapes, surrogate pairs and numbers arrive exactly. */
static void values_are_exact(void **state)
{
    char path[64], why[256];
    struct corpus corpus, plain;
    const struct payload *payload = &bed_subject("ours_everything")->payload;
    (void)state;
    write_file(path, "[{\"must\":-0,\"text\":\"\\u00e9\\u65e5\\ud83d\\ude00\\/\\n\","
                     "\"u64\":\"9007199254740993\",\"real64\":1E-1,\"raw\":\"-_8\","
                     "\"chosen_yes\":true}]");
    assert_int_equal(corpus_load(&corpus, payload, path, why, sizeof(why)), 0);
    unlink(path);
    write_file(path, "\n [ { \"raw\" : \"+/8=\", \"u64\" : 9007199254740993 , \"must\" : 0,"
                     "\"real64\":0.1,\"text\":\"é日😀/\\u000A\",\"i32\":null,"
                     "\"chosen_yes\":true,\"chosen_raw\":null} ] ");
    assert_int_equal(corpus_load(&plain, payload, path, why, sizeof(why)), 0);
    unlink(path);
    assert_true(message_equal(corpus.documents[0], plain.documents[0]));
    corpus_finish(&corpus);
    corpus_finish(&plain);
}

/* However a whole number is spelt. */
static void integers_are_exact(void **state)
{
    char path[64], why[256];
    struct corpus corpus, plain;
    const struct payload *payload = &bed_subject("ours_everything")->payload;
    (void)state;
    write_file(path, "[{\"must\":-1.0,\"u64\":1844674407370955161.50e1,\"i32\":\"21474836470E-1\"},"
                     "{\"must\":0e99999999999999999999,\"u64\":9.007199254740993e15},"
                     "{\"must\":-0.0,\"u64\":1e+19},"
                     "{\"must\":0.00012e5,\"u64\":100e-2}]");
    assert_int_equal(corpus_load(&corpus, payload, path, why, sizeof(why)), 0);
    unlink(path);
    write_file(path, "[{\"must\":-1,\"u64\":18446744073709551615,\"i32\":2147483647},"
                     "{\"must\":0,\"u64\":9007199254740993},"
                     "{\"must\":0,\"u64\":10000000000000000000},"
                     "{\"must\":12,\"u64\":1}]");
    assert_int_equal(corpus_load(&plain, payload, path, why, sizeof(why)), 0);
    unlink(path);
    for (size_t i = 0; i < 4; i++)
        assert_true(message_equal(corpus.documents[i], plain.documents[i]));
    corpus_finish(&corpus);
    corpus_finish(&plain);
}

static void nothing_is_found_by_a_wrong_name(void **state)
{
    (void)state;
    assert_null(payload_find("nonsense"));
    assert_null(codec_find("nonsense"));
    for (const struct payload *payload = payloads; payload->name != NULL; payload++)
        assert_ptr_equal(payload_find(payload->name), payload);
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        assert_ptr_equal(codec_find((*codec)->name), *codec);
        assert_non_null((*codec)->label);
        const char *version = (*codec)->version();
        assert_true((version[0] >= '0' && version[0] <= '9') || strcmp(version, "unknown") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where),   cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(depth_has_a_limit),  cmocka_unit_test(values_are_exact),
        cmocka_unit_test(integers_are_exact), cmocka_unit_test(nothing_is_found_by_a_wrong_name),
    };
    return cmocka_run_group_tests_name("corpus", tests, bed_set_up, bed_tear_down);
}
