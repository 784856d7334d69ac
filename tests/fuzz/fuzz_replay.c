/* SPDX-License-Identifier: MIT */
/*
 * The fuzzers' harness without a fuzzer: every seed of every codec, and mutations of them that are
 * the same in every run. Also gives libFuzzer its seeds.
 *
 * usage: fuzz_replay [CODEC FILE ...]     run, or run these inputs
 *        fuzz_replay --seeds CODEC FOLDER write seeds and FOLDER.dict
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MUTATIONS = 24, CROSSED = 4096, BOMB_MAX = 200000 };

struct replay {
    const struct codec *codec;
    uint64_t random;
    uint8_t other[CROSSED]; /* of an earlier seed, to splice in */
    size_t other_len;
    unsigned long inputs;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* A few changes in place; what is cut off or put in moves the rest. Room for 16 bytes more. */
static size_t mutate(struct replay *replay, uint8_t *input, size_t len)
{
    static const uint8_t odd[] = {0x00, 0x7f, 0x80, 0xff, '"',  '{',  '[',  '\\', ',',
                                  '-',  'e',  0xc0, 0xc1, 0xcb, 0xdc, 0xdd, 0xdf, 0x01};
    for (size_t changes = 1 + next_random(&replay->random) % 3; changes > 0 && len > 1; changes--) {
        const uint64_t dice = next_random(&replay->random);
        const size_t at = 1 + dice % (len - 1);
        switch (dice >> 32 & 7) {
        case 0:
        case 1:
            input[at] ^= (uint8_t)(1u << (dice >> 40 & 7));
            break;
        case 2:
        case 3:
            input[at] = odd[(dice >> 40) % sizeof odd];
            break;
        case 4:
            len = at;
            break;
        case 5: /* out with some */
        {
            const size_t gone = 1 + (dice >> 40) % (len - at);
            memmove(input + at, input + at + gone, len - at - gone);
            len -= gone;
            break;
        }
        case 6: /* one more, once for all changes: there is room for 3 */
            memmove(input + at + 1, input + at, len - at);
            input[at] = odd[(dice >> 40) % sizeof odd];
            len++;
            break;
        default: /* what another document has there */
            for (size_t i = at; i < len && i < replay->other_len && i < at + 40; i++)
                input[i] = replay->other[i];
        }
    }
    return len;
}

static void run_seed(void *data, const uint8_t *seed, size_t len)
{
    struct replay *replay = data;
    uint8_t *input = malloc(len + 16);
    if (!input)
        abort();
    fuzz_input(replay->codec, seed, len);
    replay->inputs++;
    /* Large ones take longer, and have no more to teach. */
    const size_t mutations = len > 2000 ? 2 : MUTATIONS;
    for (size_t i = 0; i < mutations; i++, replay->inputs++) {
        memcpy(input, seed, len);
        fuzz_input(replay->codec, input, mutate(replay, input, len));
    }
    replay->other_len = len < CROSSED ? len : CROSSED;
    memcpy(replay->other, seed, replay->other_len);
    free(input);
}

/* As it is, and cut off: what changes in it would take long, and teach little. So would the
 * largest, which test_heap.c has. */
static void run_bomb(void *data, const uint8_t *bomb, size_t len)
{
    struct replay *replay = data;
    if (len > BOMB_MAX)
        return;
    fuzz_input(replay->codec, bomb, len);
    fuzz_input(replay->codec, bomb, len - len / 4);
    replay->inputs += 2;
}

static int run_all(void)
{
    for (size_t i = 0; codecs[i]; i++) {
        struct replay replay = {.codec = codecs[i], .random = UINT64_C(88172645463325252)};
        fuzz_seeds(codecs[i], run_seed, &replay);
        fuzz_bombs(codecs[i], run_bomb, &replay);
        for (unsigned type = 0; type < 256; type++) /* nothing at all, of every type */
            fuzz_input(codecs[i], &(uint8_t){(uint8_t)type}, 1);
        printf("%s: %lu inputs\n", codecs[i]->name, replay.inputs);
        if (replay.inputs == 0 && codec_source(codecs[i]) != NULL)
            return 1;
    }
    return 0;
}

static int run_file(const struct codec *codec, const char *path)
{
    static uint8_t input[1 << 20];
    FILE *file = fopen(path, "rbe");
    if (!file) {
        fprintf(stderr, "fuzz_replay: %s: %s\n", path, strerror(errno));
        return 1;
    }
    const size_t len = fread(input, 1, sizeof input, file);
    fclose(file);
    fuzz_input(codec, input, len);
    return 0;
}

struct folder {
    const char *path;
    unsigned long written;
    int error;
};

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        fprintf(stderr, "fuzz_replay: %s: %s\n", path, strerror(errno));
    return file;
}

static void write_seed(void *data, const uint8_t *seed, size_t len)
{
    struct folder *folder = data;
    char path[4096];
    snprintf(path, sizeof path, "%s/%05lu", folder->path, folder->written);
    FILE *file = create(path);
    if (!file || fwrite(seed, 1, len, file) < len)
        folder->error = 1;
    else
        folder->written++;
    if (file && fclose(file) != 0)
        folder->error = 1;
}

static int write_seeds(const struct codec *codec, const char *path)
{
    struct folder folder = {.path = path};
    char dictionary[4096];
    fuzz_seeds(codec, write_seed, &folder);
    fuzz_bombs(codec, write_seed, &folder);
    snprintf(dictionary, sizeof dictionary, "%s.dict", path);
    FILE *out = create(dictionary);
    if (!out)
        return 1;
    fuzz_dictionary(codec, out);
    return fclose(out) == 0 ? folder.error : 1;
}

int main(int argc, char **argv)
{
    const bool seeds = argc == 4 && strcmp(argv[1], "--seeds") == 0;
    const char *name = argc > 1 ? argv[seeds ? 2 : 1] : NULL;
    const struct codec *codec = name ? codec_find(name) : NULL;
    if (name && !codec) {
        fprintf(stderr, "fuzz_replay: %s: no such codec\n", name);
        return 2;
    }
    if (!fuzz_set_up())
        return 1;
    int status = 0;
    if (seeds) {
        status = write_seeds(codec, argv[3]);
    } else if (codec) {
        for (int i = 2; i < argc; i++)
            status |= run_file(codec, argv[i]);
    } else {
        status = run_all();
    }
    fuzz_tear_down();
    return status;
}
