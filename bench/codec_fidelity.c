/* SPDX-License-Identifier: MIT */
/*
 * codec_bench --fidelity --json FILE: what each codec keeps. Two lists, for whoever draws them:
 *
 * "fidelity": an entry per payload and codec that encodes and decodes: how many values of the
 * corpus did not survive, and the sizes.
 *
 * "fidelity_table": an entry per codec and question of fidelity_*.c, questions in the order of the
 * table, codecs in the order of theirs within:
 *   probe    a word that stays the same; group, title  what a table says
 *   codec    its name; encoded_by, in a codec that only decodes: whose bytes it read there and back
 *   outcome  kept | changed | another NaN | 0.0 | lost | accepted | refused | refused on encode |
 *            refused on decode | some refused | some changed | cut at the NUL | one of two kept |
 *            skipped | passed on | default | first | last | merged | both, in order |
 *            limit (of the library) | as deep as we let it | not applicable | not probed
 *   sample, changed, refused, max_ulp  where a sample was asked: how many values, how many came
 * back with other bits, how many were refused, how far the farthest moved (in steps between
 *            neighbouring floats; 0 for what is no float)
 *   depth    where depth was: the deepest that works, the root being 1; PLAN_MAX_DEPTH is ours
 */
#include "codec_check.h"
#include "fidelity.h"
#include "gbench.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_sizes(FILE *out, const struct codec_wire *wire)
{
    fputs("\"wire_bytes\":[", out);
    for (size_t i = 0; i < wire->corpus->corpus.count; i++)
        fprintf(out, "%s%zu", i ? "," : "", wire->lens[i]);
    fputs("]", out);
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
    codec_wire_finish(&wire);
    return ok;
}

static void write_answer(FILE *out, const struct fidelity_probe *probe,
                         const struct fidelity_bed *bed, const struct fidelity_answer *answer)
{
    fprintf(out, "{\"probe\":\"%s\",\"group\":\"%s\",\"title\":\"%s\",\"codec\":\"%s\",",
            probe->name, probe->group, probe->title, bed->codec->name);
    if (!bed->codec->own && bed->source && bed->source != bed->codec)
        fprintf(out, "\"encoded_by\":\"%s\",", bed->source->name);
    if (answer->sampled)
        fprintf(out, "\"sample\":%llu,\"changed\":%llu,\"refused\":%llu,\"max_ulp\":%llu,",
                (unsigned long long)answer->sample, (unsigned long long)answer->changed,
                (unsigned long long)answer->refused, (unsigned long long)answer->max_ulp);
    if (answer->depth > 0)
        fprintf(out, "\"depth\":%u,", answer->depth);
    fprintf(out, "\"outcome\":\"%s\"}", answer->outcome);
}

static void write_group(FILE *out, const struct fidelity_probe *probe, struct fidelity_bed *beds,
                        size_t count, bool *first)
{
    for (; probe->name; probe++) {
        for (size_t i = 0; i < count; i++, *first = false) {
            const struct fidelity_answer answer = probe->ask(&beds[i]);
            fputs(*first ? "\n" : ",\n", out);
            write_answer(out, probe, &beds[i], &answer);
        }
    }
}

static bool write_table(FILE *out)
{
    size_t count = 0;
    while (codecs[count])
        count++;
    struct fidelity_bed *beds = calloc(count, sizeof *beds);
    int err = beds ? 0 : -ENOMEM;
    for (size_t i = 0; err == 0 && i < count; i++)
        err = fidelity_bed_init(&beds[i], codecs[i]);
    bool first = true;
    fputs(",\n\"fidelity_table\":[", out);
    if (err == 0) {
        write_group(out, fidelity_numbers, beds, count, &first);
        write_group(out, fidelity_text, beds, count, &first);
        write_group(out, fidelity_schema, beds, count, &first);
    } else {
        fprintf(stderr, "codec_bench: --fidelity: %s\n", strerror(-err));
    }
    for (size_t i = 0; beds && i < count; i++)
        fidelity_bed_finish(&beds[i]);
    free(beds);
    fputs("\n]", out);
    return err == 0;
}

/* Better to learn of a folder that is not there before the work than after it. */
static int check_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return -ENOMEM;
    const int err = access(dirname(folder), W_OK | X_OK) == 0 ? 0 : -errno;
    free(folder);
    return err;
}

int codec_fidelity(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    const int refused = path ? check_folder(path) : 0;
    if (refused < 0) {
        fprintf(stderr, "codec_bench: --json: %s: %s\n", path, strerror(-refused));
        return 1;
    }
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
    fputs("\n]", out);
    good = write_table(out) && good;
    fputs("}\n", out);
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
