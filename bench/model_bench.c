/* SPDX-License-Identifier: MIT */
/* Models without sockets: model/WORKLOAD/MEMBER, through post() in a closed loop. */
#include "closed_loop.h"
#include "gbench.h"
#include "inject.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASELINE "thread_pool"
extern const struct model thread_pool_copy_model; /* its source, compiled a second time */

/* The options, as typed; NULL: not given. */
static struct {
    const char *payload, *codec, *threads, *cpu, *cpu_iterations, *hops, *inject;
    const char *messages, *hot, *put, *heavy, *journal, *offload_threads, *spin_us, *batch;
} text;

static struct closed_loop_world world;

/* What is registered; lives as long as the process. */
static struct closed_loop *cases;
static size_t cases_len;

/* Of all turns, those of the thread that ran most: 1 if one did everything. */
static double busiest_share(const struct closed_loop_cost *cost)
{
    double most = 0;
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        most = cost->turns_of[i] > most ? cost->turns_of[i] : most;
    return cost->turns > 0 ? most / cost->turns : 0;
}

static void block(struct gbench_state *state, void *arg)
{
    struct closed_loop *loop = arg;
    if (!closed_loop_ready(loop)) {
        gbench_fail(state, loop->why);
        return;
    }
    struct closed_loop_cost cost;
    closed_loop_cost_begin(loop, &cost);
    const int64_t n = gbench_begin(state);
    if (n == 0)
        return;
    closed_loop_run(loop, n);
    gbench_end(state);
    closed_loop_cost_end(loop, &cost);
    if (!closed_loop_good(loop)) {
        gbench_fail(state, loop->why);
        return;
    }
    gbench_counter(state, "turns_per_request", cost.turns, GBENCH_PER_ITERATION);
    gbench_counter(state, "busiest_thread_share", busiest_share(&cost), GBENCH_TOTAL);
    gbench_counter(state, "messages_per_request", cost.messages, GBENCH_PER_ITERATION);
    gbench_counter(state, "wakeups_per_request", cost.wakeups, GBENCH_PER_ITERATION);
    gbench_counter(state, "syscalls_per_request", cost.syscalls, GBENCH_PER_ITERATION);
    gbench_counter(state, "context_switches_per_request", cost.switches, GBENCH_PER_ITERATION);
    gbench_counter(state, "cpu_ns_per_request", cost.cpu_ns, GBENCH_PER_ITERATION);
    gbench_counter(state, "documents", (double)loop->documents->setup.documents, GBENCH_TOTAL);
}

/* Every block takes whole rounds over the corpus: documents differ in what they ask for. */
static int64_t documents_of(void *arg)
{
    struct closed_loop *loop = arg;
    const struct closed_loop_setup *documents =
        closed_loop_documents(loop->world, loop->workload, loop->offload);
    return documents && !*documents->why ? (int64_t)documents->setup.documents : 1;
}

/* A family: a workload, and whether its heavy requests are offloaded. */
struct family {
    const struct workload *workload;
    bool offload;
};

static void add(const struct family *family, const char *member, const struct model *model,
                int slow_percent)
{
    struct closed_loop *loop = &cases[cases_len++];
    *loop = (struct closed_loop){
        .world = &world, .model = model, .workload = family->workload, .offload = family->offload};
    char name[256];
    snprintf(name, sizeof name, "model/%s%s/%s", family->workload->name,
             family->offload ? "_offloaded" : "", member);
    const struct gbench_options options = {
        .multiple_of = documents_of,
        .slow_percent = slow_percent,
    };
    gbench_register(name, block, loop, &options);
}

static void add_family(const struct family *family, const struct inject *inject)
{
    for (size_t i = 0; models[i]; i++) {
        add(family, models[i]->name, models[i], 0);
        if (strcmp(models[i]->name, BASELINE) != 0)
            continue;
        add(family, BASELINE ".same", models[i], 0);
        add(family, BASELINE ".copy", &thread_pool_copy_model, 0);
        for (size_t s = 0; s < inject->count; s++) {
            char member[64];
            snprintf(member, sizeof member, "slow." BASELINE ".%d", inject->percents[s]);
            add(family, member, models[i], inject->percents[s]);
        }
    }
}

