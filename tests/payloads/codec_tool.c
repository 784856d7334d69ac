/* SPDX-License-Identifier: MIT */
/*
 * Gives check_foreign.py hold of the codecs:
 *
 *     codec_tool list                              what there is, a line each
 *     codec_tool encode CODEC PAYLOAD FOLDER MOST  documents 0 … MOST - 1 to FOLDER/N
 *     codec_tool decode CODEC PAYLOAD FOLDER MOST  and back, compared with the documents
 *
 * Exits 0, 1 if something did not come back (and says what), 2 if it was called in another way.
 */
#include "arena.h"
#include "codec.h"
#include "message.h"
#include "payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int list(void)
{
    for (const struct payload *payload = payloads; payload->name != NULL; payload++)
        printf("payload\t%s\t%s\t%s\n", payload->name, payload->type->name, payload->schema_path);
    for (size_t i = 0; codecs[i] != NULL; i++) {
        const char *half = codecs[i]->own || codec_is_whole(codecs[i]) ? "both"
                           : codecs[i]->encode                         ? "encode"
                                                                       : "decode";
        printf("codec\t%s\t%s\t%s\n", codecs[i]->name, codecs[i]->format, half);
    }
    return 0;
}

/* One codec on the documents of one payload. */
struct work {
    const struct codec *codec, *source;
    struct corpus corpus;
    struct plan *plan;
    const char *folder;
};

static int fail(const struct work *work, size_t i, const char *what)
{
    fprintf(stderr, "%s: document %zu: %s\n", work->codec->name, i, what);
    return 1;
}

static FILE *open_file(const struct work *work, size_t i, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%zu", work->folder, i);
    return fopen(path, mode);
}

static int make(const struct work *work, size_t i, uint8_t *bytes, size_t cap, size_t *len)
{
    const ProtobufCMessage *document = work->corpus.documents[i];
    void *own = NULL;
    if (!work->codec->own)
        return work->source->encode(work->plan, document, bytes, cap, len);
    int error = work->codec->own->adopt(work->plan, document, &own);
    if (error == 0)
        error = work->codec->own->encode(own, bytes, cap, len);
    work->codec->own->drop(own);
    return error;
}

static int encode(const struct work *work, size_t i)
{
    size_t len = 0, cap = codec_bound(work->plan, work->corpus.documents[i]);
    uint8_t *bytes = malloc(cap);
    if (bytes == NULL || make(work, i, bytes, cap, &len) != 0) {
        free(bytes);
        return fail(work, i, "was not encoded");
    }
    FILE *file = open_file(work, i, "wb");
    bool written = file != NULL && fwrite(bytes, 1, len, file) == len;
    written = file != NULL && fclose(file) == 0 && written;
    free(bytes);
    return written ? 0 : fail(work, i, "was not written");
}

/* Own structs are encoded again for a codec that knows messages. */
static int read_back(const struct work *work, const uint8_t *bytes, size_t len,
                     ProtobufCMessage **message)
{
    const struct codec_own *own = work->codec->own;
    const void *decoded = NULL;
    if (own == NULL)
        return work->codec->decode(work->plan, bytes, len, &heap_allocator, message);
    void *place = own->open(work->plan);
    size_t again_len = 0, cap = 2 * len + 1024; /* an entry's defaults may be written out */
    uint8_t *again = malloc(cap);
    int error = place && again ? own->decode(work->plan, place, bytes, len, &decoded) : -ENOMEM;
    if (error == 0)
        error = own->encode(decoded, again, cap, &again_len);
    if (error == 0)
        error = work->source->decode(work->plan, again, again_len, &heap_allocator, message);
    own->close(place);
    free(again);
    return error;
}

static int compare(const struct work *work, size_t i, ProtobufCMessage *message)
{
    struct message_diff diff = {0};
    ProtobufCMessage *document = work->corpus.documents[i];
    message_sort_maps(message, work->plan->root);
    message_sort_maps(document, work->plan->root);
    if (!message_compare(document, message, &diff))
        return fail(work, i, "another shape came back");
    /* cJSON prints, and reads, some doubles as another one; protobuf-c leaves out a -0.0. */
    const bool may_sign = strcmp(work->source->library, "protobuf-c") == 0;
    if (diff.changed > (may_sign ? diff.zero_signs : 0) &&
        strcmp(work->source->library, "cJSON") != 0)
        return fail(work, i, "another value came back");
    return 0;
}

static int decode(const struct work *work, size_t i)
{
    FILE *file = open_file(work, i, "rb");
    size_t cap = (size_t)64 << 20, len = 0;
    uint8_t *bytes = malloc(cap);
    ProtobufCMessage *message = NULL;
    if (file != NULL && bytes != NULL)
        len = fread(bytes, 1, cap, file);
    int error = file == NULL || ferror(file) ? -EIO : read_back(work, bytes, len, &message);
    if (file != NULL)
        fclose(file);
    free(bytes);
    if (error != 0)
        return fail(work, i, strerror(-error));
    error = compare(work, i, message);
    message_free(message, &heap_allocator);
    return error;
}

static int run(struct work *work, const struct payload *payload, bool encoding, size_t most)
{
    char why[512] = "";
    int error = plan_create(&work->plan, payload, why, sizeof(why));
    if (error == 0)
        error = corpus_load(&work->corpus, payload, NULL, why, sizeof(why));
    if (error != 0)
        fprintf(stderr, "%s\n", why);
    for (size_t i = 0; error == 0 && i < work->corpus.count && i < most; i++)
        error = encoding ? encode(work, i) : decode(work, i);
    corpus_finish(&work->corpus);
    plan_destroy(work->plan);
    return error == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc != 6 || (strcmp(argv[1], "encode") != 0 && strcmp(argv[1], "decode") != 0))
        return 2;
    const struct payload *payload = payload_find(argv[3]);
    struct work work = {.codec = codec_find(argv[2]), .folder = argv[4]};
    if (payload == NULL || work.codec == NULL)
        return 2;
    work.source = codec_source(work.codec);
    return run(&work, payload, strcmp(argv[1], "encode") == 0, strtoul(argv[5], NULL, 10));
}
