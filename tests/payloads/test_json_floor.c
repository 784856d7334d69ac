/* SPDX-License-Identifier: MIT */
/* The JSON floor: RFC 8259 and nothing beside it, every bit of every number, every character, and
 * the same JSON as all libraries'. */
#include "arena.h"
#include "bed.h"
#include "field.h"
#include "json_text.h"
#include "message.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct codec *the_floor;
static const struct subject *everything;

/* Decodes text as an Everything; NULL and *error if it is refused. Nothing may be left behind. */
static ProtobufCMessage *decode(const char *text, size_t len, int *error)
{
    ProtobufCMessage *message = NULL;
    struct ledger ledger;
    const uint8_t *walled = bed_walled_copy((const uint8_t *)text, len);
    ledger_init(&ledger, SIZE_MAX);
    *error = the_floor->decode(everything->plan, walled, len, &ledger.allocator, &message);
    assert_int_equal(*error == 0, message != NULL);
    if (message == NULL)
        assert_int_equal(ledger.live, 0);
    return message;
}

static bool accepts(const char *text, size_t len)
{
    int error;
    ProtobufCMessage *message = decode(text, len, &error);
    assert_true(error == 0 || error == -EBADMSG);
    message_free(message, &heap_allocator);
    return error == 0;
}

static void *value_of(ProtobufCMessage *message, const char *name)
{
    const struct plan_message *root = everything->plan->root;
    const struct plan_field *field = field_named(root, root->fields, name, strlen(name));
    assert_non_null(field);
    return field_at(message, field->offset);
}

struct text {
    const char *text;
    size_t len;
    bool good;
};
#define GOOD(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1, true                                                         \
    }
#define BAD(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1, false                                                        \
    }

