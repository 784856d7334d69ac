/* SPDX-License-Identifier: MIT */
/* The operations of codec_bench, and which codecs have each. A row's loop is made by a macro, for
 * a call through a pointer would be on the clock. */
#include "codec_cases.h"

#define OPERATION(name, step)                                                                      \
    static void name(struct gbench_state *state, void *arg)                                        \
    {                                                                                              \
        struct codec_case *c = arg;                                                                \
        const struct codec_job *ready = codec_case_ready(state, c);                                \
        if (!ready)                                                                                \
            return;                                                                                \
        const struct codec_job job = *ready;                                                       \
        size_t next = codec_case_first(state, c);                                                  \
        int err = 0;                                                                               \
        GBENCH_LOOP(state)                                                                         \
        {                                                                                          \
            err |= step(&job, next);                                                               \
            GBENCH_CLOBBER();                                                                      \
            if (++next == job.count)                                                               \
                next = 0;                                                                          \
        }                                                                                          \
        codec_case_finish(state, c, next, err);                                                    \
    }

OPERATION(run_encode, codec_encode)
OPERATION(run_decode, codec_decode)
OPERATION(run_encode_cold, codec_encode_cold)
OPERATION(run_decode_cold, codec_decode_cold)
OPERATION(run_check, codec_look)
OPERATION(run_read, codec_read)
OPERATION(run_move, codec_move)

void codec_run_move(struct gbench_state *state, void *arg)
{
    run_move(state, arg);
}

static bool encodes(const struct codec *codec)
{
    return codec->encode || codec->own;
}

static bool decodes(const struct codec *codec)
{
    return codec->decode || codec->own;
}

static bool builds(const struct codec *codec)
{
    return codec->tree && codec->tree->build;
}

static bool checks(const struct codec *codec)
{
    return codec->check;
}

static bool parses(const struct codec *codec)
{
    return codec->tree && codec->tree->parse;
}

static bool drops_parsed(const struct codec *codec)
{
    return codec->tree && codec->tree->drop_parsed;
}

static bool reads(const struct codec *codec)
{
    return codec->read || codec->decode;
}

const struct codec_operation codec_operations[] = {
    {.name = "encode",
     .help = "into the caller's buffer",
     .run = run_encode,
     .has = encodes,
     .moves = true,
     .injects = true},
    {.name = "decode",
     .help = "into an arena, reset before each",
     .run = run_decode,
     .has = decodes,
     .moves = true,
     .injects = true},
    {.name = "encode_cold",
     .help = "into a buffer from the heap, given back",
     .run = run_encode_cold,
     .has = encodes,
     .unformatted = true},
    {.name = "decode_cold",
     .help = "a message from the heap, given back; a parser that a codec keeps per thread stays",
     .run = run_decode_cold,
     .has = decodes},
    {.name = "build",
     .help = "the library's own tree from the message, and no more",
     .run = codec_time_build,
     .has = builds},
    {.name = "print",
     .help = "that tree to bytes in the caller's buffer",
     .run = codec_time_print,
     .has = builds,
     .unformatted = true},
    {.name = "free_built",
     .help = "that tree given back",
     .run = codec_time_free_built,
     .has = builds},
    {.name = "check",
     .help = "what comes before a library may see untrusted bytes",
     .run = run_check,
     .has = checks},
    {.name = "parse",
     .help = "bytes to the library's own tree, with that check in front",
     .run = codec_time_parse,
     .has = parses},
    {.name = "convert",
     .help = "that tree to a message in an arena",
     .run = codec_time_convert,
     .has = parses},
    {.name = "free_parsed",
     .help = "that tree given back",
     .run = codec_time_free_parsed,
     .has = drops_parsed},
    {.name = "release",
     .help = "a message from the heap given back, piece by piece",
     .run = codec_time_release,
     .has = decodes},
    {.name = "read1",
     .help = "the first scalar field of the root",
     .run = run_read,
     .has = reads,
     .fields = 1},
    {.name = "read3",
     .help = "the first, the middle and the last of them",
     .run = run_read,
     .has = reads,
     .fields = 3},
    {.name = "readall",
     .help = "every value in there, without keeping a message",
     .run = run_read,
     .has = reads},
    {.name = "encode_hot",
     .help = "one document again and again",
     .run = run_encode,
     .has = encodes,
     .hot = true},
    {.name = "decode_hot", .help = "the same", .run = run_decode, .has = decodes, .hot = true},
    {.name = "encode_evicted",
     .help = "the caches of a core emptied before each, off the clock",
     .run = codec_time_encode_evicted,
     .has = encodes},
    {.name = "decode_evicted",
     .help = "the same",
     .run = codec_time_decode_evicted,
     .has = decodes},
    {.name = "encode_latency",
     .help = "a clock around each: p50_ns, p99_ns, clock_ns",
     .run = codec_time_encode,
     .has = encodes},
    {.name = "decode_latency", .help = "the same", .run = codec_time_decode, .has = decodes},
    {.name = "encode_threads",
     .help = "encode_cold on 1, 2, 4 ... threads at once",
     .run = run_encode_cold,
     .has = encodes,
     .threaded = true},
    {.name = "encode_walk",
     .help = "encode beside adapters by hand (CODEC_usual, _tight, _inlined): what the plan costs",
     .run = run_encode,
     .has = encodes,
     .by_hand = true},
    {.name = "decode_walk",
     .help = "the same for decode",
     .run = run_decode,
     .has = decodes,
     .by_hand = true},
    {0},
};