static void add_families(const struct workload *workload, const struct inject *inject)
{
    const unsigned needs = workload_needs(workload);
    if (needs & WORKLOAD_NEEDS_DOWNSTREAM) /* that takes a socket */
        return;
    if (needs & WORKLOAD_NEEDS_JOURNAL && !text.journal)
        return;
    add_family(&(struct family){workload, false}, inject);
    if (needs & WORKLOAD_NEEDS_HEAVY)
        add_family(&(struct family){workload, true}, inject);
}

/* A whole number in [low, high], or fallback if the option was not given; -1, having said why. */
static long number(const char *option, const char *value, long low, long high, long fallback)
{
    if (!value)
        return fallback;
    char *end;
    errno = 0;
    const long result = strtol(value, &end, 10);
    if (!errno && !*end && end != value && result >= low && result <= high)
        return result;
    fprintf(stderr, "model_bench: %s: %s: expected a whole number from %ld to %ld\n", option, value,
            low, high);
    return -1;
}

static int last_allowed_cpu(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    int cpu = CPU_SETSIZE - 1;
    while (cpu > 0 && !CPU_ISSET(cpu, &allowed))
        cpu--;
    return cpu;
}

/* One worker shares its CPU with the client, which sleeps until a block is done: a wake-up on the
 * same core costs some 3 us, across cores some 70 on a virtual machine, and would be all that a
 * block measures. */
static int pin(long threads, long cpu)
{
    if (cpu < 0 && threads > 1)
        return 0;
    if (cpu < 0)
        cpu = last_allowed_cpu();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((int)cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) {
        fprintf(stderr, "model_bench: --cpu: %ld: %s\n", cpu, strerror(errno));
        return errno == EINVAL ? 2 : 3;
    }
    snprintf(world.cpus, sizeof world.cpus, "%ld", cpu);
    return 0;
}

static int find_payload_and_codec(void)
{
    const char *payload = text.payload ? text.payload : "order";
    const char *codec = text.codec ? text.codec : "protobuf_c";
    world.payload = payload_find(payload);
    world.codec = codec_find(codec);
    if (!world.payload) {
        fprintf(stderr, "model_bench: --payload: %s: there is none of that name; known:", payload);
        for (size_t i = 0; payloads[i].name; i++)
            fprintf(stderr, " %s", payloads[i].name);
        fputc('\n', stderr);
    }
    const bool whole = world.codec && codec_is_whole(world.codec);
    if (!whole) {
        fprintf(stderr, "model_bench: --codec: %s: %s; known:", codec,
                world.codec ? "does not both encode and decode" : "there is none of that name");
        for (size_t i = 0; codecs[i]; i++) {
            if (codec_is_whole(codecs[i]))
                fprintf(stderr, " %s", codecs[i]->name);
        }
        fputc('\n', stderr);
    }
    return world.payload && whole ? 0 : 2;
}

/* Options of workloads, and the part of a case's id that says it cares. */
static struct {
    const char *option, *context;
    const char **given;
    long low, high, value; /* value: the default, then the one in effect */
    const char *part, *other_part;
} counts[] = {
    {"--cpu-iterations", "cpu_iterations", &text.cpu_iterations, 1, 1000000000,
     WORKLOAD_CPU_ITERATIONS, "/cpu/", "/mixed"},
    {"--hops", "hops", &text.hops, 1, 1000000, 100, "/ring/", NULL},
    {"--messages", "messages", &text.messages, 1, 1000000, WORKLOAD_MESSAGES, "/count/",
     "/pingpong/"}, /* and spawn: see cares() */
    {"--hot-percent", "hot_percent", &text.hot, 0, 100, WORKLOAD_HOT_PERCENT, "/store/", NULL},
    {"--put-percent", "put_percent", &text.put, 0, 100, WORKLOAD_PUT_PERCENT, "/store/", NULL},
    {"--heavy-percent", "heavy_percent", &text.heavy, 0, 100, WORKLOAD_HEAVY_PERCENT, "/mixed",
     NULL},
};
enum { CPU_ITERATIONS, HOPS, MESSAGES, HOT, PUT, HEAVY };

