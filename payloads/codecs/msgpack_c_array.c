/* SPDX-License-Identifier: MIT */
/*
 * MessagePack by msgpack-c, once more and in another shape: a message is an array of its fields'
 * values in ascending order of their ids, nil for one that is absent; no names. The array is as
 * long as the schema has fields; a reader takes a shorter one (the rest is absent) and a longer one
 * (an older schema: the rest is passed over). No field's value is itself nil, so presence survives.
 * A map stays a map: its keys are data. Otherwise as msgpack_c.c, by the same calls.
 */
#include "codec.h"

#include "field.h"
#include "msgpack_counts.h"

#include <errno.h>
#include <msgpack.h>
#include <threads.h>

/* ---- encode: straight into the caller's buffer ------------------------------------------------
 */

#include "msgpack_pack.inc"

static void pack_message(struct writer *writer, const struct plan_message *type,
                         const ProtobufCMessage *message, unsigned depth)
{
    msgpack_packer packer;
    uint32_t count = message != NULL ? type->count : 0;
    if (depth > PLAN_MAX_DEPTH) {
        writer->too_deep = true;
        return;
    }
    msgpack_packer_init(&packer, writer, writer_write);
    msgpack_pack_array(&packer, count);
    for (const struct plan_field *field = type->fields; field < type->fields + count; field++) {
        if (field_present(message, field))
            pack_value(writer, field, field->step, message, field_get(message, field->offset),
                       depth);
        else
            msgpack_pack_nil(&packer);
    }
}

static int encode(const struct plan *plan, const ProtobufCMessage *message, uint8_t *dst,
                  size_t cap, size_t *len)
{
    struct writer writer = {.at = dst, .end = dst + cap};
    pack_message(&writer, plan->root, message, 1);
    if (writer.too_deep)
        return -EINVAL;
    if (writer.full)
        return -ENOSPC;
    *len = (size_t)(writer.at - dst);
    return 0;
}

/* ---- decode: the library's tree first, then the struct ----------------------------------------
 */

#include "msgpack_values.inc"

static inline int read_field(const struct plan_field *field, const msgpack_object *from,
                             ProtobufCMessage *message, ProtobufCAllocator *allocator,
                             unsigned depth)
{
    if (field->map)
        return read_map(field, from, message, allocator, depth);
    if (field->repeated)
        return read_array(field, from, message, allocator, depth);
    /* Each comes once: but for a oneof's member, its place is as the message's init left it. */
    if (field->oneof)
        return read_value(field, from, field_open(message, field, allocator), allocator, depth);
    if (field->has_flag)
        *(protobuf_c_boolean *)field_at(message, field->quantifier) = 1;
    return read_value(field, from, field_at(message, field->offset), allocator, depth);
}

static int read_message(const struct plan_message *type, const msgpack_object *from,
                        ProtobufCMessage *message, ProtobufCAllocator *allocator, unsigned depth)
{
    uint64_t seen = 0;
    if (depth > PLAN_MAX_DEPTH || from->type != MSGPACK_OBJECT_ARRAY)
        return -EBADMSG;
    const msgpack_object *value = from->via.array.ptr;
    uint32_t count = from->via.array.size < type->count ? from->via.array.size : type->count;
    for (const struct plan_field *field = type->fields; field < type->fields + count;
         field++, value++) {
        if (value->type == MSGPACK_OBJECT_NIL)
            continue;
        int error = read_field(field, value, message, allocator, depth);
        if (error != 0)
            return error;
        seen |= field->required_bit;
    }
    return seen == type->required ? 0 : -EBADMSG;
}

#include "msgpack_unpack.inc"

static int convert(const struct plan *plan, const msgpack_object *tree,
                   ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    *message = field_new_message(plan->root, allocator);
    int error = *message ? read_message(plan->root, tree, *message, allocator, 1) : -ENOMEM;
    if (error != 0 && *message != NULL) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

static int decode(const struct plan *plan, const uint8_t *src, size_t len,
                  ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    msgpack_object tree;
    *message = NULL;
    int error = unpack(&tree, src, len);
    if (error != 0)
        return error;
    error = convert(plan, &tree, allocator, message);
    forget_tree();
    return error;
}

static int tree_convert(const struct plan *plan, const union codec_hold *hold,
                        ProtobufCAllocator *allocator, ProtobufCMessage **message)
{
    return convert(plan, held_tree(hold), allocator, message);
}

static const struct codec_tree phases = {
    .parse = tree_parse,
    .convert = tree_convert,
    .drop_parsed = tree_drop,
    .single = true,
};

/* ---- read: the tree, and no message -----------------------------------------------------------
 */

/* A field's place is its number in the type: the library's tree is an array there, too. */
static int read_fields(const struct plan *plan, const uint8_t *src, size_t len,
                       const struct plan_field *const *fields, size_t count, uint64_t *sum)
{
    msgpack_object tree;
    int error = unpack(&tree, src, len);
    if (error != 0)
        return error;
    if (tree.type != MSGPACK_OBJECT_ARRAY)
        error = -EBADMSG;
    else if (fields == NULL)
        *sum += touch(&tree);
    for (size_t i = 0; error == 0 && fields != NULL && i < count; i++) {
        size_t place = (size_t)(fields[i] - plan->root->fields);
        if (place < tree.via.array.size)
            *sum += touch(&tree.via.array.ptr[place]);
    }
    forget_tree();
    return error;
}

const struct codec msgpack_c_array_codec = {
    .name = "msgpack_c_array",
    .label = "msgpack-c, arrays",
    .format = "MessagePack",
    .library = "msgpack-c",
    .content_type = "application/msgpack",
    .shape = "values",
    .version = msgpack_version,
    .encode = encode,
    .decode = decode,
    .check = check,
    .read = read_fields,
    .tree = &phases,
};
