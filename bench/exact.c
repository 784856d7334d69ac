/* SPDX-License-Identifier: MIT */
#include "exact.h"

#include "gbench.h"

#include <getopt.h>
#include <math.h>

static int usage(FILE *out, int code, const char *program, const char *summary)
{
    fprintf(out,
            "usage: %s [--payload NAME]... [--json FILE] [--list]\n\n%s\n\n"
            "  --payload NAME   one of --list; without it all of them\n"
            "  --json FILE      where the rows go; without it to standard output\n"
            "  --list           the payloads\n",
            program, summary);
    return code;
}

static int choose(struct exact_options *options, const char *program, const char *name)
{
    const struct payload *payload = payload_find(name);
    if (!payload) {
        fprintf(stderr, "%s: --payload %s: no such payload (see --list)\n", program, name);
        return 2;
    }
    if (options->chosen_len == sizeof options->chosen / sizeof options->chosen[0]) {
        fprintf(stderr, "%s: --payload %s: one too many at once\n", program, name);
        return 2;
    }
    options->chosen[options->chosen_len++] = payload;
    return 0;
}

int exact_options(int argc, char **argv, const char *program, const char *summary,
                  struct exact_options *options, bool *done)
{
    static const struct option known[] = {
        {"json", required_argument, NULL, 'j'},   {"payload", required_argument, NULL, 'p'},
        {"instructions", no_argument, NULL, 'i'}, {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {0}};
    *options = (struct exact_options){0};
    *done = false;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        int code = 0;
        switch (option) {
        case 'j':
            options->json = optarg;
            break;
        case 'p':
            code = choose(options, program, optarg);
            break;
        case 'i':
            options->instructions = true;
            break;
        case 'l':
            for (const struct payload *payload = payloads; payload->name; payload++)
                puts(payload->name);
            *done = true;
            return fflush(stdout) != 0;
        case 'h':
            *done = true;
            return usage(stdout, 0, program, summary);
        default:
            return usage(stderr, 2, program, summary);
        }
        if (code != 0)
            return code;
    }
    if (optind < argc) {
        fprintf(stderr, "%s: %s: unexpected argument\n", program, argv[optind]);
        return 2;
    }
    int code = 0;
    if (options->chosen_len == 0)
        for (const struct payload *payload = payloads; payload->name && code == 0; payload++)
            code = choose(options, program, payload->name);
    return code;
}

bool exact_encodes(const struct codec *codec)
{
    return codec->encode || codec->own;
}

bool exact_decodes(const struct codec *codec)
{
    return codec->decode || codec->own;
}

static bool first_row = true;

void exact_row(FILE *out, const struct codec_wire *wire, const char *operation)
{
    fprintf(out, "%s{\"payload\":\"%s\",\"codec\":\"%s\",\"operation\":", first_row ? "\n" : ",\n",
            wire->corpus->payload->name, wire->codec->name);
    first_row = false;
    fprintf(out, operation ? "\"%s\"" : "null", operation);
    fprintf(out, ",\"documents\":%zu", wire->corpus->corpus.count);
}

void exact_figure(FILE *out, const char *name, double value)
{
    fprintf(out, ",\"%s\":", name);
    fprintf(out, value == floor(value) ? "%.0f" : "%.3f", value);
}

void exact_end(FILE *out)
{
    fputc('}', out);
}

/* One codec on one payload. */
static int
run_codec(const char *program, FILE *out, struct codec_corpus *corpus, const struct codec *codec,
          int (*each)(FILE *out, const struct codec_job *job, const struct codec_wire *wire))
{
    struct codec_wire wire = {.corpus = corpus, .codec = codec};
    struct arena arena;
    int code = 0;
    arena_init(&arena, ARENA_DEFAULT_BUDGET);
    if (!codec_wire_check(&wire)) {
        fprintf(stderr, "%s: %s\n", program, wire.why);
        code = 1;
    } else {
        const struct codec_job job = {
            .codec = codec,
            .plan = corpus->plan,
            .documents = corpus->corpus.documents,
            .own = wire.own,
            .bytes = wire.bytes,
            .lens = wire.lens,
            .count = corpus->corpus.count,
            .dst = malloc(wire.cap ? wire.cap : 1),
            .cap = wire.cap,
            .arena = &arena,
            .place = codec->own ? codec->own->open(corpus->plan) : NULL,
        };
        const bool good = job.dst && (!codec->own || job.place);
        const int err = good ? each(out, &job, &wire) : -ENOMEM;
        if (err != 0)
            fprintf(stderr, "%s: %s: %s: %s\n", program, corpus->payload->name, codec->name,
                    strerror(-err));
        code = err != 0;
        free(job.dst);
        if (codec->own)
            codec->own->close(job.place);
    }
    arena_finish(&arena);
    codec_wire_finish(&wire);
    return code;
}

int exact_run(const char *program, const struct exact_options *options,
              int (*each)(FILE *out, const struct codec_job *job, const struct codec_wire *wire))
{
    char *text = NULL;
    size_t len = 0;
    int code = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        perror(program);
        return 1;
    }
    fprintf(out, "{\"schema\":1,\"program\":\"%s\",\"exact\":[", program);
    for (size_t p = 0; p < options->chosen_len; p++) {
        struct codec_corpus corpus = {.payload = options->chosen[p]};
        for (size_t i = 0; codecs[i]; i++)
            code |= run_codec(program, out, &corpus, codecs[i], each);
        corpus_finish(&corpus.corpus);
        plan_destroy(corpus.plan);
    }
    fputs("\n]}\n", out);
    int err = fclose(out) == 0 ? 0 : -ENOMEM;
    if (err == 0 && options->json)
        err = gbench_write_file(options->json, text, len);
    else if (err == 0 && (fwrite(text, 1, len, stdout) < len || fflush(stdout) != 0))
        err = -errno;
    free(text);
    if (err < 0) {
        fprintf(stderr, "%s: --json %s: %s\n", program, options->json ? options->json : "stdout",
                strerror(-err));
        return 1;
    }
    return code;
}
