/* SPDX-License-Identifier: MIT */
#include "codec_cases.h"

#include "by_hand.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

/* Everything that is registered; lives as long as the process. */
static struct {
    struct codec_corpus *corpora;
    struct codec_wire *wires;
    struct codec_wire *by_hand; /* in the order of by_hand[] */
    struct codec_case *cases;
    size_t cases_len, cases_cap;
} all;

/* ---- making a case ready ----------------------------------------------------------------------
 */

static bool is_scalar(const struct plan_field *field)
{
    return field->kind != PLAN_MESSAGE && !field->repeated && !field->oneof;
}

/* The first scalar field of the root; or the first, the middle and the last. */
static void choose_fields(struct codec_job *job, size_t wanted)
{
    const struct plan_message *root = job->plan->root;
    size_t scalars = 0, seen = 0;
    for (uint32_t i = 0; i < root->count; i++)
        scalars += is_scalar(&root->fields[i]);
    for (uint32_t i = 0; i < root->count; i++) {
        if (!is_scalar(&root->fields[i]))
            continue;
        const bool chosen =
            wanted == 1 ? seen == 0 : seen == 0 || seen == scalars / 2 || seen == scalars - 1;
        if (chosen && job->field_count < wanted)
            job->fields[job->field_count++] = &root->fields[i];
        seen++;
    }
}

static const char *prepare(struct codec_case *c)
{
    struct codec_wire *wire = c->wire;
    struct codec_job *job = &c->job;
    if (!codec_wire_check(wire))
        return wire->why;
    *job = (struct codec_job){
        .codec = wire->codec,
        .plan = wire->corpus->plan,
        .documents = wire->corpus->corpus.documents,
        .own = wire->own,
        .bytes = wire->bytes,
        .lens = wire->lens,
        .count = c->operation->hot ? 1 : wire->corpus->corpus.count,
        .cap = wire->cap,
        .dst = malloc(wire->cap ? wire->cap : 1),
        .arena = &c->arena,
    };
    arena_init(&c->arena, ARENA_DEFAULT_BUDGET);
    if (wire->own)
        job->place = wire->codec->own->open(job->plan);
    if (!job->dst || (wire->own && !job->place))
        return "out of memory";
    if (c->operation->fields)
        choose_fields(job, c->operation->fields);
    return NULL;
}

const struct codec_job *codec_case_ready(struct gbench_state *state, struct codec_case *c)
{
    /* Protects all that is made once, of every case: the threads of one begin together. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!c->tried)
        c->why = prepare(c);
    c->tried = true;
    pthread_mutex_unlock(&lock);
    if (c->why)
        gbench_fail(state, c->why);
    return c->why ? NULL : &c->job;
}

size_t codec_case_first(const struct gbench_state *state, const struct codec_case *c)
{
    /* Threads begin at different documents. */
    const size_t thread = (size_t)gbench_thread(state), threads = (size_t)c->threads;
    return threads > 1 ? thread * c->job.count / threads : c->next;
}

void codec_case_finish(struct gbench_state *state, struct codec_case *c, size_t next, int err)
{
    if (err != 0)
        gbench_fail(state, "the codec failed on a document that it had mastered before");
    if (gbench_thread(state) > 0)
        return;
    c->next = next;
    const double bytes =
        c->operation->hot ? (double)c->job.lens[0] : codec_wire_mean_bytes(c->wire);
    gbench_counter(state, "wire_bytes", bytes, GBENCH_TOTAL);
    gbench_counter(state, "documents", (double)c->job.count, GBENCH_TOTAL);
}

/* A block is so many rounds over the whole corpus: documents differ in size, and members that
 * differ in speed would otherwise be compared on different ones. */
static int64_t documents_of(void *arg)
{
    struct codec_case *c = arg;
    if (c->operation->hot || !codec_corpus_load(c->wire->corpus))
        return 1;
    return (int64_t)c->wire->corpus->corpus.count;
}

/* Codecs that are in no table; their wires come behind those of codecs[]. */
static const struct codec *const beside[] = {&cjson_copy_codec, &cjson_unformatted_codec};
enum { BESIDE = sizeof beside / sizeof *beside };

/* ---- the table of them ------------------------------------------------------------------------
 */

static int add(const char *family, const char *member, gbench_function *run,
               const struct codec_case *like, int slow_percent)
{
    if (all.cases_len == all.cases_cap)
        return -ENOBUFS;
    struct codec_case *c = &all.cases[all.cases_len++];
    *c = *like;
    char name[256];
    snprintf(name, sizeof name, "%s/%s", family, member);
    const struct gbench_options options = {
        .threads = c->threads,
        .multiple_of = documents_of,
        .slow_percent = slow_percent,
    };
    gbench_register(name, run, c, &options);
    return 0;
}

/* Is the codec in this family? */
static bool belongs(const struct codec_operation *operation, const char *payload,
                    const struct codec *codec)
{
    const struct by_hand *row = by_hand;
    if (!operation->has(codec) || !operation->by_hand)
        return operation->has(codec);
    while (row->codec &&
           (strcmp(row->payload, payload) != 0 || strcmp(row->codec, codec->name) != 0))
        row++;
    return row->codec;
}

static int add_by_hand(const char *family, const char *payload,
                       const struct codec_operation *operation)
{
    int err = 0;
    for (size_t i = 0; by_hand[i].codec && err == 0; i++) {
        char member[96];
        const struct codec_case like = {operation, &all.by_hand[i], .threads = 1};
        if (strcmp(by_hand[i].payload, payload) != 0)
            continue;
        if (!operation->has(by_hand[i].adapter))
            continue;
        snprintf(member, sizeof member, "%s_%s", by_hand[i].codec, by_hand[i].style);
        err = add(family, member, operation->run, &like, 0);
    }
    return err;
}

