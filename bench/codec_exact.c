/* SPDX-License-Identifier: MIT */
/*
 * Sizes of each codec's bytes, as they are and compressed; and a mode for callgrind, in which each
 * operation runs over the corpus once and its instructions are written to a dump of their own.
 */
#include "compression.h"
#include "exact.h"

#include <time.h>
#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#endif

enum { TIMED_NS = 20000000, TIMED_MAX = 64 }; /* of compressing one codec's corpus */

static double now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct squeezed {
    double bytes, compress_ns, expand_ns; /* per document: a mean, and medians of rounds of means */
};

/* A round: every document on its own, compressed, expanded and compared. 0 or a negative errno. */
static int squeeze_once(const struct compressor *compressor, const struct codec_job *job,
                        uint8_t *packed, size_t cap, uint8_t *back, struct squeezed *sum)
{
    *sum = (struct squeezed){0};
    for (size_t i = 0; i < job->count; i++) {
        size_t len, back_len;
        const double began = now_ns();
        int err = compressor->compress(job->bytes[i], job->lens[i], packed, cap, &len);
        const double between = now_ns();
        if (err == 0)
            err = compressor->expand(packed, len, back, job->lens[i] + 1, &back_len);
        const double end = now_ns();
        if (err == 0 && (back_len != job->lens[i] || memcmp(back, job->bytes[i], back_len) != 0))
            err = -EILSEQ;
        if (err != 0)
            return err;
        sum->bytes += (double)len / (double)job->count;
        sum->compress_ns += (between - began) / (double)job->count;
        sum->expand_ns += (end - between) / (double)job->count;
    }
    return 0;
}

static int squeeze(const struct compressor *compressor, const struct codec_job *job,
                   struct squeezed *result)
{
    double compress_ns[TIMED_MAX], expand_ns[TIMED_MAX];
    size_t longest = 0, rounds = 0;
    for (size_t i = 0; i < job->count; i++)
        longest = job->lens[i] > longest ? job->lens[i] : longest;
    const size_t cap = compressor->bound(longest);
    uint8_t *packed = malloc(cap), *back = malloc(longest + 1);
    int err = packed && back ? 0 : -ENOMEM;
    const double began = now_ns();
    while (err == 0 && rounds < TIMED_MAX && (rounds < 3 || now_ns() - began < TIMED_NS)) {
        err = squeeze_once(compressor, job, packed, cap, back, result);
        compress_ns[rounds] = result->compress_ns;
        expand_ns[rounds++] = result->expand_ns;
    }
    free(packed);
    free(back);
    if (err != 0)
        return err;
    qsort(compress_ns, rounds, sizeof *compress_ns, by_value);
    qsort(expand_ns, rounds, sizeof *expand_ns, by_value);
    result->compress_ns = compress_ns[rounds / 2];
    result->expand_ns = expand_ns[rounds / 2];
    return 0;
}

static int sizes(FILE *out, const struct codec_job *job, const struct codec_wire *wire)
{
    if (!exact_encodes(job->codec))
        return 0;
    exact_row(out, wire, NULL);
    exact_figure(out, "wire_bytes", codec_wire_mean_bytes(wire));
    int err = 0;
    for (const struct compressor *c = compressors; c->name && err == 0; c++) {
        struct squeezed result;
        char key[64];
        err = squeeze(c, job, &result);
        if (err != 0)
            break;
        snprintf(key, sizeof key, "%s_%d_bytes", c->name, c->level);
        exact_figure(out, key, result.bytes);
        snprintf(key, sizeof key, "%s_%d_compress_median_ns", c->name, c->level);
        exact_figure(out, key, result.compress_ns);
        snprintf(key, sizeof key, "%s_%d_expand_median_ns", c->name, c->level);
        exact_figure(out, key, result.expand_ns);
    }
    exact_end(out);
    return err;
}

#ifdef HAVE_CALLGRIND
/* A round that is not counted: symbols are bound, the arena has its blocks. */
static int count_step(codec_step *step, const char *name, const struct codec_job *job,
                      const struct codec_wire *wire)
{
    char label[160];
    int err = 0;
    for (size_t i = 0; i < job->count; i++)
        err |= step(job, i);
    CALLGRIND_TOGGLE_COLLECT;
    for (size_t i = 0; i < job->count; i++)
        err |= step(job, i);
    CALLGRIND_TOGGLE_COLLECT;
    snprintf(label, sizeof label, "%s/%s/%s/%zu", wire->corpus->payload->name, name,
             job->codec->name, job->count);
    CALLGRIND_DUMP_STATS_AT(label);
    return err;
}

static int instructions(FILE *out, const struct codec_job *job, const struct codec_wire *wire)
{
    static bool started;
    int err = 0;
    (void)out;
    if (!started)
        CALLGRIND_START_INSTRUMENTATION;
    started = true;
    if (exact_encodes(job->codec))
        err = count_step(codec_encode, "encode", job, wire);
    if (err == 0 && exact_decodes(job->codec))
        err = count_step(codec_decode, "decode", job, wire);
    return err;
}
#endif

int main(int argc, char **argv)
{
    struct exact_options options;
    bool done;
    const int code = exact_options(
        argc, argv, "codec_exact",
        "Bytes of each codec's documents, as they are and compressed one by one (zlib, zstd, "
        "where\n"
        "built in; compressing and expanding is timed, and those are medians, not exact).\n"
        "--instructions: for `valgrind --tool=callgrind --instr-atstart=no --collect-atstart=no`:\n"
        "runs encode and decode, a dump each, labelled PAYLOAD/OPERATION/CODEC/DOCUMENTS.",
        &options, &done);
    if (code != 0 || done)
        return code;
    if (!options.instructions)
        return exact_run("codec_exact", &options, sizes);
#ifdef HAVE_CALLGRIND
    if (RUNNING_ON_VALGRIND)
        return exact_run("codec_exact", &options, instructions);
    fprintf(stderr, "codec_exact: --instructions: only under valgrind --tool=callgrind\n");
#else
    fprintf(stderr, "codec_exact: --instructions: built without valgrind's headers\n");
#endif
    return 3;
}
