/* SPDX-License-Identifier: MIT */
/*
 * Bytes that no codec here would write: fields that a schema does not know, keys that come twice,
 * text that is no UTF-8, nesting as deep as one likes. Spelt out once for each format.
 */
#ifndef ASSAY_FOREIGN_H
#define ASSAY_FOREIGN_H

#include "codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum foreign_format {
    FOREIGN_UNKNOWN, /* a format that nobody has spelt out here yet */
    FOREIGN_JSON,
    FOREIGN_KEYS,   /* MessagePack: a message is a map */
    FOREIGN_VALUES, /* MessagePack: a message is an array, a field's place is its rank by id */
    FOREIGN_PROTOBUF,
};

enum foreign_kind {
    FOREIGN_INTEGER,
    FOREIGN_TEXT, /* len bytes, whatever they are; in JSON only what JSON forbids is escaped */
    FOREIGN_MESSAGE,
    FOREIGN_MAP,   /* of the message's fields: text is the key, integer the value */
    FOREIGN_NULL,  /* not in Protocol Buffers */
    FOREIGN_TOKEN, /* JSON only: text as it is */
};

struct foreign_field {
    uint32_t id; /* one that the type does not have: an unknown field */
    enum foreign_kind kind;
    int64_t integer;
    const char *text;
    size_t len;
    const struct foreign_message *message;
};

struct foreign_message {
    const struct foreign_field *fields; /* FOREIGN_VALUES: ascending ids */
    size_t count;
};

struct foreign_bytes {
    uint8_t *bytes; /* owned; zero-initialised is empty */
    size_t len, cap;
    bool failed; /* no memory, or a kind that the format does not have */
};

enum foreign_format foreign_format_of(const struct codec *codec);
/* Can the format say that? */
bool foreign_says(enum foreign_format format, enum foreign_kind kind);
/* Replaces what is in bytes; false if failed. */
bool foreign_write(struct foreign_bytes *bytes, enum foreign_format format,
                   const struct plan_message *type, const struct foreign_message *message);
void foreign_finish(struct foreign_bytes *bytes);

#endif