static bool read_counts(void)
{
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        counts[i].value = number(counts[i].option, *counts[i].given, counts[i].low, counts[i].high,
                                 counts[i].value);
        if (counts[i].value < 0)
            return false;
    }
    world.options = (struct workload_setup){
        .cpu_iterations = (uint64_t)counts[CPU_ITERATIONS].value,
        .hops = (uint32_t)counts[HOPS].value,
        .messages = (uint32_t)counts[MESSAGES].value,
        .hot_percent = (uint32_t)counts[HOT].value,
        .put_percent = (uint32_t)counts[PUT].value,
        .heavy_percent = (uint32_t)counts[HEAVY].value,
    };
    world.journal = text.journal;
    return true;
}

/* Settings of models, and which have a use for them. */
static struct {
    const char *option, *context;
    const char **given;
    long low, high, value; /* value: the default, then the one in effect */
    unsigned uses;         /* 0: those that have a batch */
} settings[] = {
    {"--threads", "threads_of_a_model", &text.threads, 1, 1024, 1, MODEL_THREADS},
    {"--offload-threads", "offload_threads", &text.offload_threads, 1, 1024, 1,
     MODEL_OFFLOAD_THREADS},
    {"--spin-us", "spin_us", &text.spin_us, 0, 1000000, 0, MODEL_SPIN},
    {"--batch", "batch", &text.batch, 1, 1000000, 0, 0}, /* 0: the model's own */
};
enum { THREADS, OFFLOAD_THREADS, SPIN, BATCH };

static bool read_settings(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        settings[i].value = number(settings[i].option, *settings[i].given, settings[i].low,
                                   settings[i].high, settings[i].value);
        if (settings[i].value < 0)
            return false;
    }
    world.threads = (unsigned)settings[THREADS].value;
    world.offload_threads = (unsigned)settings[OFFLOAD_THREADS].value;
    world.spin_ns = (uint64_t)settings[SPIN].value * 1000;
    world.batch = (unsigned)settings[BATCH].value;
    return true;
}

/* Is a model chosen that the setting has an effect on? */
static bool uses(size_t setting)
{
    if (setting == OFFLOAD_THREADS && !gbench_chosen("_offloaded/") && !gbench_chosen("/journal/"))
        return false;
    for (size_t i = 0; models[i]; i++) {
        bool used = settings[setting].uses ? models[i]->uses & settings[setting].uses
                                           : models[i]->batch > 0;
        if (used && gbench_chosen(models[i]->name))
            return true;
    }
    return false;
}

static void tell_context(void)
{
    char value[32];
    gbench_context("payload", world.payload->name);
    gbench_context("codec", world.codec->name);
    gbench_context("cpus", *world.cpus ? world.cpus : "any");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        snprintf(value, sizeof value, "%ld", settings[i].value);
        gbench_context(settings[i].context, value);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        snprintf(value, sizeof value, "%ld", counts[i].value);
        gbench_context(counts[i].context, value);
    }
    snprintf(value, sizeof value, "%d", CLOSED_LOOP_REQUESTS);
    gbench_context("requests_in_flight", value);
}

static int prepare(void)
{
    const long cpu = number("--cpu", text.cpu, 0, CPU_SETSIZE - 1, -2);
    if (cpu == -1 || !read_settings() || !read_counts())
        return 2;
    struct inject inject;
    if (inject_parse(text.inject, &inject) != 0) {
        fprintf(stderr, "model_bench: --inject: %s: %s\n", text.inject, INJECT_EXPECTED);
        return 2;
    }
    int code = find_payload_and_codec();
    if (code == 0)
        code = pin(world.threads, cpu);
    if (code != 0)
        return code;
    tell_context();

    size_t model_count = 0, workload_count = 0;
    while (models[model_count])
        model_count++;
    while (workloads[workload_count])
        workload_count++;
    /* … and the baseline's same, copy and slow ones. */
    cases = calloc((workload_count + 1) * (model_count + 2 + inject.count), sizeof *cases);
    if (!cases) {
        fprintf(stderr, "model_bench: out of memory\n");
        return 1;
    }
    for (size_t i = 0; i < workload_count; i++)
        add_families(workloads[i], &inject);
    return 0;
}

static int refuse(const char *option, const char *when)
{
    fprintf(stderr, "model_bench: %s: has no effect %s\n", option, when);
    return 2;
}

