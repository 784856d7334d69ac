/* SPDX-License-Identifier: MIT */
/* Whatever changes in a message is seen: by message_touch, message_equal, message_compare, and by
 * the bytes of every codec. So no codec gets away with bytes that it kept. */
#include "bed.h"
#include "field.h"
#include "message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CODECS = 64 };

/* What is done to a field. */
enum deed { LAST_BIT, OTHER_NUMBER, ONE_LESS, ABSENT };

/* Where a field is: fields from the root down to it. A field that is within itself is where it was
 * entered first, so there are only so many paths. */
struct path {
    const struct path *up;
    const struct plan_field *field;
};

struct change {
    const struct subject *subject;
    ProtobufCMessage *root;
    const ProtobufCMessage *original;
    uint64_t sum;
    uint8_t *bytes[MOST_CODECS]; /* of every codec, before */
    size_t len[MOST_CODECS];
    size_t seen;
    bool sampled;    /* all changes of this document are looked at, not only those of a new kind */
    size_t every;    /* so many changes one is encoded: fewer of a long document */
    uint64_t *known; /* deeds and where: those that were encoded already */
    size_t known_count;
};

static const struct path *enter(const struct path *up, const struct plan_field *field,
                                struct path *here)
{
    for (const struct path *at = up; at != NULL; at = at->up) {
        if (at->field == field)
            return at;
    }
    *here = (struct path){up, field};
    return here;
}

