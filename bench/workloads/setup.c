/* SPDX-License-Identifier: MIT */
/* What a program prepares for a workload: the documents of a payload, encoded. */
#include "workloads.h"

#include "arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int encode(const struct workload_setup *setup, const ProtobufCMessage *message,
                  uint8_t **body, size_t *len)
{
    size_t cap = codec_bound(setup->plan, message);
    *body = malloc(cap ? cap : 1);
    if (!*body)
        return -ENOMEM;
    return setup->codec->encode(setup->plan, message, *body, cap, len);
}

/*
 * A body must be a fixed point of decode and encode, or a right reply could not be told by its
 * bytes. A codec that loses bits (cJSON, of some doubles) gets there by being encoded once more.
 */
static int settle(struct workload_setup *setup, size_t document, struct arena *arena)
{
    uint8_t **body = &setup->bodies[document];
    size_t *len = &setup->body_lens[document];
    int err = encode(setup, setup->corpus.documents[document], body, len);
    for (int tries = 0; err == 0 && tries < 3; tries++) {
        arena_reset(arena);
        ProtobufCMessage *message;
        err = setup->codec->decode(setup->plan, *body, *len, &arena->allocator, &message);
        if (err != 0)
            return err;
        uint8_t *again = NULL;
        size_t again_len = 0;
        err = encode(setup, message, &again, &again_len);
        bool same = err == 0 && again_len == *len && memcmp(again, *body, *len) == 0;
        free(*body);
        *body = again;
        *len = again_len;
        if (same)
            return 0;
    }
    return err != 0 ? err : -EILSEQ;
}

static int make_bodies(struct workload_setup *setup, char *why, size_t why_cap)
{
    size_t count = setup->corpus.count;
    if (count == 0) {
        snprintf(why, why_cap, "payload %s: the corpus is empty", setup->payload->name);
        return -EINVAL;
    }
    setup->bodies = calloc(count, sizeof *setup->bodies);
    setup->body_lens = calloc(count, sizeof *setup->body_lens);
    setup->cpu_sums = calloc(count, sizeof *setup->cpu_sums);
    if (!setup->bodies || !setup->body_lens || !setup->cpu_sums) {
        snprintf(why, why_cap, "out of memory");
        return -ENOMEM;
    }
    struct arena arena = {0};
    arena_init(&arena, ARENA_DEFAULT_BUDGET);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = settle(setup, i, &arena);
        if (err != 0)
            snprintf(why, why_cap, "payload %s, document %zu: %s %s", setup->payload->name, i,
                     setup->codec->name,
                     err == -EILSEQ ? "gives other bytes each time" : strerror(-err));
    }
    arena_finish(&arena);
    return err;
}

int workload_setup_init(struct workload_setup *setup, const struct payload *payload,
                        const struct codec *codec, char *why, size_t why_cap)
{
    *setup = (struct workload_setup){
        .payload = payload,
        .codec = codec,
        .cpu_iterations = WORKLOAD_CPU_ITERATIONS,
        .hops = WORKLOAD_HOPS,
        .cells = WORKLOAD_CELLS,
    };
    if (!payload)
        return 0;
    if (!codec_is_whole(codec)) {
        snprintf(why, why_cap, "codec %s: cannot %s messages", codec->name,
                 codec->encode ? "decode" : "encode");
        return -ENOTSUP;
    }
    int err = plan_create(&setup->plan, payload, why, why_cap);
    if (err == 0)
        err = corpus_load(&setup->corpus, payload, NULL, why, why_cap);
    if (err == 0)
        err = make_bodies(setup, why, why_cap);
    if (err != 0)
        workload_setup_finish(setup);
    return err;
}

void workload_setup_finish(struct workload_setup *setup)
{
    for (size_t i = 0; setup->bodies && i < setup->corpus.count; i++)
        free(setup->bodies[i]);
    free(setup->bodies);
    free(setup->body_lens);
    free(setup->cpu_sums);
    corpus_finish(&setup->corpus);
    plan_destroy(setup->plan);
    *setup = (struct workload_setup){0};
}
