/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdio.h>
#include <string.h>

/* The tables differ in type; this writes "what" of each into one line. */
#define JOIN(line, table, more, what)                                                              \
    do {                                                                                           \
        for (size_t i_ = 0; more; i_++) {                                                          \
            size_t len_ = strlen(line);                                                            \
            snprintf((line) + len_, sizeof(line) - len_, "%s%s", i_ ? ", " : "",                   \
                     (table)[i_] what);                                                            \
        }                                                                                          \
    } while (0)

static void unknown(const struct options *options, const char *option, const char *name,
                    const char *known)
{
    options_error(options, option, "\"%s\" is unknown; known: %s", name, known);
}

const struct model *names_model(const struct options *options, const char *name)
{
    const struct model *model = model_find(name);
    char known[1024] = "";
    if (!model) {
        JOIN(known, models, models[i_], ->name);
        unknown(options, "--model", name, known);
    }
    return model;
}

const struct workload *names_workload(const struct options *options, const char *name)
{
    const struct workload *workload = workload_find(name);
    char known[1024] = "";
    if (!workload) {
        JOIN(known, workloads, workloads[i_], ->name);
        unknown(options, "--workload", name, known);
    }
    return workload;
}

const struct payload *names_payload(const struct options *options, const char *name)
{
    const struct payload *payload = payload_find(name);
    char known[1024] = "";
    if (!payload) {
        JOIN(known, payloads, payloads[i_].name, .name);
        unknown(options, "--payload", name, known);
    }
    return payload;
}

const struct codec *names_codec(const struct options *options, const char *name)
{
    const struct codec *codec = codec_find(name);
    char known[1024] = "";
    if (codec && codec_is_whole(codec))
        return codec;
    for (size_t i = 0; codecs[i]; i++) {
        size_t len = strlen(known);
        if (codec_is_whole(codecs[i]))
            snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", codecs[i]->name);
    }
    if (codec)
        options_error(options, "--codec", "%s cannot %s messages; those that can do both: %s", name,
                      codec->encode ? "decode" : "encode", known);
    else
        unknown(options, "--codec", name, known);
    return NULL;
}

int names_refuse_unneeded(const struct options *options, const struct workload *workload)
{
    static const struct {
        unsigned need;
        const char *option;
    } table[] = {
        {WORKLOAD_NEEDS_CPU_ITERATIONS, "--cpu-iterations"},
        {WORKLOAD_NEEDS_RING, "--hops"},
        {WORKLOAD_NEEDS_RING | WORKLOAD_NEEDS_CELLS, "--cells"},
        {WORKLOAD_NEEDS_FAN, "--fan"},
        {WORKLOAD_NEEDS_MESSAGES, "--messages"},
        {WORKLOAD_NEEDS_STORE_MIX, "--hot-percent"},
        {WORKLOAD_NEEDS_STORE_MIX, "--put-percent"},
        {WORKLOAD_NEEDS_HEAVY, "--heavy-percent"},
        {WORKLOAD_NEEDS_HEAVY, "--offload"},
        {WORKLOAD_NEEDS_HITS, "--hit-percent"},
        {WORKLOAD_NEEDS_JOURNAL, "--journal"},
    };
    char when[64];
    snprintf(when, sizeof when, "with --workload %s", workload->name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(workload_needs(workload) & table[i].need) &&
            options_refuse(options, table[i].option, when) != OPTIONS_GO_ON)
            return EXIT_USAGE;
    }
    return OPTIONS_GO_ON;
}

void names_print_models(void)
{
    puts("models");
    for (size_t i = 0; models[i]; i++)
        printf("  %-22s%s\n", models[i]->name, models[i]->summary);
}

void names_print_workloads(void)
{
    puts("workloads");
    for (size_t i = 0; workloads[i]; i++)
        printf("  %-16s%s\n", workloads[i]->name, workloads[i]->summary);
    puts("payloads");
    for (size_t i = 0; payloads[i].name; i++)
        printf("  %s\n", payloads[i].name);
    puts("codecs");
    for (size_t i = 0; codecs[i]; i++) {
        if (codec_is_whole(codecs[i]))
            printf("  %-16s%s with %s %s\n", codecs[i]->name, codecs[i]->format, codecs[i]->library,
                   codecs[i]->version());
    }
}