/* One JSON value each. */
static const struct text values[] = {
    GOOD("null"),
    GOOD("true"),
    GOOD("false"),
    GOOD("[]"),
    GOOD("{}"),
    GOOD("\"\""),
    BAD("nul"),
    BAD("nulll"),
    BAD("NULL"),
    BAD("True"),
    BAD("tru"),
    BAD("falsey"),
    BAD("undefined"),
    BAD("NaN"),
    BAD("nan"),
    BAD("Infinity"),
    BAD("-Infinity"),
    BAD("inf"),
    BAD(""),
    BAD("*"),
    BAD("'a'"),
    BAD("a"),
    BAD("/**/1"),
    BAD("1//"),
    BAD("#"),
    BAD("\xef\xbb\xbf"
        "1"),
    BAD("\0"),
    /* numbers */
    GOOD("0"),
    GOOD("-0"),
    GOOD("1"),
    GOOD("-1"),
    GOOD("10"),
    GOOD("123456789012345678901234567890"),
    GOOD("0.0"),
    GOOD("0.5"),
    GOOD("-0.5"),
    GOOD("1.25"),
    GOOD("1e5"),
    GOOD("1E5"),
    GOOD("1e+5"),
    GOOD("1e-5"),
    GOOD("1E+05"),
    GOOD("0e0"),
    GOOD("-0e-0"),
    GOOD("1.5e300"),
    GOOD("1e400"),
    GOOD("1e99999999999999999999"),
    GOOD("0.00000000000000000000000000000000000001"),
    BAD("-"),
    BAD("+1"),
    BAD("+"),
    BAD("--1"),
    BAD("- 1"),
    BAD("01"),
    BAD("-01"),
    BAD("00"),
    BAD("-00"),
    BAD("1."),
    BAD(".5"),
    BAD("-.5"),
    BAD("1.e5"),
    BAD(".e5"),
    BAD("1e"),
    BAD("1e+"),
    BAD("1e-"),
    BAD("1e1.5"),
    BAD("1e 5"),
    BAD("1 e5"),
    BAD("0x10"),
    BAD("1f"),
    BAD("1_000"),
    BAD("1 2"),
    BAD("1.2.3"),
    BAD("1..2"),
    BAD("012.5"),
    BAD("\xef\xbc\x91"),
    BAD("-e5"),
    BAD("e5"),
    BAD("1ee5"),
    BAD("1-2"),
    BAD("1+2"),
    BAD("2.e3"),
    BAD("-2."),
    BAD("0.e1"),
    /* strings */
    GOOD("\"a\""),
    GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    GOOD("\"\\u0041\\u00e9\\u65E5\""),
    GOOD("\"\\ud83d\\ude00\""),
    GOOD("\"\\uDBFF\\uDFFF\""),
    GOOD("\"\\u0000\""),
    GOOD("\"\x7f\""),
    GOOD("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
    GOOD("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    GOOD("\"/\""),
    GOOD("\"'\""),
    GOOD("\"\xe2\x80\xa8\""),
    BAD("\""),
    BAD("\"a"),
    BAD("\"\\\""),
    BAD("\"\\"),
    BAD("\"\\a\""),
    BAD("\"\\x41\""),
    BAD("\"\\'\""),
    BAD("\"\\0\""),
    BAD("\"\\U0041\""),
    BAD("\"\\ \""),
    BAD("\"\\\n\""),
    BAD("\"\\u\""),
    BAD("\"\\u1\""),
    BAD("\"\\u12\""),
    BAD("\"\\u123\""),
    BAD("\"\\u123g\""),
    BAD("\"\\u 123\""),
    BAD("\"\\u+123\""),
    BAD("\"\\ud83d\""),
    BAD("\"\\ude00\""),
    BAD("\"\\ud83d\\u0041\""),
    BAD("\"\\ud83dx\""),
    BAD("\"\\ud83d\\n\""),
    BAD("\"\\ud83d\\ud83d\""),
    BAD("\"\\ude00\\ud83d\""),
    BAD("\"\\ud83d\\u\""),
    BAD("\"\n\""),
    BAD("\"\t\""),
    BAD("\"\r\""),
    BAD("\"\x1f\""),
    BAD("\"\0\""),
    BAD("\"a\0b\""),
    BAD("\"\x80\""),
    BAD("\"\xbf\""),
    BAD("\"\xc0\x80\""),
    BAD("\"\xc1\xbf\""),
    BAD("\"\xc2\""),
    BAD("\"\xc2\x41\""),
    BAD("\"\xe0\x80\x80\""),
    BAD("\"\xe0\x9f\xbf\""),
    BAD("\"\xe6\x97\""),
    BAD("\"\xed\xa0\x80\""),
    BAD("\"\xed\xbf\xbf\""),
    BAD("\"\xf0\x8f\xbf\xbf\""),
    BAD("\"\xf0\x9f\x98\""),
    BAD("\"\xf4\x90\x80\x80\""),
    BAD("\"\xf5\x80\x80\x80\""),
    BAD("\"\xfe\""),
    BAD("\"\xff\""),
    BAD("\"12345678\xff\""),
    BAD("\"1234567\xe6\x97\""),
    BAD("\"12345678\n\""),
    /* arrays and objects */
    GOOD("[1]"),
    GOOD("[1,2]"),
    GOOD("[[],{}]"),
    GOOD("[ 1 , \"a\" , null ]"),
    GOOD("{\"a\":1}"),
    GOOD("{\"a\":1,\"a\":2}"),
    GOOD("{\"\":0}"),
    GOOD("{ \"a\" : { \"b\" : [ ] } }"),
    GOOD("\t\r\n [\t\r\n 1\t\r\n ,\t\r\n 2\t\r\n ]\t\r\n "),
    GOOD("{\"\\u0000\":1}"),
    BAD("["),
    BAD("]"),
    BAD("[1"),
    BAD("[1,"),
    BAD("[1,]"),
    BAD("[,1]"),
    BAD("[,]"),
    BAD("[1,,2]"),
    BAD("[1 2]"),
    BAD("[1}"),
    BAD("[1]]"),
    BAD("[\v1]"),
    BAD("[\f]"),
    BAD("[\xc2\xa0]"),
    BAD("[1:2]"),
    BAD("[\"a\":1]"),
    BAD("[1;2]"),
    BAD("[]["),
    BAD("{"),
    BAD("}"),
    BAD("{\"a\"}"),
    BAD("{\"a\":}"),
    BAD("{\"a\":1"),
    BAD("{\"a\":1,}"),
    BAD("{,\"a\":1}"),
    BAD("{\"a\":1,,\"b\":2}"),
    BAD("{a:1}"),
    BAD("{'a':1}"),
    BAD("{1:1}"),
    BAD("{null:1}"),
    BAD("{\"a\",1}"),
    BAD("{\"a\":1]"),
    BAD("{\"a\"::1}"),
    BAD("{\"a\":1 \"b\":2}"),
    BAD("{\"a\":1}}"),
    BAD("{\"a\" 1}"),
    BAD("{\"a\":1/**/}"),
    BAD("{[]:1}"),
    BAD("{\"\xff\":1}"),
    BAD("{\"a\n\":1}"),
    BAD("{\"\\q\":1}"),
};

static void wrapped(const char *before, const struct text *value, const char *after, bool good)
{
    char text[256];
    size_t len = strlen(before);
    memcpy(text, before, len);
    memcpy(text + len, value->text, value->len);
    len += value->len;
    memcpy(text + len, after, strlen(after));
    len += strlen(after);
    if (accepts(text, len) != good)
        fail_msg("%.*s is %s", (int)len, text, good ? "refused" : "accepted");
}

/* In a field that nobody knows, alone, in an array and in an object; strings in one that is known,
 * as value and as key; and never as the root or behind it. */
static void values_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct text *value = &values[i];
        wrapped("{\"must\":1,\"unknown\":", value, "}", value->good);
        wrapped("{\"unknown\":[0,", value, "],\"must\":1}", value->good);
        wrapped("{\"unknown\":{\"x\":", value, "},\"must\":1}", value->good);
        wrapped("{\"must\":1}", value, "", value->len == 0);
        wrapped("{\"must\":1},", value, "", false);
        if (value->len == 0 || value->text[0] != '"')
            continue;
        bool nul = strcmp(value->text, "\"\\u0000\"") == 0; /* no C string holds it */
        wrapped("{\"must\":1,\"text\":", value, "}", value->good && !nul);
        wrapped("{\"must\":1,\"texts\":[\"\",", value, "]}", value->good && !nul);
        wrapped("{\"must\":1,", value, ":null}", value->good);
    }
}

