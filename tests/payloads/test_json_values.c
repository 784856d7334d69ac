/* SPDX-License-Identifier: MIT */
/* The JSON floor's values: every bit of every number, every character, and the same JSON as all
 * libraries'. */
#include "field.h"
#include "floor_bed.h"
#include "json_scalar.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

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

/* Nobody takes a large double for an integer that it cannot hold, nor the largest for infinity. */
static void large_numbers_pass(const struct codec *from, const struct codec *to)
{
    static const double large[] = {0x1p53,
                                   0x1p53 + 2,
                                   -0x1p62,
                                   0x1p63,
                                   -0x1p63,
                                   0x1p64,
                                   -0x1p64,
                                   0x1p66,
                                   1e15,
                                   1e17,
                                   1e20,
                                   1e21,
                                   1e22,
                                   -1e23,
                                   DBL_MAX,
                                   -DBL_MAX,
                                   0x1.ffffffffffffep1023,
                                   1.797693134862312e308};
    for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
        ProtobufCMessage *message = new_message(), *back = NULL;
        struct message_diff diff = {0};
        uint8_t json[256];
        size_t len;
        set(message, "real64", &large[i]);
        set(message, "real32", &(float){(float)fmin(fmax(large[i], -FLT_MAX), FLT_MAX)});
        assert_int_equal(from->encode(everything->plan, message, json, sizeof(json), &len), 0);
        const int error = to->decode(everything->plan, json, len, &heap_allocator, &back);
        if (error != 0)
            fail_msg("%.*s from %s to %s: %d", (int)len, json, from->name, to->name, error);
        assert_true(message_compare(message, back, &diff));
        assert_true(diff.changed == 0 || !bed_exact(from));
        message_free(message, &heap_allocator);
        message_free(back, &heap_allocator);
    }
}

static void all_take_large_numbers(void **state)
{
    (void)state;
    for (size_t from = 0; codecs[from] != NULL; from++) {
        if (strcmp(codecs[from]->format, "JSON") != 0 || codecs[from]->encode == NULL)
            continue;
        for (size_t to = 0; codecs[to] != NULL; to++) {
            if (strcmp(codecs[to]->format, "JSON") == 0 && codecs[to]->decode != NULL)
                large_numbers_pass(codecs[from], codecs[to]);
        }
    }
}

/* RFC 4648's alphabet or the one for addresses, whatever stands where. */
static int base64_value(int sign)
{
    static const char both[2][65] = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
    for (int value = 0; value < 64; value++) {
        if (both[0][value] == sign || both[1][value] == sign)
            return value;
    }
    return -1;
}

static void base64_is_exact(void **state)
{
    (void)state;
    for (size_t len = 0; len < 12; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int sign = 0; sign < 256; sign++) {
                char text[12];
                uint8_t data[12];
                size_t data_len;
                memset(text, 'k', len); /* 36, bits 100100 */
                text[place] = (char)sign;
                const int value = base64_value(sign);
                const bool padding = sign == '=' && place == len - 1 && len % 4 == 0;
                const bool good = len % 4 != 1 && (value >= 0 || padding);
                const int error = json_parse_base64(text, len, data, &data_len);
                assert_int_equal(error, good ? 0 : -EBADMSG);
                if (!good)
                    continue;
                assert_int_equal(data_len, (len - padding) * 6 / 8);
                for (size_t bit = 0; bit < data_len * 8; bit++) {
                    const int from = bit / 6 == place ? value : 36;
                    assert_int_equal(data[bit / 8] >> (7 - bit % 8) & 1, from >> (5 - bit % 6) & 1);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_a_number_comes_back),
        cmocka_unit_test(powers_of_ten_are_edges),
        cmocka_unit_test(every_character_comes_back),
        cmocka_unit_test(specials_are_words),
        cmocka_unit_test(all_say_the_same),
        cmocka_unit_test(all_take_large_numbers),
        cmocka_unit_test(base64_is_exact),
    };
    return cmocka_run_group_tests_name("json values", tests, floor_set_up, bed_tear_down);
}
