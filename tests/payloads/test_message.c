/* SPDX-License-Identifier: MIT */
/* What stands beside the codecs: values are counted, bounds hold, fields are found by name. */
#include "bed.h"
#include "field.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* The bound holds for every codec. */
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
            }
        }
    }
}

/* Nor is it out of proportion: asked of payloads that are known. Of others nothing can be said: a
 * number of one digit has room for any, and the longest name of an enum for each of its values. */
static void bounds_are_in_proportion(void **state)
{
    static const char *const names[] = {"ack",  "order", "telemetry", "feed",
                                        "tree", "event", "blob"};
    (void)state;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        const struct subject *subject = bed_subject(names[n]);
        for (size_t i = 0; i < subject->corpus.count; i++) {
            size_t bound = codec_bound(subject->plan, subject->corpus.documents[i]), len;
            free(bed_encode(codec_find("cjson"), subject, subject->corpus.documents[i], &len));
            assert_true(bound <= len * 8 + 200);
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
        cmocka_unit_test(changed_values_are_counted), cmocka_unit_test(bounds_hold),
        cmocka_unit_test(bounds_are_in_proportion),   cmocka_unit_test(nameless_fields_are_refused),
        cmocka_unit_test(names_are_compared_whole),   cmocka_unit_test(fields_are_found_by_name),
    };
    return cmocka_run_group_tests_name("message", tests, bed_set_up, bed_tear_down);
}