static const struct text documents[] = {
    GOOD("{\"must\":1}"),
    GOOD(" \t\r\n{ \"must\" : 1 } \t\r\n"),
    GOOD("{\"mus\\u0074\":1}"), /* a key may be escaped, too */
    GOOD("{\"\\u006d\\u0075\\u0073\\u0074\":1,\"t\\u0065xt\":\"a\"}"),
    GOOD("{\"must\":1,\"must\":2}"),
    GOOD("{\"must\":1.0,\"u32\":1e2,\"u64\":\"\\u0031\"}"),
    GOOD("{\"must\":-0,\"u32\":-0,\"u64\":18446744073709551615,\"i64\":-9223372036854775808}"),
    GOOD("{\"must\":1,\"real64\":1e-400,\"real32\":-1e-400}"),
    GOOD("{\"must\":1,\"real64\":0.0000000001e310,\"real32\":"
         "340282346638528859811704183484516925440}"),
    BAD(""),
    BAD(" "),
    BAD("\xef\xbb\xbf{\"must\":1}"),
    BAD("{\"must\":1}\0"),
    BAD("{\"must\":1}x"),
    BAD("{\"must\":1}{\"must\":1}"),
    BAD("[{\"must\":1}]"),
    BAD("{\"Must\":1}"),
    BAD("{\"must\":1,\"u64\":18446744073709551616}"),
    BAD("{\"must\":1,\"u64\":99999999999999999999999999}"),
    BAD("{\"must\":1,\"i64\":-9223372036854775809}"),
    BAD("{\"must\":1,\"i64\":9223372036854775808}"),
    BAD("{\"must\":1,\"u64\":1e300}"),
    BAD("{\"must\":1,\"u64\":\"01x\"}"),
    BAD("{\"must\":1,\"u64\":\" 1\"}"),
    BAD("{\"must\":1,\"i32\":2147483648}"),
    BAD("{\"must\":1,\"i32\":0.5}"),
    BAD("{\"must\":1,\"i32\":007}"),
    BAD("{\"must\":1,\"real64\":1e309}"),
    BAD("{\"must\":1,\"real64\":1000000000e300}"),
    BAD("{\"must\":1,\"real32\":340282356779733661637539395458142568448}"),
    BAD("{\"must\":1,\"real64\":\"1\"}"),
    BAD("{\"must\":1,\"yes\":\"true\"}"),
    BAD("{\"must\":1,\"yes\":trues}"),
    BAD("{\"must\":1,\"text\":nul}"),
    BAD("{\"must\":1,5}"),
};

static void documents_are_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (accepts(documents[i].text, documents[i].len) != documents[i].good)
            fail_msg("%s", documents[i].text);
}

/* In what is skipped as deep as in what is known: PLAN_MAX_DEPTH, and no deeper. */
static void depth_has_a_limit(void **state)
{
    static char text[4 * PLAN_MAX_DEPTH + 64];
    (void)state;
    for (size_t levels = PLAN_MAX_DEPTH - 1; levels <= PLAN_MAX_DEPTH; levels++) {
        char *at = text + sprintf(text, "{\"must\":1,\"unknown\":");
        for (size_t i = 0; i < levels; i++)
            *at++ = '[';
        for (size_t i = 0; i < levels; i++)
            *at++ = ']';
        *at++ = '}';
        assert_int_equal(accepts(text, (size_t)(at - text)), levels < PLAN_MAX_DEPTH);
    }
}

