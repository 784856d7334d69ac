/* SPDX-License-Identifier: MIT */
/* Whatever changes in a message is seen: by message_touch, message_equal, message_compare, and by
 * the bytes of every codec. So no codec gets away with bytes that it kept. */
#include "bed.h"
#include "field.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CODECS = 64 };

struct change {
    const struct subject *subject;
    ProtobufCMessage *root;
    const ProtobufCMessage *original;
    uint64_t sum;
    uint8_t *bytes[MOST_CODECS]; /* of every codec, before */
    size_t len[MOST_CODECS];
    size_t seen;
    size_t every; /* so many changes one is encoded: fewer of a long document */
};

/* Does it make bytes of its own of such a message? Structs of a library's own there are of the
 * payloads, not of the tests' own types. */
static bool has_bytes(const struct codec *codec, const struct subject *subject)
{
    return codec->encode != NULL ||
           (codec->own != NULL && payload_find(subject->payload.name) != NULL);
}

/* In memory of its own; of a codec with structs of its own by way of those. */
static uint8_t *encode(const struct codec *codec, const struct subject *subject,
                       const ProtobufCMessage *message, size_t *len)
{
    void *own = NULL;
    if (codec->encode != NULL || !has_bytes(codec, subject))
        return bed_encode(codec, subject, message, len);
    size_t cap = codec_bound(subject->plan, message);
    uint8_t *bytes = malloc(cap);
    assert_non_null(bytes);
    assert_int_equal(codec->own->adopt(subject->plan, message, &own), 0);
    assert_int_equal(codec->own->encode(own, bytes, cap, len), 0);
    codec->own->drop(own);
    return bytes;
}

/* Something in root has changed just now. */
static void is_noticed(struct change *change, enum plan_kind kind)
{
    struct message_diff diff = {0};
    assert_true(message_touch(change->root) != change->sum);
    assert_false(message_equal(change->root, change->original));
    if (message_compare(change->root, change->original, &diff))
        assert_int_equal(diff.changed, 1);
    change->seen++;
    for (size_t i = 0; codecs[i] != NULL && change->seen % change->every == 0; i++) {
        if (!has_bytes(codecs[i], change->subject))
            continue; /* another's bytes */
        if (!bed_exact(codecs[i]) && (kind == PLAN_DOUBLE || kind == PLAN_FLOAT))
            continue; /* the last bit may well not be printed */
        size_t len;
        uint8_t *bytes = encode(codecs[i], change->subject, change->root, &len);
        assert_true(len != change->len[i] || memcmp(bytes, change->bytes[i], len) != 0);
        free(bytes);
    }
}

/* Flips bits of one value and back again. */
static void change_value(struct change *change, const struct plan_field *field, void *value)
{
    uint8_t *byte = value;
    if (field->kind == PLAN_STRING) {
        byte = *(uint8_t **)value;
        if (byte == NULL || *byte == '\0')
            return;
        byte += strlen((char *)byte) - 1;
        uint8_t before = *byte;
        /* The last byte of a character beyond ASCII: what comes of it is still UTF-8. */
        *byte = before >= 0x80 ? before ^ 1 : before == 'x' ? 'y' : 'x';
        is_noticed(change, PLAN_STRING);
        *byte = before;
        return;
    }
    if (field->kind == PLAN_BYTES) {
        ProtobufCBinaryData *bytes = value;
        if (bytes->len == 0)
            return;
        byte = bytes->data + bytes->len - 1;
    }
    if (field->kind == PLAN_BOOL) {
        *(protobuf_c_boolean *)value ^= 1;
        is_noticed(change, PLAN_BOOL);
        *(protobuf_c_boolean *)value ^= 1;
        return;
    }
    *byte ^= 1;
    is_noticed(change, field->kind);
    *byte ^= 1;
}

static void change_fields(struct change *change, const struct plan_message *type,
                          ProtobufCMessage *message)
{
    for (const struct plan_field *field = type->fields; field < type->fields + type->count;
         field++) {
        if (!field_present(message, field))
            continue;
        char *value = field_at(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            value = *(char **)(void *)value;
            size_t *counter = field_at(message, field->quantifier);
            count = *counter;
            --*counter; /* one less of them */
            is_noticed(change, field->kind);
            ++*counter;
        }
        for (size_t i = 0; i < count; i++, value += field->value_size) {
            if (field->kind == PLAN_MESSAGE)
                change_fields(change, field->message, *(ProtobufCMessage **)(void *)value);
            else
                change_value(change, field, value);
        }
        if (field->has_flag) {
            protobuf_c_boolean *has = field_at(message, field->quantifier);
            *has = 0;
            assert_false(message_equal(change->root, change->original));
            assert_true(message_touch(change->root) != change->sum);
            *has = 1;
        }
    }
}

