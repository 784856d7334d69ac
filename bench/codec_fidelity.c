/* SPDX-License-Identifier: MIT */
/* The figures of fidelity: how many values of a corpus did not survive a codec, and its sizes. */
#include "codec_check.h"
#include "gbench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_sizes(FILE *out, const struct codec_wire *wire)
{
    fputs("\"wire_bytes\":[", out);
    for (size_t i = 0; i < wire->corpus->corpus.count; i++)
        fprintf(out, "%s%zu", i ? "," : "", wire->lens[i]);
    fputs("]", out);
}

static void wire_finish(struct codec_wire *wire)
{
    for (size_t i = 0; wire->bytes && i < wire->corpus->corpus.count; i++)
        free(wire->bytes[i]);
    free(wire->bytes);
    free(wire->lens);
}

/* One codec on one payload. A codec that failed has no figures: they are not written. */
static bool write_entry(FILE *out, struct codec_corpus *corpus, const struct codec *codec,
                        bool first)
{
    struct codec_wire wire = {.corpus = corpus, .codec = codec};
    const bool ok = codec_wire_check(&wire);
    if (ok) {
        fprintf(out, "%s\n{\"payload\":\"%s\",\"codec\":\"%s\",\"documents\":%zu,",
                first ? "" : ",", corpus->payload->name, codec->name, corpus->corpus.count);
        fprintf(out, "\"values\":%llu,\"changed\":%llu,", (unsigned long long)wire.diff.values,
                (unsigned long long)wire.diff.changed);
        write_sizes(out, &wire);
        fputs("}", out);
    } else {
        fprintf(stderr, "codec_bench: %s\n", wire.why);
    }
    wire_finish(&wire);
    return ok;
}

int codec_fidelity(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        perror("codec_bench: --fidelity");
        return 1;
    }
    bool good = true, first = true;
    fputs("{\"schema\":1,\"fidelity\":[", out);
    for (const struct payload *payload = payloads; payload->name; payload++) {
        struct codec_corpus corpus = {.payload = payload};
        for (size_t i = 0; codecs[i]; i++) {
            const bool ok = write_entry(out, &corpus, codecs[i], first);
            good = good && ok;
            first = first && !ok;
        }
        corpus_finish(&corpus.corpus);
        plan_destroy(corpus.plan);
    }
    fputs("\n]}\n", out);
    int err = fclose(out) == 0 ? 0 : -ENOMEM;
    if (err == 0 && path)
        err = gbench_write_file(path, text, len);
    else if (err == 0 && (fwrite(text, 1, len, stdout) < len || fflush(stdout) != 0))
        err = -errno;
    free(text);
    if (err < 0) {
        fprintf(stderr, "codec_bench: --json: %s: %s\n", path ? path : "stdout", strerror(-err));
        return 1;
    }
    return good ? 0 : 1;
}
