/* SPDX-License-Identifier: MIT */
/* The JSON floor's grammar: RFC 8259 and nothing beside it. */
#include "floor_bed.h"
#include "json_text.h"

#include <stdio.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_strict),
        cmocka_unit_test(documents_are_strict),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(bad_text_is_refused),
    };
    return cmocka_run_group_tests_name("json floor", tests, floor_set_up, bed_tear_down);
}
