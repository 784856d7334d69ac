/* SPDX-License-Identifier: MIT */
/* Documents of another version of the schema, documents that say a thing twice, and deep ones. */
#include "fidelity.h"

#include "ours_probe.pb-c.h"
#include "ours_probe_required.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Ids in ours_probe.proto and ours_probe_required.proto; above them all is unknown. */
enum { NUMBER = 5, TEXT = 6, COLOUR = 8, CHILD = 9, COUNTS = 14, UNKNOWN = 100 };
enum { MUST = 1, BESIDE = 2, PAIR = 3, ONE = 1, TWO = 2 };

/* A message of these fields, decoded. 0, or an answer that ends the question. */
static const char *decode_fields(struct fidelity_bed *bed, const struct foreign_field *fields,
                                 size_t count, const OursProbe__Probe **back)
{
    ProtobufCMessage *message;
    const int err =
        fidelity_decode_foreign(bed, bed->plan, &(struct foreign_message){fields, count}, &message);
    *back = (const OursProbe__Probe *)message;
    return err == 0          ? NULL
           : err == -ENOTSUP ? "not probed"
           : err == -EPROTO  ? "unreadable"
                             : "refused";
}

/* Is it skipped, or kept beside the message and written again (as protobuf-c does)? */
static struct fidelity_answer ask_unknown_field(struct fidelity_bed *bed)
{
    static const struct foreign_field inner[] = {
        {.id = 1, .kind = FOREIGN_TEXT, .text = "{", .len = 1}, {.id = 2, .integer = 5}};
    static const struct foreign_message nested = {inner, 2};
    const struct foreign_field fields[] = {
        {.id = NUMBER, .integer = 7},
        {.id = UNKNOWN, .integer = 5},
        {.id = UNKNOWN + 1, .kind = FOREIGN_TEXT, .text = "]}", .len = 2},
        {.id = UNKNOWN + 2, .kind = FOREIGN_MESSAGE, .message = &nested},
    };
    OursProbe__Probe plain = OURS_PROBE__PROBE__INIT;
    const OursProbe__Probe *back;
    const char *end = decode_fields(bed, fields, 4, &back);
    if (end)
        return fidelity_say(end);
    if (back->number != 7)
        return fidelity_say("changed");
    plain.number = 7;
    if (fidelity_encode(bed, bed->plan, &back->base) != 0)
        return fidelity_say("skipped");
    const size_t again = bed->len;
    if (fidelity_encode(bed, bed->plan, &plain.base) != 0)
        return fidelity_say("skipped");
    return fidelity_say(again > bed->len ? "passed on" : "skipped");
}

static struct fidelity_answer ask_missing_field(struct fidelity_bed *bed)
{
    const struct foreign_field field = {.id = NUMBER, .integer = 7};
    const OursProbe__Probe *back;
    const char *end = decode_fields(bed, &field, 1, &back);
    if (end)
        return fidelity_say(end);
    return fidelity_say(back->number == 7 && back->text[0] == '\0' && back->real64 == 0 &&
                                !back->child && back->n_i64s == 0
                            ? "default"
                            : "changed");
}

static struct fidelity_answer ask_missing_required(struct fidelity_bed *bed)
{
    const struct foreign_field field = {.id = BESIDE, .integer = 7};
    ProtobufCMessage *message;
    const int err =
        fidelity_decode_foreign(bed, bed->required, &(struct foreign_message){&field, 1}, &message);
    return fidelity_say(err == 0 ? "default" : err == -ENOTSUP ? "not probed" : "refused");
}

/* Where a field's place is its name, none can come twice. */
static const char *cannot_repeat(const struct fidelity_bed *bed)
{
    return bed->format == FOREIGN_UNKNOWN  ? "not probed"
           : bed->format == FOREIGN_VALUES ? "not applicable"
                                           : NULL;
}

static struct fidelity_answer ask_duplicate(struct fidelity_bed *bed)
{
    const struct foreign_field fields[] = {{.id = NUMBER, .integer = 1},
                                           {.id = NUMBER, .integer = 2}};
    const OursProbe__Probe *back;
    const char *end = cannot_repeat(bed);
    if (!end)
        end = decode_fields(bed, fields, 2, &back);
    if (end)
        return fidelity_say(end);
    return fidelity_say(back->number == 2 ? "last" : back->number == 1 ? "first" : "changed");
}