/* Is this the first such deed there? */
static bool is_new(struct change *change, const struct path *path, enum deed deed)
{
    uint64_t sum = deed + 1;
    for (; path != NULL; path = path->up) {
        sum = (sum ^ (uintptr_t)path->field) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    for (size_t i = 0; i < change->known_count; i++) {
        if (change->known[i] == sum)
            return false;
    }
    change->known = realloc(change->known, (change->known_count + 1) * sizeof(sum));
    assert_non_null(change->known);
    change->known[change->known_count++] = sum;
    return true;
}

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

/* Something in root has changed just now. The first of its kind at its place is always encoded. */
static void is_noticed(struct change *change, const struct path *path, enum deed deed)
{
    const enum plan_kind kind = (enum plan_kind)path->field->kind;
    struct message_diff diff = {0};
    const bool first = is_new(change, path, deed);
    if (!first && !change->sampled)
        return;
    assert_true(message_touch(change->root) != change->sum);
    assert_false(message_equal(change->root, change->original));
    if (message_compare(change->root, change->original, &diff))
        assert_int_equal(diff.changed, 1);
    change->seen++;
    for (size_t i = 0; codecs[i] != NULL && (first || change->seen % change->every == 0); i++) {
        if (!has_bytes(codecs[i], change->subject))
            continue; /* another's bytes */
        if (!bed_exact(codecs[i]) && deed == LAST_BIT &&
            (kind == PLAN_DOUBLE || kind == PLAN_FLOAT))
            continue; /* the last bit may well not be printed */
        size_t len;
        uint8_t *bytes = encode(codecs[i], change->subject, change->root, &len);
        if (len == change->len[i] && memcmp(bytes, change->bytes[i], len) == 0)
            fail_msg("%s, %s.%s: deed %d leaves the bytes of %s", change->subject->payload.name,
                     path->field->name, path->up ? path->up->field->name : "", (int)deed,
                     codecs[i]->name);
        free(bytes);
    }
}

/* Memory of size bytes is something else for a moment. */
static void instead(struct change *change, const struct path *path, enum deed deed, void *at,
                    const void *other, size_t size)
{
    char before[sizeof(ProtobufCBinaryData)];
    memcpy(before, at, size);
    memcpy(at, other, size);
    is_noticed(change, path, deed);
    memcpy(at, before, size);
}

static void change_text(struct change *change, const struct path *path, char **value)
{
    if (*value == NULL || **value == '\0') {
        char *const other = (char[]){"x"};
        instead(change, path, LAST_BIT, value, &other, sizeof(other));
        return;
    }
    char *last = *value + strlen(*value) - 1;
    /* The last byte of a character beyond ASCII: what comes of it is still UTF-8. */
    const char other = *last & 0x80 ? *last ^ 1 : *last == 'x' ? 'y' : 'x';
    instead(change, path, LAST_BIT, last, &other, 1);
}

static void change_real(struct change *change, const struct path *path, void *value)
{
    double real;
    float single;
    if (path->field->kind == PLAN_FLOAT) {
        memcpy(&single, value, sizeof(single));
        real = (double)single;
    } else {
        memcpy(&real, value, sizeof(real));
    }
    if (!isnan(real)) { /* whose last bit is no news */
        const char other = *(char *)value ^ 1;
        instead(change, path, LAST_BIT, value, &other, 1);
    }
    real = real == 1 ? 2 : 1;
    single = (float)real;
    if (path->field->kind == PLAN_FLOAT)
        instead(change, path, OTHER_NUMBER, value, &single, sizeof(single));
    else
        instead(change, path, OTHER_NUMBER, value, &real, sizeof(real));
}

/* An enum's other value, as a required one must be known to some; if it has but one, any. */
static void change_enum(struct change *change, const struct path *path, int *value)
{
    const ProtobufCEnumDescriptor *type = path->field->descriptor->descriptor;
    int other = *value ^ 1;
    for (unsigned i = 0; i < type->n_values; i++) {
        if (type->values[i].value != *value)
            other = type->values[i].value;
    }
    instead(change, path, LAST_BIT, value, &other, sizeof(other));
}

/* One value is another and then itself again. */
static void change_value(struct change *change, const struct path *path, void *value)
{
    const ProtobufCBinaryData one_byte = {1, (uint8_t[]){'x'}};
    ProtobufCBinaryData *bytes = value;
    char *byte = value;
    if (path->field->kind == PLAN_STRING) {
        change_text(change, path, value);
        return;
    }
    if (path->field->kind == PLAN_FLOAT || path->field->kind == PLAN_DOUBLE) {
        change_real(change, path, value);
        return;
    }
    if (path->field->kind == PLAN_ENUM) {
        change_enum(change, path, value);
        return;
    }
    if (path->field->kind == PLAN_BYTES && bytes->len == 0) {
        instead(change, path, LAST_BIT, value, &one_byte, sizeof(one_byte));
        return;
    }
    if (path->field->kind == PLAN_BYTES)
        byte = (char *)bytes->data + bytes->len - 1;
    if (path->field->kind == PLAN_BOOL) {
        const protobuf_c_boolean other = !*(protobuf_c_boolean *)value;
        instead(change, path, LAST_BIT, value, &other, sizeof(other));
        return;
    }
    const char other = *byte ^ 1;
    instead(change, path, LAST_BIT, byte, &other, 1);
}

/* A field that can be absent is for a moment. */
static void take_away(struct change *change, const struct path *path, ProtobufCMessage *message)
{
    const struct plan_field *field = path->field;
    const uint32_t none = 0;
    const protobuf_c_boolean no = 0;
    const void *const nowhere = NULL;
    if (field->required_bit != 0)
        return;
    if (field->oneof)
        instead(change, path, ABSENT, field_at(message, field->quantifier), &none, sizeof(none));
    else if (field->has_flag)
        instead(change, path, ABSENT, field_at(message, field->quantifier), &no, sizeof(no));
    else if (field->kind == PLAN_STRING)
        instead(change, path, ABSENT, field_at(message, field->offset),
                &field->descriptor->default_value, sizeof(nowhere));
    else if (field->kind == PLAN_MESSAGE)
        instead(change, path, ABSENT, field_at(message, field->offset), &nowhere, sizeof(nowhere));
}

static void change_fields(struct change *change, const struct plan_message *type,
                          ProtobufCMessage *message, const struct path *up)
{
    for (const struct plan_field *field = type->fields; field < type->fields + type->count;
         field++) {
        struct path here;
        if (!field_present(message, field))
            continue;
        const struct path *path = enter(up, field, &here);
        char *value = field_at(message, field->offset);
        size_t count = 1;
        if (field->repeated) {
            value = *(char **)(void *)value;
            size_t *counter = field_at(message, field->quantifier);
            count = *counter;
            --*counter; /* one less of them */
            is_noticed(change, path, ONE_LESS);
            ++*counter;
        }
        for (size_t i = 0; i < count; i++, value += field->value_size) {
            if (field->kind == PLAN_MESSAGE)
                change_fields(change, field->message, *(ProtobufCMessage **)(void *)value, path);
            else
                change_value(change, path, value);
        }
        /* What a map's entry does not have is written at its default, and may well be equal. */
        if (!field->repeated && (up == NULL || !up->field->map))
            take_away(change, path, message);
    }
}

/* All changes of some documents, every seventh or less of them encoded; and of all documents the
 * first of each kind of change at each place of the schema. */
static void change_documents(struct change *change, const struct corpus *again)
{
    const struct subject *subject = change->subject;
    for (size_t i = 0; i < again->count; i++) {
        change->root = again->documents[i];
        change->original = subject->corpus.documents[i];
        change->sum = message_touch(change->original);
        assert_true(message_touch(change->root) == change->sum);
        for (size_t c = 0; codecs[c] != NULL; c++)
            change->bytes[c] = encode(codecs[c], subject, change->original, &change->len[c]);
        change->sampled = i < (again->count < 8 ? 1 : 12);
        change->every = 7 + change->len[0] / 1000;
        change_fields(change, subject->plan->root, change->root, NULL);
        assert_true(message_equal(change->root, change->original));
        for (size_t c = 0; codecs[c] != NULL; c++)
            free(change->bytes[c]);
    }
}

/* No place of the root that some document fills was left out. */
static void root_is_known(struct change *change)
{
    const struct plan_message *root = change->subject->plan->root;
    const struct corpus *corpus = &change->subject->corpus;
    for (uint32_t f = 0; f < root->count; f++) {
        const struct plan_field *field = &root->fields[f];
        const bool real = field->kind == PLAN_DOUBLE || field->kind == PLAN_FLOAT;
        const struct path path = {NULL, field};
        for (size_t i = 0; i < corpus->count && field->kind != PLAN_MESSAGE; i++) {
            if (!field_present(corpus->documents[i], field))
                continue;
            assert_false(is_new(change, &path, real ? OTHER_NUMBER : LAST_BIT));
            break;
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
        change_documents(&change, &again);
        root_is_known(&change);
        free(change.known);
        corpus_finish(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_is_noticed),
    };
    return cmocka_run_group_tests_name("changes", tests, bed_set_up, bed_tear_down);
}
