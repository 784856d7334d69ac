/* SPDX-License-Identifier: MIT */
/*
 * The phases of encode and decode, each with a clock of its own: what a phase needs is made before
 * the clock runs, and what it leaves is given back after. Small documents take their turn in
 * groups, so that reading the clock, whose cost is taken off, does not drown them; a group is small
 * enough to be in the first cache still, as the one document would be, and holds the same documents
 * whatever the codec: giving back two documents is not half the work of giving back four.
 */
#include "clock.h"
#include "codec_cases.h"

#include <math.h>

enum { GROUP_MAX = 32, GROUP_BYTES = 1024 }; /* bytes as Protocol Buffers, which any message has */

/* What one document holds between two phases. */
struct held {
    union codec_hold hold;
    ProtobufCMessage *message;
    void *own;
};

typedef int phase_step(const struct codec_job *job, size_t i, struct held *held);

static inline int nothing(const struct codec_job *job, size_t i, struct held *held)
{
    (void)job;
    (void)i;
    (void)held;
    return 0;
}

static inline int build(const struct codec_job *job, size_t i, struct held *held)
{
    return job->codec->tree->build(job->plan, job->documents[i], &held->hold);
}

static inline int print(const struct codec_job *job, size_t i, struct held *held)
{
    size_t len;
    (void)i;
    return job->codec->tree->print(&held->hold, job->dst, job->cap, &len);
}

static inline int drop_built(const struct codec_job *job, size_t i, struct held *held)
{
    (void)i;
    job->codec->tree->drop_built(&held->hold);
    return 0;
}

static inline int parse(const struct codec_job *job, size_t i, struct held *held)
{
    return job->codec->tree->parse(job->bytes[i], job->lens[i], &held->hold);
}

static inline int convert(const struct codec_job *job, size_t i, struct held *held)
{
    ProtobufCMessage *message;
    (void)i;
    arena_reset(job->arena);
    return job->codec->tree->convert(job->plan, &held->hold, &job->arena->allocator, &message);
}

static inline int drop_parsed(const struct codec_job *job, size_t i, struct held *held)
{
    (void)i;
    if (job->codec->tree->drop_parsed)
        job->codec->tree->drop_parsed(&held->hold);
    return 0;
}

static inline int decode_on_heap(const struct codec_job *job, size_t i, struct held *held)
{
    if (job->own)
        return job->codec->own->adopt(job->plan, job->documents[i], &held->own);
    return job->codec->decode(job->plan, job->bytes[i], job->lens[i], &heap_allocator,
                              &held->message);
}

static inline int release(const struct codec_job *job, size_t i, struct held *held)
{
    (void)i;
    if (job->own)
        job->codec->own->drop(held->own);
    else
        message_free(held->message, &heap_allocator);
    return 0;
}

/* How many documents go through a phase together: a divisor of the corpus, for a block is so many
 * rounds over all of it. */
static size_t group_of(const struct codec_job *job, phase_step *step)
{
    size_t bytes = 0, group = 1;
    if (step != release && job->codec->tree && job->codec->tree->single)
        return 1;
    for (size_t i = 0; i < job->count; i++)
        bytes += protobuf_c_message_get_packed_size(job->documents[i]);
    for (size_t n = 2; n <= job->count && n <= GROUP_MAX; n++)
        if (job->count % n == 0 && n * bytes <= GROUP_BYTES * job->count)
            group = n;
    return group;
}

/* One group: documents first, first + 1, ... Returns what the clock read. */
static inline __attribute__((always_inline)) int64_t
run_group(const struct codec_job *job, size_t first, size_t group, struct held *held,
          phase_step *before, phase_step *step, phase_step *after, int *err)
{
    for (size_t k = 0; k < group; k++) {
        *err |= before(job, first + k, &held[k]);
        if (*err != 0) {
            while (k-- > 0)
                after(job, first + k, &held[k]);
            return 0;
        }
    }
    const int64_t began = (int64_t)clock_ns();
    for (size_t k = 0; k < group; k++) {
        *err |= step(job, first + k, &held[k]);
        GBENCH_CLOBBER();
    }
    const int64_t took = (int64_t)clock_ns() - began;
    for (size_t k = 0; k < group && *err == 0; k++)
        after(job, first + k, &held[k]);
    return took;
}

/* The phase's own time: that of its groups, without the clock's, for as many documents as there
 * were iterations. At least what the clock can tell, a nanosecond a group: nothing takes no time.
 */
static void finish(struct gbench_state *state, double ns, size_t groups, size_t group,
                   int64_t iterations, int64_t loop_ns)
{
    const double clock = codec_clock_cost_ns();
    const double least = (double)groups;
    const double phase = fmax(ns - clock * (double)groups, least);
    const double done = (double)(groups * group);
    if (iterations > 0 && groups > 0)
        gbench_own_time(state, phase * (double)iterations / done);
    gbench_counter(state, "clock_ns", clock, GBENCH_LAST);
    gbench_counter(state, "together", (double)group, GBENCH_LAST);
    if (iterations > 0) /* of an iteration, with what is off the clock: for whoever plans blocks */
        gbench_counter(state, "loop_ns", (double)loop_ns / (double)iterations, GBENCH_TOTAL);
}

#define PHASE(name, before, step, after)                                                           \
    void name(struct gbench_state *state, void *arg)                                               \
    {                                                                                              \
        struct held held[GROUP_MAX];                                                               \
        struct codec_case *c = arg;                                                                \
        const struct codec_job *ready = codec_case_ready(state, c);                                \
        if (!ready)                                                                                \
            return;                                                                                \
        const struct codec_job job = *ready;                                                       \
        const size_t group = group_of(&job, step);                                                 \
        size_t next = codec_case_first(state, c), groups = 0, left = 0;                            \
        int64_t ns = 0, iterations = 0;                                                            \
        int err = 0;                                                                               \
        const int64_t began = (int64_t)clock_ns();                                                 \
        GBENCH_LOOP(state)                                                                         \
        {                                                                                          \
            iterations++;                                                                          \
            if (left-- > 0 || err != 0)                                                            \
                continue;                                                                          \
            ns += run_group(&job, next, group, held, before, step, after, &err);                   \
            groups++;                                                                              \
            left = group - 1;                                                                      \
            next = next + group < job.count ? next + group : 0;                                    \
        }                                                                                          \
        const int64_t loop_ns = (int64_t)clock_ns() - began;                                       \
        codec_case_finish(state, c, next, err);                                                    \
        finish(state, (double)ns, groups, group, iterations, loop_ns);                             \
    }

PHASE(codec_time_build, nothing, build, drop_built)
PHASE(codec_time_print, build, print, drop_built)
PHASE(codec_time_free_built, build, drop_built, nothing)
PHASE(codec_time_parse, nothing, parse, drop_parsed)
PHASE(codec_time_convert, parse, convert, drop_parsed)
PHASE(codec_time_free_parsed, parse, drop_parsed, nothing)
PHASE(codec_time_release, decode_on_heap, release, nothing)
