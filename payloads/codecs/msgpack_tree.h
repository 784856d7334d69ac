/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_MSGPACK_TREE_H
#define ASSAY_MSGPACK_TREE_H

#include "plan.h"

#include <msgpack.h>

/*
 * msgpack-c's tree to a message that owns all it holds. Every value must be of its field's kind;
 * keys that the type does not know are passed over. 0; -EBADMSG; -ENOMEM: then *message is NULL and
 * nothing is left allocated.
 */
int msgpack_tree_read(const msgpack_object *tree, const struct plan_message *type,
                      ProtobufCAllocator *allocator, ProtobufCMessage **message);

#endif
