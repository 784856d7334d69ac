/* SPDX-License-Identifier: MIT */
/* What tests of the JSON floor share. */
#ifndef ASSAY_FLOOR_BED_H
#define ASSAY_FLOOR_BED_H

#include "arena.h"
#include "bed.h"
#include "field.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct codec *the_floor;
static const struct subject *everything;

/* Decodes text as an Everything; NULL and *error if it is refused. Nothing may be left behind. */
static inline ProtobufCMessage *decode(const char *text, size_t len, int *error)
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

static inline bool accepts(const char *text, size_t len)
{
    int error;
    ProtobufCMessage *message = decode(text, len, &error);
    assert_true(error == 0 || error == -EBADMSG);
    message_free(message, &heap_allocator);
    return error == 0;
}

static inline void *value_of(ProtobufCMessage *message, const char *name)
{
    const struct plan_message *root = everything->plan->root;
    const struct plan_field *field = field_named(root, root->fields, name, strlen(name));
    assert_non_null(field);
    return field_at(message, field->offset);
}

static inline ProtobufCMessage *new_message(void)
{
    ProtobufCMessage *message = field_new_message(everything->plan->root, &heap_allocator);
    assert_non_null(message);
    return message;
}

static inline int floor_set_up(void **state)
{
    if (bed_set_up(state) != 0)
        return -1;
    the_floor = codec_find("json_floor");
    everything = bed_subject("ours_everything");
    return the_floor != NULL && the_floor->ours ? 0 : -1;
}

#endif