static ProtobufCMessage *new_message(void)
{
    ProtobufCMessage *message = field_new_message(everything->plan->root, &heap_allocator);
    assert_non_null(message);
    return message;
}

/* Sets a field that has a has_ flag, or none. */
static void set(ProtobufCMessage *message, const char *name, const void *value)
{
    const struct plan_message *root = everything->plan->root;
    const struct plan_field *field = field_named(root, root->fields, name, strlen(name));
    memcpy(field_open(message, field, &heap_allocator), value, field->value_size);
}

/* Out and back; returns the text, in a place of its own. */
static const char *round_trip(const ProtobufCMessage *message)
{
    static char text[1024];
    size_t len;
    int error;
    assert_int_equal(
        the_floor->encode(everything->plan, message, (uint8_t *)text, sizeof(text) - 1, &len), 0);
    ProtobufCMessage *back = decode(text, len, &error);
    assert_int_equal(error, 0);
    assert_true(message_equal(message, back)); /* bit for bit */
    message_free(back, &heap_allocator);
    text[len] = '\0';
    return text;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* Any bits at all, decimals as people write them, and the edges. */
static double draw_double(size_t n, uint64_t *seed)
{
    static const double edges[] = {
        0.0,
        -0.0,
        1.0,
        5e-324,
        -5e-324,
        2.2250738585072009e-308,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        9007199254740991,
        9007199254740994,
        1e22,
        1e23,
        123456789012345680,
        0.1,
        0.3,
        1.0 / 3,
        1e15,
        1e16,
        1e21,
        9.5e-7,
        4.35,
        100,
        1e-5,
        123e-7,
    };
    uint64_t bits = next_random(seed);
    double value;
    if (n < sizeof(edges) / sizeof(edges[0]))
        return edges[n];
    if (n % 3 == 0)
        return (double)(int64_t)(bits % 2000000000) / 1000 - 1000000;
    if (n % 3 == 1)
        return (double)(bits >> 11) * 0x1p-53 * 200 - 100;
    memcpy(&value, &bits, sizeof(value));
    return isfinite(value) ? value : 1.5;
}

static void every_bit_of_a_number_comes_back(void **state)
{
    enum { SAMPLE = 30000 };
    uint64_t seed = 88172645463325252u;
    ProtobufCMessage *message = new_message();
    (void)state;
    for (size_t n = 0; n < SAMPLE; n++) {
        double real64 = draw_double(n, &seed);
        uint32_t bits32 = (uint32_t)next_random(&seed);
        float real32;
        memcpy(&real32, &bits32, sizeof(real32));
        if (isnan(real32))
            real32 = INFINITY;
        uint64_t bits = next_random(&seed) >> next_random(&seed) % 64;
        uint32_t half = (uint32_t)bits;
        set(message, "real64", &real64);
        set(message, "real32", &real32);
        set(message, "u64", &bits);
        set(message, "i64", &bits);
        set(message, "s64", &(int64_t){-(int64_t)(bits >> 1) - 1});
        set(message, "u32", &half);
        set(message, "i32", &half);
        set(message, "must", &half);
        const char *text = round_trip(message);
        /* strtod reads the same: it is no private notation. */
        const char *at = strstr(text, "\"real64\":");
        double again = strtod(at + strlen("\"real64\":"), NULL);
        assert_memory_equal(&again, &real64, sizeof(again));
    }
    message_free(message, &heap_allocator);
}

static void powers_of_ten_are_edges(void **state)
{
    ProtobufCMessage *message = new_message();
    uint64_t power = 1;
    char expected[64];
    (void)state;
    for (int digits = 0; digits < 20; digits++, power *= 10) {
        for (int off = -1; off <= 1; off++) {
            uint64_t value = power + (uint64_t)(int64_t)off;
            set(message, "u64", &value);
            snprintf(expected, sizeof(expected), "\"u64\":\"%llu\"", (unsigned long long)value);
            assert_non_null(strstr(round_trip(message), expected));
        }
    }
    message_free(message, &heap_allocator);
}

/* Every character of ASCII at every place of a word and some beyond, in strings of many lengths. */
static void every_character_comes_back(void **state)
{
    static const char *const others[] = {
        "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xe6\x97\xa5",
        "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf",
    };
    ProtobufCMessage *message = new_message();
    char **text = value_of(message, "text");
    char buffer[64];
    (void)state;
    for (int c = 1; c < 128 + 7; c++) {
        for (size_t len = 1; len < 34; len++) {
            char one[5] = {(char)c};
            if (c >= 128)
                strcpy(one, others[c - 128]);
            memset(buffer, 'x', len);
            strcpy(buffer + len / 2, one);
            memset(buffer + strlen(buffer), 'y', 5);
            buffer[len / 2 + strlen(one) + 5] = '\0';
            *text = buffer;
            const char *json = round_trip(message);
            if (c >= 32 && c != '"' && c != '\\')
                assert_non_null(strstr(json, buffer)); /* as it is */
            for (const char *at = json; *at != '\0'; at++)
                assert_true((unsigned char)*at >= 32);
        }
    }
    *text = (char *)"\b\f\n\r\t\"\\/\x01\x1f\x7f";
    assert_non_null(strstr(round_trip(message), "\"\\b\\f\\n\\r\\t\\\"\\\\/\\u0001\\u001f\x7f\""));
    *text = NULL;
    message_free(message, &heap_allocator);
}

/* What is no UTF-8 cannot be said in JSON. */
static void bad_text_is_refused(void **state)
{
    ProtobufCMessage *message = new_message();
    char **text = value_of(message, "text"), buffer[64];
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct text *value = &values[i];
        size_t sequence = value->len > 2 ? json_utf8_sequence(value->text + 1, value->len - 2) : 1;
        if (value->text[0] != '"' || value->good || sequence != 0)
            continue;
        for (size_t before = 0; before < 20; before++) {
            size_t len, cap;
            uint8_t json[256];
            memset(buffer, 'x', before);
            memcpy(buffer + before, value->text + 1, value->len - 2);
            buffer[before + value->len - 2] = '\0';
            *text = buffer;
            for (cap = 60; cap <= sizeof(json); cap += sizeof(json) - 60) /* closely, roomily */
                assert_int_equal(the_floor->encode(everything->plan, message, json, cap, &len),
                                 -EINVAL);
        }
    }
    *text = NULL;
    message_free(message, &heap_allocator);
}

