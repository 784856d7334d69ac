/* SPDX-License-Identifier: MIT */
#include "model_options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The options, as typed; NULL: not given. */
static struct {
    const char *payload, *codec, *threads, *cpu, *cpu_iterations, *hops, *inject;
    const char *messages, *hot, *put, *heavy, *journal, *offload_threads, *spin_us, *batch;
} text;

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
static int pin(struct closed_loop_world *world, long cpu)
{
    if (cpu < 0 && world->threads > 1)
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
    snprintf(world->cpus, sizeof world->cpus, "%ld", cpu);
    return 0;
}

static int find_payload_and_codec(struct closed_loop_world *world)
{
    const char *payload = text.payload ? text.payload : "order";
    const char *codec = text.codec ? text.codec : "protobuf_c";
    world->payload = payload_find(payload);
    world->codec = codec_find(codec);
    if (!world->payload) {
        fprintf(stderr, "model_bench: --payload: %s: there is none of that name; known:", payload);
        for (size_t i = 0; payloads[i].name; i++)
            fprintf(stderr, " %s", payloads[i].name);
        fputc('\n', stderr);
    }
    const bool whole = world->codec && codec_is_whole(world->codec);
    if (!whole) {
        fprintf(stderr, "model_bench: --codec: %s: %s; known:", codec,
                world->codec ? "does not both encode and decode" : "there is none of that name");
        for (size_t i = 0; codecs[i]; i++) {
            if (codec_is_whole(codecs[i]))
                fprintf(stderr, " %s", codecs[i]->name);
        }
        fputc('\n', stderr);
    }
    return world->payload && whole ? 0 : 2;
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

static bool read_counts(struct closed_loop_world *world)
{
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        counts[i].value = number(counts[i].option, *counts[i].given, counts[i].low, counts[i].high,
                                 counts[i].value);
        if (counts[i].value < 0)
            return false;
    }
    world->options = (struct workload_setup){
        .cpu_iterations = (uint64_t)counts[CPU_ITERATIONS].value,
        .hops = (uint32_t)counts[HOPS].value,
        .messages = (uint32_t)counts[MESSAGES].value,
        .hot_percent = (uint32_t)counts[HOT].value,
        .put_percent = (uint32_t)counts[PUT].value,
        .heavy_percent = (uint32_t)counts[HEAVY].value,
    };
    world->journal = text.journal;
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

static bool read_settings(struct closed_loop_world *world)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        settings[i].value = number(settings[i].option, *settings[i].given, settings[i].low,
                                   settings[i].high, settings[i].value);
        if (settings[i].value < 0)
            return false;
    }
    world->threads = (unsigned)settings[THREADS].value;
    world->offload_threads = (unsigned)settings[OFFLOAD_THREADS].value;
    world->spin_ns = (uint64_t)settings[SPIN].value * 1000;
    world->batch = (unsigned)settings[BATCH].value;
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

static void tell_context(const struct closed_loop_world *world)
{
    char value[32];
    gbench_context("payload", world->payload->name);
    gbench_context("codec", world->codec->name);
    gbench_context("cpus", *world->cpus ? world->cpus : "any");
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

/* Before anything runs: a folder that files can be made in. */
static bool is_folder(const char *option, const char *path)
{
    struct stat found;
    int error = stat(path, &found) != 0 ? errno : S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
    if (!error && access(path, W_OK | X_OK) != 0)
        error = errno;
    if (error)
        fprintf(stderr, "model_bench: %s: %s: %s\n", option, path, strerror(error));
    return !error;
}

int model_options_read(struct closed_loop_world *world, struct inject *inject)
{
    if (text.journal && !is_folder("--journal", text.journal))
        return 2;
    const long cpu = number("--cpu", text.cpu, 0, CPU_SETSIZE - 1, -2);
    if (cpu == -1 || !read_settings(world) || !read_counts(world))
        return 2;
    if (inject_parse(text.inject, inject) != 0) {
        fprintf(stderr, "model_bench: --inject: %s: %s\n", text.inject, INJECT_EXPECTED);
        return 2;
    }
    int code = find_payload_and_codec(world);
    if (code == 0)
        code = pin(world, cpu);
    if (code == 0)
        tell_context(world);
    return code;
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
int model_options_check(bool list)
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

const struct gbench_flag model_options_flags[] = {
    {"--payload", "NAME", "documents that requests carry (default: order)", &text.payload},
    {"--codec", "NAME", "their encoding (default: protobuf_c)", &text.codec},
    {"--threads", "N", "workers of every model (default: 1)", &text.threads},
    {"--offload-threads", "N", "helpers of every model that has any (default: 1)",
     &text.offload_threads},
    {"--spin-us", "US", "how long an idle thread looks for work (default: 0)", &text.spin_us},
    {"--batch", "N", "turns of a cell, or the like, in a row (default: the model's own)",
     &text.batch},
    {"--cpu", "N",
     "CPU of everything (default: the last allowed; with several workers: no pinning)", &text.cpu},
    {"--cpu-iterations", "N", "work of a (heavy) request of `cpu` and `mixed`, in rounds",
     &text.cpu_iterations},
    {"--hops", "N", "cells that a request of `ring` passes (default: 100)", &text.hops},
    {"--messages", "N",
     "messages of a request of `count`, questions of `pingpong`, new cells of `spawn` "
     "(default: 100)",
     &text.messages},
    {"--hot-percent", "N", "requests of `store` for one key (default: 20)", &text.hot},
    {"--put-percent", "N", "requests of `store` that store (default: 10)", &text.put},
    {"--heavy-percent", "N", "requests of `mixed` that take CPU time (default: 10)", &text.heavy},
    {"--journal", "DIR", "add `journal`: its file in that folder, removed at the end",
     &text.journal},
    {"--inject", "PERCENT[,...]",
     "add slow." MODEL_BASELINE ".PERCENT: a slow-down of known size, to see whether it is found",
     &text.inject},
    {0},
};