static struct fidelity_answer ask_duplicate_message(struct fidelity_bed *bed)
{
    static const struct foreign_field one = {.id = NUMBER, .integer = 1};
    static const struct foreign_field two = {.id = COLOUR, .integer = 1};
    static const struct foreign_message first = {&one, 1}, second = {&two, 1};
    const struct foreign_field fields[] = {
        {.id = CHILD, .kind = FOREIGN_MESSAGE, .message = &first},
        {.id = CHILD, .kind = FOREIGN_MESSAGE, .message = &second}};
    const OursProbe__Probe *back;
    const char *end = cannot_repeat(bed);
    if (!end)
        end = decode_fields(bed, fields, 2, &back);
    if (end)
        return fidelity_say(end);
    if (!back->child)
        return fidelity_say("changed");
    const bool number = back->child->number == 1, colour = back->child->colour == 1;
    return fidelity_say(number && colour ? "merged"
                        : colour         ? "last"
                        : number         ? "first"
                                         : "changed");
}

/* The same in proto2, where a number that is there differs from none: protobuf-c then merges. */
static struct fidelity_answer ask_duplicate_message_proto2(struct fidelity_bed *bed)
{
    static const struct foreign_field one = {.id = ONE, .integer = 1},
                                      two = {.id = TWO, .integer = 1};
    static const struct foreign_message first = {&one, 1}, second = {&two, 1};
    const struct foreign_field fields[] = {
        {.id = MUST, .integer = 1},
        {.id = PAIR, .kind = FOREIGN_MESSAGE, .message = &first},
        {.id = PAIR, .kind = FOREIGN_MESSAGE, .message = &second}};
    ProtobufCMessage *message;
    const char *end = cannot_repeat(bed);
    if (end)
        return fidelity_say(end);
    const int err =
        fidelity_decode_foreign(bed, bed->required, &(struct foreign_message){fields, 3}, &message);
    if (err != 0)
        return fidelity_say(err == -ENOTSUP ? "not probed" : "refused");
    const OursProbeRequired__ProbeRequired__Pair *pair =
        ((const OursProbeRequired__ProbeRequired *)message)->pair;
    if (!pair)
        return fidelity_say("changed");
    return fidelity_say(pair->has_one && pair->has_two ? "merged"
                        : pair->has_two                ? "last"
                        : pair->has_one                ? "first"
                                                       : "changed");
}

/* A map's keys are data: they can come twice where a message is an array of values, too. */
static struct fidelity_answer ask_duplicate_map_key(struct fidelity_bed *bed)
{
    static const struct foreign_field pairs[] = {{.text = "a", .len = 1, .integer = 1},
                                                 {.text = "a", .len = 1, .integer = 2}};
    static const struct foreign_message map = {pairs, 2};
    const struct foreign_field field = {.id = COUNTS, .kind = FOREIGN_MAP, .message = &map};
    const OursProbe__Probe *back;
    const char *end = decode_fields(bed, &field, 1, &back);
    if (end)
        return fidelity_say(end);
    if (back->n_counts == 2 && back->counts[0]->value == 1 && back->counts[1]->value == 2)
        return fidelity_say("both, in order");
    if (back->n_counts != 1)
        return fidelity_say("changed");
    return fidelity_say(back->counts[0]->value == 2   ? "last"
                        : back->counts[0]->value == 1 ? "first"
                                                      : "changed");
}

static struct fidelity_answer ask_null(struct fidelity_bed *bed)
{
    const struct foreign_field fields[] = {{.id = NUMBER, .integer = 7},
                                           {.id = TEXT, .kind = FOREIGN_NULL}};
    const OursProbe__Probe *back;
    if (!foreign_says(bed->format, FOREIGN_NULL))
        return fidelity_say(bed->format == FOREIGN_UNKNOWN ? "not probed" : "not applicable");
    const char *end = decode_fields(bed, fields, 2, &back);
    if (end)
        return fidelity_say(end);
    return fidelity_say(back->text[0] == '\0' && back->number == 7 ? "default" : "changed");
}

static struct fidelity_answer ask_wrong_type(struct fidelity_bed *bed)
{
    const struct foreign_field field = {
        .id = NUMBER, .kind = FOREIGN_TEXT, .text = "abc", .len = 3};
    const OursProbe__Probe *back;
    const char *end = decode_fields(bed, &field, 1, &back);
    /* Taken for an unknown field, and written again as that: another reader may refuse it. */
    if (end)
        return fidelity_say(strcmp(end, "unreadable") == 0 ? "passed on" : end);
    return fidelity_say(back->number == 0 ? "skipped" : "changed");
}