/* wires: one per codec in the order of codecs[], then the BESIDE. */
static int add_family(const char *payload, const struct codec_operation *operation,
                      struct codec_wire *wires, int threads, const struct inject *inject)
{
    char family[160], member[96];
    int err = 0;
    size_t i;
    snprintf(family, sizeof family, operation->threaded ? "codec/%s/%s%d" : "codec/%s/%s", payload,
             operation->name, threads);
    for (i = 0; codecs[i] && err == 0; i++) {
        const struct codec_case like = {operation, &wires[i], .threads = threads};
        if (!belongs(operation, payload, codecs[i]))
            continue;
        err = add(family, codecs[i]->name, operation->run, &like, 0);
        if (strcmp(codecs[i]->name, CODEC_BASELINE) != 0 || err != 0)
            continue;
        err = add(family, CODEC_BASELINE ".same", operation->run, &like, 0);
        for (size_t s = 0; err == 0 && operation->injects && s < inject->count; s++) {
            snprintf(member, sizeof member, "slow." CODEC_BASELINE ".%d", inject->percents[s]);
            err = add(family, member, operation->run, &like, inject->percents[s]);
        }
    }
    const struct codec_case copy = {operation, &wires[i], .threads = threads};
    if (err == 0 && operation->has(&cjson_copy_codec))
        err = add(family, CODEC_BASELINE ".copy", operation->run, &copy, 0);
    const struct codec_case unformatted = {operation, &wires[i + 1], .threads = threads};
    if (err == 0 && operation->unformatted)
        err = add(family, cjson_unformatted_codec.name, operation->run, &unformatted, 0);
    if (err == 0 && operation->by_hand)
        err = add_by_hand(family, payload, operation);
    for (i = 0; codecs[i] && err == 0 && operation->moves; i++) {
        const struct codec_case like = {operation, &wires[i], .threads = threads};
        if (!operation->has(codecs[i]))
            continue;
        snprintf(member, sizeof member, "memcpy.%s", codecs[i]->name);
        err = add(family, member, codec_run_move, &like, 0);
    }
    return err;
}

/* Has the root as many scalar fields as are to be read? */
static bool has_fields(const struct payload *payload, size_t wanted)
{
    size_t scalars = 0;
    for (unsigned i = 0; i < payload->type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &payload->type->fields[i];
        scalars += field->label != PROTOBUF_C_LABEL_REPEATED &&
                   field->type != PROTOBUF_C_TYPE_MESSAGE &&
                   !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
    }
    return scalars >= wanted;
}

static bool has_by_hand(const struct payload *payload)
{
    for (const struct by_hand *row = by_hand; row->codec; row++)
        if (strcmp(row->payload, payload->name) == 0)
            return true;
    return false;
}

static int add_payload(const struct payload *payload, struct codec_wire *wires, int cpus,
                       const struct inject *inject)
{
    int err = 0;
    for (const struct codec_operation *op = codec_operations; op->name && err == 0; op++) {
        if (!has_fields(payload, op->fields) || (op->by_hand && !has_by_hand(payload)))
            continue;
        const int most = op->threaded ? cpus : 1;
        for (int threads = 1; err == 0; threads = threads * 2 < most ? threads * 2 : most) {
            err = add_family(payload->name, op, wires, threads, inject);
            if (threads == most)
                break;
        }
    }
    return err;
}

/* The CPUs that this process may use. */
static int cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static size_t families_of_a_payload(int cpus)
{
    size_t count = 0;
    for (const struct codec_operation *op = codec_operations; op->name; op++)
        count += op->threaded ? 2 + (size_t)(31 - __builtin_clz((unsigned)cpus)) : 1;
    return count;
}

int codec_cases_register(const struct inject *inject)
{
    size_t payload_count = 0, codec_count = 0, by_hand_count = 0;
    while (by_hand[by_hand_count].codec)
        by_hand_count++;
    while (payloads[payload_count].name)
        payload_count++;
    while (codecs[codec_count])
        codec_count++;
    const int cpus = cpu_count();
    /* A member and its memcpy per codec; the baseline's .same and slow ones; those beside. */
    all.cases_cap = payload_count * families_of_a_payload(cpus) *
                    (2 * codec_count + 1 + BESIDE + inject->count + by_hand_count);
    all.by_hand = calloc(by_hand_count + 1, sizeof *all.by_hand);
    all.corpora = calloc(payload_count, sizeof *all.corpora);
    all.wires = calloc(payload_count * (codec_count + BESIDE), sizeof *all.wires);
    all.cases = calloc(all.cases_cap, sizeof *all.cases);
    if (!all.corpora || !all.wires || !all.by_hand || !all.cases)
        return -ENOMEM;
    int err = 0;
    for (size_t p = 0; p < payload_count && err == 0; p++) {
        struct codec_wire *wires = &all.wires[p * (codec_count + BESIDE)];
        all.corpora[p].payload = &payloads[p];
        for (size_t i = 0; i < codec_count + BESIDE; i++)
            wires[i] = (struct codec_wire){
                .corpus = &all.corpora[p],
                .codec = i < codec_count ? codecs[i] : beside[i - codec_count],
            };
        for (size_t i = 0; by_hand[i].codec; i++)
            if (strcmp(by_hand[i].payload, payloads[p].name) == 0)
                all.by_hand[i] = (struct codec_wire){
                    .corpus = &all.corpora[p],
                    .codec = by_hand[i].adapter,
                };
        err = add_payload(&payloads[p], wires, cpus, inject);
    }
    return err;
}