/* Is a case chosen that the option has an effect on? */
static bool cares(size_t count)
{
    return gbench_chosen(counts[count].part) ||
           (counts[count].other_part && gbench_chosen(counts[count].other_part)) ||
           (count == MESSAGES && gbench_chosen("/spawn/"));
}

/* An option that none of the cases cares for is a mistake. */
static int check(bool list)
{
    const struct {
        const char *option, *given, *part;
    } table[] = {
        {"--payload", text.payload, "/"},
        {"--codec", text.codec, "/"},
        {"--cpu", text.cpu, "/"},
        {"--journal", text.journal, "/journal/"},
        {"--inject", text.inject, "/slow."},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!table[i].given)
            continue;
        if (list && table[i].given != text.inject && table[i].given != text.journal)
            return refuse(table[i].option, "with --list");
        if (!gbench_chosen(table[i].part))
            return refuse(table[i].option, "on the cases that the filter lets run");
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (*counts[i].given && list)
            return refuse(counts[i].option, "with --list");
        if (*counts[i].given && !cares(i))
            return refuse(counts[i].option, "on the cases that the filter lets run");
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (*settings[i].given && list)
            return refuse(settings[i].option, "with --list");
        if (*settings[i].given && !uses(i))
            return refuse(settings[i].option, "on the cases that the filter lets run");
    }
    return 0;
}

/* Stops every model that was started; 1 if one of them lost a request on the way. */
static int stop_all(void)
{
    int code = 0;
    for (size_t i = 0; i < cases_len; i++) {
        const uint64_t lost = closed_loop_stop(&cases[i]);
        if (lost == 0)
            continue;
        fprintf(stderr, "model_bench: model/%s/%s: %llu requests were lost at stop\n",
                cases[i].workload->name, cases[i].model->name, (unsigned long long)lost);
        code = 1;
    }
    closed_loop_world_finish(&world);
    free(cases);
    return code;
}

int main(int argc, char **argv)
{
    static const struct gbench_flag flags[] = {
        {"--payload", "NAME", "documents that requests carry (default: order)", &text.payload},
        {"--codec", "NAME", "their encoding (default: protobuf_c)", &text.codec},
        {"--threads", "N", "workers of every model (default: 1)", &text.threads},
        {"--offload-threads", "N", "helpers of every model that has any (default: 1)",
         &text.offload_threads},
        {"--spin-us", "US", "how long an idle thread looks for work (default: 0)", &text.spin_us},
        {"--batch", "N", "turns of a cell, or the like, in a row (default: the model's own)",
         &text.batch},
        {"--cpu", "N",
         "CPU of everything (default: the last allowed; with several workers: no pinning)",
         &text.cpu},
        {"--cpu-iterations", "N", "work of a (heavy) request of `cpu` and `mixed`, in rounds",
         &text.cpu_iterations},
        {"--hops", "N", "cells that a request of `ring` passes (default: 100)", &text.hops},
        {"--messages", "N",
         "messages of a request of `count`, questions of `pingpong`, new cells of `spawn` "
         "(default: 100)",
         &text.messages},
        {"--hot-percent", "N", "requests of `store` for one key (default: 20)", &text.hot},
        {"--put-percent", "N", "requests of `store` that store (default: 10)", &text.put},
        {"--heavy-percent", "N", "requests of `mixed` that take CPU time (default: 10)",
         &text.heavy},
        {"--journal", "DIR", "add `journal`: its file in that folder, removed at the end",
         &text.journal},
        {"--inject", "PERCENT[,...]",
         "add slow." BASELINE ".PERCENT: a slow-down of known size, to see whether it is found",
         &text.inject},
        {0},
    };
    static const struct gbench_program program = {
        .summary = "model_bench: what a request costs in each concurrency model, without sockets.\n"
                   "\n"
                   "Cases are model/WORKLOAD/MEMBER; an iteration is one request. 16 requests are\n"
                   "in flight: an answer hands over the next one, and the client sleeps until a\n"
                   "block is done. Replies are checked.",
        .flags = flags,
        .prepare = prepare,
        .check = check,
    };
    const int code = gbench_main(argc, argv, &program);
    const int stopped = stop_all();
    return code ? code : stopped;
}
