/* SPDX-License-Identifier: MIT */
/*
 * The payloads: NAME.proto gives the type, NAME.json the corpus of documents. The table is made by
 * payloads/meson.build from payload_names (and from -Dextra_payloads).
 */
#ifndef ASSAY_PAYLOAD_H
#define ASSAY_PAYLOAD_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct payload {
    const char *name;
    const ProtobufCMessageDescriptor *type;
    const char *corpus_path; /* NAME.json, absolute: where it was when the program was built */
    /* Full names of the types that protoc made for a map's entries, ascending; then NULL. In
     * protobuf-c's descriptors they look like any other message. */
    const char *const *map_entries;
    const char *schema_path; /* the .proto, absolute; type->name is its root's full name */
};

extern const struct payload payloads[]; /* ends with a NULL name */
const struct payload *payload_find(const char *name);

/* The documents of a payload, all of its type, owned by the corpus. */
struct corpus {
    ProtobufCMessage **documents;
    size_t count;
};

/*
 * Reads the array of documents at path (NULL: the payload's own). 0, or a negative errno with a
 * sentence in why that names the file, the line and the path of the field ("order.json:12:
 * [3].items[0].sku: expected a string"). corpus_finish takes a zeroed corpus too.
 */
int corpus_load(struct corpus *corpus, const struct payload *payload, const char *path, char *why,
                size_t why_cap);
void corpus_finish(struct corpus *corpus);

#ifdef __cplusplus
}
#endif

#endif
