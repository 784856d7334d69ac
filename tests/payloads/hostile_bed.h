/* SPDX-License-Identifier: MIT */
/* What tests of bytes that nobody should trust share: each decode reads from memory that ends at a
 * wall, with books kept on what it takes. */
#ifndef ASSAY_HOSTILE_BED_H
#define ASSAY_HOSTILE_BED_H

#include "arena.h"
#include "bed.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    const char *bytes;
    size_t len;
};
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* Decodes; whatever comes of it must be good to read and leave nothing behind. */
static inline int decode(const struct codec *codec, const struct subject *subject,
                         const uint8_t *bytes, size_t len)
{
    struct ledger ledger;
    ProtobufCMessage *message = NULL;
    ledger_init(&ledger, SIZE_MAX);
    int error = codec->decode(subject->plan, bytes, len, &ledger.allocator, &message);
    assert_true(error == 0 || error == -EBADMSG || error == -ENOMEM);
    assert_int_equal(error == 0, message != NULL);
    if (message != NULL) {
        assert_int_not_equal(message_touch(message), 0);
        assert_true(message_equal(message, message));
        message_free(message, &ledger.allocator);
    }
    assert_int_equal(ledger.live, 0);
    return error;
}

static inline void for_all(void (*check)(const struct codec *codec, const struct subject *subject))
{
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        if ((*codec)->decode == NULL)
            continue;
        for (const struct subject *subject = subjects; subject->payload.name != NULL; subject++)
            if (!subject->again)
                check(*codec, subject);
    }
}

/* Runs check for each decoder of that format; of MessagePack, those whose messages are maps. */
static inline void for_format(const char *format, void (*check)(const struct codec *codec))
{
    size_t checked = 0;
    for (const struct codec *const *codec = codecs; *codec != NULL; codec++) {
        const char *shape = (*codec)->shape ? (*codec)->shape : "keys";
        if ((*codec)->decode == NULL || strcmp((*codec)->format, format) != 0 ||
            strcmp(shape, "keys") != 0)
            continue;
        check(*codec);
        checked++;
    }
    assert_true(checked > 0);
}

#endif
