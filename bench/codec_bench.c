/* SPDX-License-Identifier: MIT */
/* Codecs: codec/PAYLOAD/encode|decode/MEMBER, over the documents of a payload's corpus. */
#include "codec_check.h"
#include "gbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASELINE "cjson"
extern const struct codec cjson_copy_codec; /* the baseline's source, compiled a second time */

struct codec_case {
    struct codec_wire *wire;
    size_t next; /* document: goes on from block to block, so that short blocks see all of them */
    uint8_t *dst;
    struct arena arena;
};

/* Everything that is registered; lives as long as the process. */
static struct {
    struct codec_corpus *corpora;
    struct codec_wire *wires;
    struct codec_case *cases;
    size_t corpora_len, wires_len, cases_len;
} all;

static const char *inject; /* --inject PERCENT */
static const char *fidelity_is_another_mode, *list_codecs_is_another_mode;

/* True if there is something to measure; before any clock runs. */
static bool ready(struct gbench_state *state, struct codec_case *c)
{
    if (!codec_wire_check(c->wire)) {
        gbench_fail(state, c->wire->why);
        return false;
    }
    if (!c->dst) {
        c->dst = malloc(c->wire->cap ? c->wire->cap : 1);
        arena_init(&c->arena, ARENA_DEFAULT_BUDGET);
    }
    if (!c->dst) {
        gbench_fail(state, "out of memory");
        return false;
    }
    return true;
}

static void finish(struct gbench_state *state, struct codec_case *c, size_t next, bool good)
{
    c->next = next;
    if (!good)
        gbench_fail(state, "the codec failed on a document that it had mastered before");
    gbench_counter(state, "wire_bytes", codec_wire_mean_bytes(c->wire), GBENCH_TOTAL);
    gbench_counter(state, "documents", (double)c->wire->corpus->corpus.count, GBENCH_TOTAL);
}

static void encode(struct gbench_state *state, void *arg)
{
    struct codec_case *c = arg;
    if (!ready(state, c))
        return;
    const struct codec *codec = c->wire->codec;
    const struct plan *plan = c->wire->corpus->plan;
    ProtobufCMessage **documents = c->wire->corpus->corpus.documents;
    const size_t count = c->wire->corpus->corpus.count, cap = c->wire->cap;
    uint8_t *dst = c->dst;
    size_t next = c->next;
    int err = 0;

    GBENCH_LOOP(state)
    {
        size_t len;
        err |= codec->encode(plan, documents[next], dst, cap, &len);
        GBENCH_CLOBBER();
        if (++next == count)
            next = 0;
    }
    finish(state, c, next, err == 0);
}

static void decode(struct gbench_state *state, void *arg)
{
    struct codec_case *c = arg;
    if (!ready(state, c))
        return;
    const struct codec *codec = c->wire->codec;
    const struct plan *plan = c->wire->corpus->plan;
    uint8_t *const *bytes = c->wire->bytes;
    const size_t *lens = c->wire->lens;
    const size_t count = c->wire->corpus->corpus.count;
    size_t next = c->next;
    int err = 0;

    GBENCH_LOOP(state)
    {
        ProtobufCMessage *message;
        arena_reset(&c->arena);
        err |= codec->decode(plan, bytes[next], lens[next], &c->arena.allocator, &message);
        GBENCH_CLOBBER();
        if (++next == count)
            next = 0;
    }
    finish(state, c, next, err == 0);
}

/* The floor: the same bytes, moved. Nothing that makes or reads them can be faster. */
static void move(struct gbench_state *state, void *arg)
{
    struct codec_case *c = arg;
    if (!ready(state, c))
        return;
    uint8_t *const *bytes = c->wire->bytes;
    const size_t *lens = c->wire->lens;
    const size_t count = c->wire->corpus->corpus.count;
    uint8_t *dst = c->dst;
    size_t next = c->next;

    GBENCH_LOOP(state)
    {
        memcpy(dst, bytes[next], lens[next]);
        GBENCH_CLOBBER();
        if (++next == count)
            next = 0;
    }
    finish(state, c, next, true);
}

/* A block is so many rounds over the whole corpus: documents differ in size, and members that
 * differ in speed would otherwise be compared on different ones. */
static int64_t documents_of(void *arg)
{
    struct codec_case *c = arg;
    return codec_corpus_load(c->wire->corpus) ? (int64_t)c->wire->corpus->corpus.count : 1;
}

static void add(const char *family, const char *member, gbench_function *function,
                struct codec_wire *wire, int slow_percent)
{
    struct codec_case *c = &all.cases[all.cases_len++];
    c->wire = wire;
    char name[256];
    snprintf(name, sizeof name, "%s/%s", family, member);
    const struct gbench_options options = {
        .multiple_of = documents_of,
        .slow_percent = slow_percent,
    };
    gbench_register(name, function, c, &options);
}

/* Some only decode. */
static bool has(const struct codec *codec, gbench_function *function)
{
    return function == encode ? codec->encode != NULL : codec->decode != NULL;
}