static void specials_are_words(void **state)
{
    ProtobufCMessage *message = new_message();
    (void)state;
    set(message, "real64", &(double){-INFINITY});
    set(message, "real32", &(float){INFINITY});
    const char *text = round_trip(message);
    assert_non_null(strstr(text, "\"real64\":\"-Infinity\""));
    assert_non_null(strstr(text, "\"real32\":\"Infinity\""));
    set(message, "real64", &(double){NAN});
    size_t len;
    uint8_t json[256];
    assert_int_equal(the_floor->encode(everything->plan, message, json, sizeof(json) - 1, &len), 0);
    json[len] = '\0';
    assert_non_null(strstr((char *)json, "\"real64\":\"NaN\""));
    message_free(message, &heap_allocator);
}

/* What one JSON codec writes the other reads, and the message is the same; but for the doubles that
 * cJSON prints with too few digits. */
static void passes_between(const struct codec *from, const struct codec *to)
{
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        for (size_t i = 0; i < subject->corpus.count && i < 20; i++) {
            const ProtobufCMessage *document = subject->corpus.documents[i];
            struct message_diff diff = {0};
            ProtobufCMessage *message = NULL;
            size_t len;
            uint8_t *bytes = bed_encode(from, subject, document, &len);
            int error = to->decode(subject->plan, bytes, len, &heap_allocator, &message);
            free(bytes);
            if (error != 0)
                fail_msg("%s from %s to %s: %d", subject->payload.name, from->name, to->name,
                         error);
            assert_true(message_compare(document, message, &diff));
            if (bed_exact(from))
                assert_int_equal(diff.changed, 0);
            message_free(message, &heap_allocator);
        }
    }
}

static void all_say_the_same(void **state)
{
    size_t others = 0;
    (void)state;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if (strcmp((*codec)->format, "JSON") != 0 || *codec == the_floor)
            continue;
        others++;
        if ((*codec)->encode != NULL)
            passes_between(*codec, the_floor);
        if ((*codec)->decode != NULL)
            passes_between(the_floor, *codec);
    }
    assert_true(others >= 1);
}

static int set_up(void **state)
{
    if (bed_set_up(state) != 0)
        return -1;
    the_floor = codec_find("json_floor");
    everything = bed_subject("everything");
    return the_floor != NULL && the_floor->ours ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_strict),
        cmocka_unit_test(documents_are_strict),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(every_bit_of_a_number_comes_back),
        cmocka_unit_test(powers_of_ten_are_edges),
        cmocka_unit_test(every_character_comes_back),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(specials_are_words),
        cmocka_unit_test(all_say_the_same),
    };
    return cmocka_run_group_tests_name("json floor", tests, set_up, bed_tear_down);
}
