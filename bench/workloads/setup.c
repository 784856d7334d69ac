/* SPDX-License-Identifier: MIT */
/* What a program prepares for a workload: the documents of a payload, encoded. */
#include "service.h"

#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct workload_tally {
    /* Relaxed: one cell adds, in its turns; nothing else hangs on it. */
    _Atomic uint64_t carried_out;
    /* Relaxed: set before the requests are handed over that will reach it. */
    _Atomic uint64_t goal;
    sem_t reached; /* posted once for every goal */
};

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

static int allocate_bodies(struct workload_setup *setup, size_t count)
{
    setup->documents = count;
    setup->bodies = calloc(count, sizeof *setup->bodies);
    setup->body_lens = calloc(count, sizeof *setup->body_lens);
    setup->cpu_sums = calloc(count, sizeof *setup->cpu_sums);
    return setup->bodies && setup->body_lens && setup->cpu_sums ? 0 : -ENOMEM;
}

static void free_bodies(struct workload_setup *setup)
{
    for (size_t i = 0; setup->bodies && i < setup->documents; i++)
        free(setup->bodies[i]);
    free(setup->bodies);
    free(setup->body_lens);
    free(setup->cpu_sums);
}

static int make_bodies(struct workload_setup *setup, char *why, size_t why_cap)
{
    size_t count = setup->corpus.count;
    if (count == 0) {
        snprintf(why, why_cap, "payload %s: the corpus is empty", setup->payload->name);
        return -EINVAL;
    }
    if (allocate_bodies(setup, count) != 0) {
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
        .fan = WORKLOAD_FAN,
        .messages = WORKLOAD_MESSAGES,
        .hot_percent = WORKLOAD_HOT_PERCENT,
        .put_percent = WORKLOAD_PUT_PERCENT,
        .heavy_percent = WORKLOAD_HEAVY_PERCENT,
        .hit_percent = WORKLOAD_HIT_PERCENT,
        .journal_fd = -1,
        .tally = calloc(1, sizeof(struct workload_tally)),
    };
    if (!setup->tally || sem_init(&setup->tally->reached, 0, 0) != 0) {
        snprintf(why, why_cap, "out of memory");
        return -ENOMEM;
    }
    if (!payload)
        return 0;
    if (!codec_is_whole(codec)) {
        snprintf(why, why_cap, "codec %s: cannot %s messages", codec->name,
                 codec->encode ? "decode" : "encode");
        workload_setup_finish(setup);
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
    free_bodies(setup);
    corpus_finish(&setup->corpus);
    plan_destroy(setup->plan);
    if (setup->journal_path) {
        close(setup->journal_fd);
        unlink(setup->journal_path);
        free(setup->journal_path);
    }
    if (setup->tally)
        sem_destroy(&setup->tally->reached);
    free(setup->tally);
    *setup = (struct workload_setup){.journal_fd = -1};
}

int workload_setup_mark(struct workload_setup *setup, const struct workload *workload)
{
    const struct service *service = service_of(workload);
    struct workload_setup plain = *setup;
    if (!service->mark)
        return 0;
    int err = allocate_bodies(setup, WORKLOAD_DOCUMENTS);
    for (size_t i = 0; err == 0 && i < setup->documents; i++) {
        const size_t from = i % plain.documents;
        char mark[SERVICE_MARK_MAX];
        const size_t mark_len = service->mark(setup, i, mark);
        setup->body_lens[i] = mark_len + plain.body_lens[from];
        setup->bodies[i] = malloc(setup->body_lens[i] + 1);
        if (setup->bodies[i]) {
            memcpy(setup->bodies[i], mark, mark_len);
            memcpy(setup->bodies[i] + mark_len, plain.bodies[from], plain.body_lens[from]);
        } else {
            err = -ENOMEM;
        }
    }
    free_bodies(&plain);
    return err;
}

void workload_setup_answers(const struct workload_setup *setup, const struct workload *workload)
{
    if (!(workload_needs(workload) & WORKLOAD_NEEDS_CPU_ITERATIONS))
        return;
    for (size_t i = 0; i < setup->documents; i++)
        workload_reply_ok(workload, setup, i, 200, setup->bodies[i], setup->body_lens[i]);
}

int workload_setup_journal(struct workload_setup *setup, const char *folder)
{
    const size_t cap = strlen(folder) + 64;
    char *path = malloc(cap);
    if (!path)
        return -ENOMEM;
    snprintf(path, cap, "%s/assay-journal.XXXXXX", folder);
    const int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    if (fd < 0) {
        const int err = -errno;
        free(path);
        return err;
    }
    setup->journal_fd = fd;
    setup->journal_path = path;
    return 0;
}

void service_carried_out(const struct workload_setup *setup)
{
    struct workload_tally *tally = setup->tally;
    const uint64_t now = atomic_load_explicit(&tally->carried_out, memory_order_relaxed) + 1;
    atomic_store_explicit(&tally->carried_out, now, memory_order_relaxed);
    if (now == atomic_load_explicit(&tally->goal, memory_order_relaxed))
        sem_post(&tally->reached);
}

void workload_sent_expect(const struct workload_setup *setup, uint64_t messages)
{
    struct workload_tally *tally = setup->tally;
    while (sem_trywait(&tally->reached) == 0)
        ; /* of a goal that nobody waited for */
    const uint64_t before = atomic_load_explicit(&tally->carried_out, memory_order_relaxed);
    atomic_store_explicit(&tally->goal, before + messages, memory_order_relaxed);
}

int workload_sent_await(const struct workload_setup *setup, unsigned seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    int err;
    do
        err = sem_timedwait(&setup->tally->reached, &until) == 0 ? 0 : -errno;
    while (err == -EINTR);
    return err;
}
