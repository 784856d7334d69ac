/* SPDX-License-Identifier: MIT */
/*
 * The workloads, and what a program has to prepare for them. Only here do payloads and models meet.
 *
 * To add one: copy echo.c (the floor), and put its name into bench/workloads/meson.build.
 */
#ifndef ASSAY_WORKLOADS_H
#define ASSAY_WORKLOADS_H

#include "codec.h"
#include "payload.h"
#include "workload.h"

#include <stdatomic.h>

/* model_config.setup: read-only once made, shared by all threads. */
struct workload_setup {
    const struct payload *payload;
    const struct codec *codec;
    struct plan *plan;
    struct corpus corpus;
    /* Request bodies, and what some replies must equal: the encoded documents of the corpus; or,
     * after workload_setup_mark(), WORKLOAD_DOCUMENTS of them. */
    size_t documents;
    uint8_t **bodies;
    size_t *body_lens;
    /* Set to defaults by init; change them before the first request and before the first check. */
    uint64_t cpu_iterations; /* `cpu`, `blend`, `mixed`: rounds of work of a (heavy) request */
    uint32_t hops;           /* `ring`: cells that a request passes */
    uint32_t cells;          /* of workloads with state; model_config.cells must be the same */
    uint32_t fan;            /* `fanout`: calls in parallel */
    uint32_t messages;      /* `count`, `pingpong`, `spawn`: messages, questions, cells a request */
    uint32_t hot_percent;   /* `store`: of requests that ask for one key … */
    uint32_t put_percent;   /* … and that store a value */
    uint32_t heavy_percent; /* `mixed`: of requests that take CPU time … */
    bool offload;           /* … which is offloaded */
    uint32_t hit_percent;   /* `cache`: of requests that are answered at once */
    int journal_fd;         /* `journal`: workload_setup_journal(), else -1 */
    char *journal_path;
    struct workload_tally *tally; /* of one-way messages; see workload_sent_expect() */
    /* Right answers of `cpu`, computed at the first check of a document; 0: not yet. Relaxed: every
     * thread that computes one stores the same value, and nothing else hangs on it. */
    _Atomic uint64_t *cpu_sums;
};

#define WORKLOAD_CPU_ITERATIONS 10000
#define WORKLOAD_HOPS 16
#define WORKLOAD_CELLS 64
#define WORKLOAD_FAN 4
#define WORKLOAD_MESSAGES 100
#define WORKLOAD_HOT_PERCENT 20
#define WORKLOAD_PUT_PERCENT 10
#define WORKLOAD_HEAVY_PERCENT 10
#define WORKLOAD_HIT_PERCENT 50
#define WORKLOAD_DOCUMENTS 200 /* after workload_setup_mark(): percents come out whole */

/*
 * 0 or a negative errno with a sentence in why. payload and codec may both be NULL where no bodies
 * are needed (a server of `echo`, `cpu` or `ring`). finish takes a zeroed setup too, and removes
 * the journal.
 */
int workload_setup_init(struct workload_setup *setup, const struct payload *payload,
                        const struct codec *codec, char *why, size_t why_cap);
void workload_setup_finish(struct workload_setup *setup);

/*
 * By who makes the requests, once the options are set: bodies that say what each of them asks for,
 * where the workload has several kinds (`store`, `mixed`, `cache`). Nothing for the others. 0 or
 * -ENOMEM.
 */
int workload_setup_mark(struct workload_setup *setup, const struct workload *workload);

/* By who checks replies while a clock runs, behind mark: works out what the right ones are. Else
 * the first check of a document of `cpu`, `blend` or `mixed` takes as long as the server did. */
void workload_setup_answers(const struct workload_setup *setup, const struct workload *workload);

/* By who runs `journal`: opens a new file in that folder. 0 or a negative errno. */
int workload_setup_journal(struct workload_setup *setup, const char *folder);

/*
 * One-way messages (WORKLOAD_SENDS) may be carried out after the request that sent them is
 * answered. expect: before the requests that will send so many; await: when they are answered:
 * until all are carried out. 0 or -ETIMEDOUT.
 */
void workload_sent_expect(const struct workload_setup *setup, uint64_t messages);
int workload_sent_await(const struct workload_setup *setup, unsigned seconds);

/* Is this the right reply to body number `document`? Used by load, model_bench and the tests. */
bool workload_reply_ok(const struct workload *workload, const struct workload_setup *setup,
                       size_t document, int status, const uint8_t *reply, size_t reply_len);

/* Iterations of `cpu` that take about `us` microseconds here: measured once per run. */
uint64_t workload_calibrate_cpu(double us);

extern const struct workload *const workloads[]; /* NULL-terminated; bench/workloads/meson.build */
const struct workload *workload_find(const char *name);

/* What a program has to offer an option for, and to prepare. */
enum workload_need {
    WORKLOAD_NEEDS_PAYLOAD = 1, /* the server decodes and encodes: payload and codec */
    WORKLOAD_NEEDS_DOWNSTREAM = 2,
    WORKLOAD_NEEDS_CPU_ITERATIONS = 4,
    WORKLOAD_NEEDS_RING = 8,        /* hops, cells; also to check replies */
    WORKLOAD_NEEDS_CELLS = 16,      /* cells, of the server only */
    WORKLOAD_NEEDS_FAN = 32,        /* … of the server only */
    WORKLOAD_NEEDS_MESSAGES = 64,   /* also to check replies */
    WORKLOAD_NEEDS_STORE_MIX = 128, /* hot and put percent, of the client only */
    WORKLOAD_NEEDS_HEAVY = 256,     /* heavy percent, of the client; offload, of the server */
    WORKLOAD_NEEDS_JOURNAL = 512,   /* a folder, of the server only */
    /* What it does that not everything is prepared for. */
    WORKLOAD_OFFLOADS = 1024,
    WORKLOAD_SENDS = 2048,           /* one-way messages, setup.messages for each request */
    WORKLOAD_IN_PROCESS_ONLY = 4096, /* not for a server */
    WORKLOAD_NEEDS_HITS = 8192,      /* hit percent, of the client only */
};
unsigned workload_needs(const struct workload *workload);

#endif