static struct fidelity_answer ask_unknown_enum(struct fidelity_bed *bed)
{
    const struct foreign_field field = {.id = COLOUR, .integer = 99};
    const OursProbe__Probe *back;
    const char *end = decode_fields(bed, &field, 1, &back);
    if (end)
        return fidelity_say(end);
    return fidelity_say(back->colour == 99 ? "kept" : back->colour == 0 ? "default" : "changed");
}

/* ---- nesting --------------------------------------------------------------------------------- */

/* The deepest of 1 to PLAN_MAX_DEPTH that works, 0 if none; what works deep works less deep. */
static unsigned deepest(struct fidelity_bed *bed,
                        bool (*works)(struct fidelity_bed *bed, unsigned depth))
{
    unsigned low = 0, high = PLAN_MAX_DEPTH;
    while (low < high) {
        const unsigned middle = high - (high - low) / 2;
        if (works(bed, middle))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static bool encodes(struct fidelity_bed *bed, unsigned depth)
{
    OursProbe__Probe chain[PLAN_MAX_DEPTH];
    for (unsigned i = 0; i < depth; i++) {
        ours_probe__probe__init(&chain[i]);
        chain[i].child = i + 1 < depth ? &chain[i + 1] : NULL;
    }
    return fidelity_encode(bed, bed->plan, &chain[0].base) == 0;
}

static bool decodes(struct fidelity_bed *bed, unsigned depth)
{
    struct foreign_field fields[PLAN_MAX_DEPTH];
    struct foreign_message chain[PLAN_MAX_DEPTH];
    ProtobufCMessage *message;
    for (unsigned i = 0; i < depth; i++) {
        fields[i] = (struct foreign_field){
            .id = CHILD, .kind = FOREIGN_MESSAGE, .message = &chain[i + 1 < depth ? i + 1 : i]};
        chain[i] = (struct foreign_message){&fields[i], i + 1 < depth};
    }
    if (fidelity_decode_foreign(bed, bed->plan, &chain[0], &message) != 0)
        return false;
    unsigned there = 0;
    for (const OursProbe__Probe *at = (const OursProbe__Probe *)message; at; at = at->child)
        there++;
    return there == depth;
}

static struct fidelity_answer say_depth(unsigned depth)
{
    return (struct fidelity_answer){
        .outcome = depth == PLAN_MAX_DEPTH ? "as deep as we let it" : "limit", .depth = depth};
}

static struct fidelity_answer ask_nesting_encode(struct fidelity_bed *bed)
{
    if (!bed->codec->own && !bed->codec->encode)
        return fidelity_say("not applicable");
    return say_depth(deepest(bed, encodes));
}

static struct fidelity_answer ask_nesting_decode(struct fidelity_bed *bed)
{
    if (bed->format == FOREIGN_UNKNOWN || (!bed->codec->own && !bed->codec->decode))
        return fidelity_say("not probed");
    return say_depth(deepest(bed, decodes));
}

#define SCHEMA "Schema"
#define NESTING "Nesting"
const struct fidelity_probe fidelity_schema[] = {
    {"unknown_field", SCHEMA, "unknown fields", ask_unknown_field},
    {"missing_field", SCHEMA, "a missing field", ask_missing_field},
    {"missing_required", SCHEMA, "a missing required field (proto2)", ask_missing_required},
    {"duplicate", SCHEMA, "a field that comes twice", ask_duplicate},
    {"duplicate_message", SCHEMA, "a message field that comes twice (proto3)",
     ask_duplicate_message},
    {"duplicate_message_proto2", SCHEMA, "a message field that comes twice (proto2)",
     ask_duplicate_message_proto2},
    {"duplicate_map_key", SCHEMA, "a map's key that comes twice", ask_duplicate_map_key},
    {"null", SCHEMA, "null in place of a value", ask_null},
    {"wrong_type", SCHEMA, "text in place of a number", ask_wrong_type},
    {"unknown_enum", SCHEMA, "an enum's number without a name", ask_unknown_enum},
    {"nesting_encode", NESTING, "messages within messages, encoding", ask_nesting_encode},
    {"nesting_decode", NESTING, "messages within messages, decoding", ask_nesting_decode},
    {0},
};
