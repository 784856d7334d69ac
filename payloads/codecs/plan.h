/* SPDX-License-Identifier: MIT */
/*
 * A message type compiled once, outside the clock, into a flat table of fields: what a codec needs
 * to walk a protobuf-c struct without asking the descriptor again for every field of every message.
 */
#ifndef ASSAY_PLAN_H
#define ASSAY_PLAN_H

#include "payload.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages nest at most this deep, in every format and both ways: beyond it encode says -EINVAL and
 * decode -EBADMSG. The root has depth 1. */
#define PLAN_MAX_DEPTH 100
/* A field's pre-encoded key may be copied as this many bytes whatever its length, up to it. */
#define PLAN_KEY_COPY 32
/* Most keys in JSON are no longer than this. */
#define PLAN_KEY_HEAD 24
/* No number takes more bytes in JSON, its quotes and what is written behind it included. */
#define PLAN_JSON_NUMBER 34

/* What the struct holds: protobuf's seventeen types without their wire encodings. */
enum plan_kind {
    PLAN_INT32,
    PLAN_UINT32,
    PLAN_INT64,
    PLAN_UINT64,
    PLAN_FLOAT,
    PLAN_DOUBLE,
    PLAN_BOOL, /* protobuf_c_boolean: an int */
    PLAN_ENUM, /* an int */
    PLAN_STRING,
    PLAN_BYTES,
    PLAN_MESSAGE,
};

/* What else must hold, beside the word tested being other than 0; see field_is_there in field.h. */
enum plan_refine {
    PLAN_NONZERO, /* nothing */
    PLAN_TEXT,    /* the string at the pointer is not empty */
    PLAN_OTHER,   /* the pointer is not the default's */
    PLAN_CASE,    /* the oneof's case is this field's id */
};

/* How the struct says that a field is there: of the eight bytes at offset, those under the mask are
 * not all 0. A required field's are never. */
struct plan_test {
    uint64_t mask;   /* over a value, pointer, has_ flag, count, length or case */
    uint32_t offset; /* may be four bytes in front of it, where four bytes are all it has */
    uint8_t refine;  /* enum plan_refine */
};

/* What a walk does with a field: one of enum plan_kind, or, of a repeated one: */
enum plan_step {
    PLAN_ARRAY = PLAN_MESSAGE + 1,
    PLAN_MAP,
    PLAN_LONG,    /* plan_json: the key is longer than PLAN_KEY_HEAD; else as PLAN_REFINED */
    PLAN_REFINED, /* plan_json: more must hold for it to be there, see field->step */
    PLAN_FAR,     /* plan_json: the key is longer than PLAN_KEY_COPY, see field->step */
    PLAN_END,     /* plan_json: there are no more fields */
};

struct plan_field {
    struct plan_test test;
    uint8_t kind; /* enum plan_kind */
    uint8_t step; /* enum plan_kind or plan_step */
    bool repeated;
    bool map; /* repeated too: of entries, whose fields 0 and 1 are key and value */
    bool oneof;
    bool has_flag;       /* quantifier is the offset of one */
    uint8_t value_size;  /* bytes of one value in the struct or array */
    uint32_t offset;     /* of the value; of the array pointer if repeated */
    uint32_t quantifier; /* offset of the count, has_ flag or case; meaningless if there is none */
    uint32_t id;
    uint64_t required_bit; /* one bit of its own if proto2 requires it, else 0 */
    uint32_t name_len;
    const char *name;   /* as the .proto spells it, with a NUL */
    const uint8_t *key; /* the name as a MessagePack string; PLAN_KEY_COPY bytes are readable */
    uint32_t key_len;
    uint32_t json_key_len;
    const char *json_key; /* ,"name": in front of a JSON value; as readable as key */
    uint64_t json_head;   /* the first eight bytes of json_key behind its comma, where */
    uint64_t json_mask;   /* this has ones; the field behind the last one has none, and fits any */
    const struct plan_message *message; /* of PLAN_MESSAGE */
    const ProtobufCFieldDescriptor *descriptor;
};

/* The same as the JSON floor writes it, where a walk that does nothing else is felt: all of a field
 * in one cache line, and behind the last one an end that is always there, whose key is the brace.
 */
struct plan_json {
    uint64_t mask; /* of plan_test, and so on */
    uint32_t test_offset;
    uint32_t offset; /* of the value */
    const struct plan_field *field;
    uint8_t step;            /* enum plan_kind or plan_step */
    uint8_t key_len;         /* of a PLAN_FAR: see field */
    char key[PLAN_KEY_COPY]; /* ,"name": */
};

struct plan_message {
    const ProtobufCMessageDescriptor *type;
    uint32_t count;
    struct plan_json *json;
    struct plan_field *fields; /* ascending ids; behind them one that no name is equal to */
    uint8_t *keys;             /* all of them, of both kinds */
    unsigned depth;            /* of the deepest nesting from here on, if the plan is bounded */
    uint64_t required; /* all required_bits: a decoder that did not see them all has no message */
};

struct plan {
    const struct plan_message *root;
    /* The type itself keeps nesting within PLAN_MAX_DEPTH; false if it contains itself. */
    bool bounded;
    size_t count;
    struct plan_message *messages; /* root first */
};

/* 0 or a negative errno; -ENOTSUP with a sentence in why for what no codec here can carry. */
int plan_create(struct plan **plan, const struct payload *payload, char *why, size_t why_cap);
void plan_destroy(struct plan *plan); /* NULL is fine */

/* The rules behind the table, for those who walk a descriptor once and need no plan. */
enum plan_kind plan_kind_of(const ProtobufCFieldDescriptor *field);
struct plan_test plan_test_of(const ProtobufCFieldDescriptor *field);
/* Bytes of one value of that kind. */
size_t plan_value_size(enum plan_kind kind);

#ifdef __cplusplus
}
#endif

#endif