static void every_change_is_noticed(void **state)
{
    size_t count = 0;
    (void)state;
    while (codecs[count] != NULL)
        count++;
    assert_true(count <= MOST_CODECS);
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        struct change change = {.subject = subject};
        struct corpus again;
        if (subject->again)
            continue;
        char why[256];
        assert_int_equal(corpus_load(&again, &subject->payload, NULL, why, sizeof(why)), 0);
        for (size_t i = 0; i < again.count && i < (again.count < 8 ? 1 : 12); i++) {
            change.root = again.documents[i];
            change.original = subject->corpus.documents[i];
            change.sum = message_touch(change.original);
            assert_true(message_touch(change.root) == change.sum);
            for (size_t c = 0; codecs[c] != NULL; c++)
                change.bytes[c] = encode(codecs[c], subject, change.original, &change.len[c]);
            change.every = 7 + change.len[0] / 1000;
            change_fields(&change, subject->plan->root, change.root);
            assert_true(message_equal(change.root, change.original));
            for (size_t c = 0; codecs[c] != NULL; c++)
                free(change.bytes[c]);
        }
        assert_true(change.seen > 0 || subject->payload.type->n_fields == 0 ||
                    strcmp(subject->payload.name, "implicit") == 0);
        corpus_finish(&again);
    }
}

static void changed_values_are_counted(void **state)
{
    const struct subject *subject = bed_subject("telemetry");
    const ProtobufCMessage *document = subject->corpus.documents[0];
    struct message_diff diff = {0};
    (void)state;
    assert_true(message_compare(document, document, &diff));
    assert_true(diff.values > 500);
    assert_int_equal(diff.changed, 0);
    assert_false(message_compare(document, bed_subject("ack")->corpus.documents[0], &diff));
}

/* The bound holds for every codec, and is not out of proportion. */
static void bounds_hold(void **state)
{
    (void)state;
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        for (size_t i = 0; i < subject->corpus.count; i++) {
            size_t bound = codec_bound(subject->plan, subject->corpus.documents[i]);
            for (size_t c = 0; codecs[c] != NULL; c++) {
                size_t len;
                free(bed_encode(codecs[c], subject, subject->corpus.documents[i], &len));
                assert_true(len <= bound);
                if (codecs[c] == codec_find("cjson") && payload_find(subject->payload.name) != NULL)
                    assert_true(bound <= len * 8 + 200);
            }
        }
    }
}

/* Names are what the formats need: a type without them has no plan, and the sentence says why. */
static void nameless_fields_are_refused(void **state)
{
    struct payload payload = bed_subject("ack")->payload;
    const ProtobufCMessageDescriptor *type = payload.type;
    ProtobufCFieldDescriptor fields[8];
    ProtobufCMessageDescriptor nameless = *type;
    struct plan *plan = NULL;
    char why[256] = "";
    (void)state;
    memcpy(fields, type->fields, type->n_fields * sizeof(fields[0]));
    fields[1].name = NULL;
    nameless.fields = fields;
    payload.type = &nameless;
    assert_int_equal(plan_create(&plan, &payload, why, sizeof(why)), -ENOTSUP);
    assert_null(plan);
    assert_non_null(strstr(why, "ack.Ack"));
    assert_non_null(strstr(why, "field 2"));
    plan_destroy(NULL);
    message_free(NULL, NULL);
}

/* Every length, and a difference in every place. */
static void names_are_compared_whole(void **state)
{
    char one[40], other[40];
    (void)state;
    memset(one, 'n', sizeof(one));
    memset(other, 'n', sizeof(other));
    for (size_t len = 0; len <= sizeof(one); len++) {
        for (size_t at = 0; at < sizeof(one); at++) {
            other[at] = 'm';
            assert_int_equal(field_same_text(one, other, len), at >= len);
            other[at] = 'n';
        }
    }
}

/* From wherever it is looked for, each field is found, and nothing that is not there. */
static void fields_are_found_by_name(void **state)
{
    (void)state;
    for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++) {
        for (size_t m = 0; m < subject->plan->count; m++) {
            const struct plan_message *type = &subject->plan->messages[m];
            for (uint32_t from = 0; from <= type->count; from++) {
                const struct plan_field *expected = &type->fields[from];
                for (uint32_t i = 0; i < type->count; i++) {
                    const struct plan_field *field = &type->fields[i];
                    assert_ptr_equal(field_named(type, expected, field->name, field->name_len),
                                     field);
                }
                assert_null(field_named(type, expected, "", 0));
                assert_null(field_named(type, expected, "no such name", 12));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(changed_values_are_counted),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(nameless_fields_are_refused),
        cmocka_unit_test(names_are_compared_whole),
        cmocka_unit_test(fields_are_found_by_name),
    };
    return cmocka_run_group_tests_name("message", tests, bed_set_up, bed_tear_down);
}