/* wires: one per codec in the order of codecs[], then the copy of the baseline. */
static void add_family(const char *payload, const char *op, gbench_function *function,
                       struct codec_wire *wires, int slow_percent)
{
    char family[128], member[96];
    snprintf(family, sizeof family, "codec/%s/%s", payload, op);
    size_t i = 0;
    for (; codecs[i]; i++) {
        if (!has(codecs[i], function))
            continue;
        add(family, codecs[i]->name, function, &wires[i], 0);
        if (strcmp(codecs[i]->name, BASELINE) != 0)
            continue;
        add(family, BASELINE ".same", function, &wires[i], 0);
        if (slow_percent > 0) {
            snprintf(member, sizeof member, "slow." BASELINE ".%d", slow_percent);
            add(family, member, function, &wires[i], slow_percent);
        }
    }
    add(family, BASELINE ".copy", function, &wires[i], 0);
    for (i = 0; codecs[i]; i++) {
        if (!has(codecs[i], function))
            continue;
        snprintf(member, sizeof member, "memcpy.%s", codecs[i]->name);
        add(family, member, move, &wires[i], 0);
    }
}

static bool allocate(size_t payload_count, size_t codec_count)
{
    const size_t cases = payload_count * 2 * (2 * codec_count + 3); /* + same, copy, slow */
    all.corpora = calloc(payload_count, sizeof *all.corpora);
    all.wires = calloc(payload_count * (codec_count + 1), sizeof *all.wires);
    all.cases = calloc(cases, sizeof *all.cases);
    return all.corpora && all.wires && all.cases;
}

/* 0 without the option, -1 if it is not a whole number from 1 to 1000. */
static int inject_percent(void)
{
    if (!inject)
        return 0;
    char *end;
    const long percent = strtol(inject, &end, 10);
    return *end || percent < 1 || percent > 1000 ? -1 : (int)percent;
}

static int prepare(void)
{
    if (fidelity_is_another_mode) {
        fprintf(stderr, "codec_bench: --fidelity: takes no other option than --json FILE\n");
        return 2;
    }
    if (list_codecs_is_another_mode) {
        fprintf(stderr, "codec_bench: --list-codecs: takes no other option\n");
        return 2;
    }
    const int percent = inject_percent();
    if (percent < 0) {
        fprintf(stderr, "codec_bench: --inject: %s: expected a whole percentage, 1 to 1000\n",
                inject);
        return 2;
    }
    size_t payload_count = 0, codec_count = 0;
    while (payloads[payload_count].name)
        payload_count++;
    for (; codecs[codec_count]; codec_count++) {
        char key[64], value[96];
        snprintf(key, sizeof key, "%s_version", codecs[codec_count]->name);
        snprintf(value, sizeof value, "%s %s", codecs[codec_count]->library,
                 codecs[codec_count]->version());
        gbench_context(key, value);
    }
    if (!allocate(payload_count, codec_count)) {
        fprintf(stderr, "codec_bench: out of memory\n");
        return 1;
    }
    for (size_t p = 0; p < payload_count; p++) {
        struct codec_corpus *corpus = &all.corpora[all.corpora_len++];
        corpus->payload = &payloads[p];
        struct codec_wire *wires = &all.wires[all.wires_len];
        for (size_t i = 0; i <= codec_count; i++) {
            const struct codec *codec = i < codec_count ? codecs[i] : &cjson_copy_codec;
            all.wires[all.wires_len++] = (struct codec_wire){.corpus = corpus, .codec = codec};
        }
        add_family(payloads[p].name, "encode", encode, wires, percent);
        add_family(payloads[p].name, "decode", decode, wires, percent);
    }
    return 0;
}

/* --fidelity --json FILE: another mode, without a clock. */
static const char *fidelity_path(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--fidelity") == 0 && strcmp(argv[2], "--json") == 0)
        return argv[3];
    if (argc == 4 && strcmp(argv[1], "--json") == 0 && strcmp(argv[3], "--fidelity") == 0)
        return argv[2];
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct gbench_flag flags[] = {
        {"--inject", "PERCENT",
         "add slow." BASELINE ".PERCENT: a slow-down of known size, to see whether it is found",
         &inject},
        {"--fidelity", NULL,
         "no clock: encode, decode, compare; values changed and sizes as JSON (to --json FILE)",
         &fidelity_is_another_mode},
        {"--list-codecs", NULL,
         "no clock: the codecs, what they can and what to call them, as JSON",
         &list_codecs_is_another_mode},
        {0},
    };
    static const struct gbench_program program = {
        .summary =
            "codec_bench: what encoding and decoding the payloads costs.\n\n"
            "Cases are codec/PAYLOAD/encode|decode/MEMBER; an iteration is one document, in turn.\n"
            "encode writes into a caller's buffer; decode fills an arena, whose reset before each\n"
            "document is on the clock (giving memory back costs no more than that here).\n"
            "memcpy.CODEC moves that codec's bytes: the floor. Before any timing every document\n"
            "is encoded, decoded and compared.",
        .flags = flags,
        .prepare = prepare,
    };
    if (argc == 2 && strcmp(argv[1], "--fidelity") == 0)
        return codec_fidelity(NULL);
    if (argc == 2 && strcmp(argv[1], "--list-codecs") == 0)
        return codec_list();
    const char *path = fidelity_path(argc, argv);
    return path ? codec_fidelity(path) : gbench_main(argc, argv, &program);
}
