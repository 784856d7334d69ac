/* SPDX-License-Identifier: MIT */
/*
 * What load sends and what it takes for a right answer: one class of requests. The only one comes
 * from the program's own options; of several each has a line of its own, the same options after a
 * name:
 *
 *     NAME [--share N] [--path /PATH] [--workload … --payload … --codec …] [--body FILE …] …
 */
#ifndef ASSAY_LOAD_CLASS_H
#define ASSAY_LOAD_CLASS_H

#include "load_run.h"
#include "options.h"
#include "target.h"
#include "workloads.h"

struct load_class_options {
    /* As given, or the default. */
    const char *name; /* NULL: the only one */
    const char *path, *payload, *codec, *workload, *body_path, *content_type, *method;
    const char *expect_status;
    double share;
    uint64_t cpu_iterations, hops, cells, messages, hot_percent, put_percent, heavy_percent;
    uint64_t hit_percent;
    struct options_texts headers;
    bool any_reply;

    /* What was made of it. */
    char *line;                            /* that the texts lie in */
    const struct workload *known_workload; /* NULL: any answer with the expected status is right */
    struct workload_setup setup;
    uint8_t *body;
    struct bytes *bytes;
    struct connection_request *requests;
    size_t documents;
    int status_from, status_to; /* inclusive */
};

extern const struct load_class_options load_class_defaults;

/* The options that the program and a line share; *class is where their values go. */
#define LOAD_CLASS_OPTIONS(class)                                                                  \
    OPTIONS_TEXT("--workload", "NAME", &(class)->workload,                                         \
                 "check every byte of every reply: it must be this workload's"),                   \
        OPTIONS_TEXT("--payload", "NAME", &(class)->payload,                                       \
                     "send the documents of this payload in turn; needed with --workload if "      \
                     "serve needs it, else the first by default"),                                 \
        OPTIONS_TEXT("--codec", "NAME", &(class)->codec, "encoded by this codec"),                 \
        OPTIONS_COUNT("--cpu-iterations", "N", &(class)->cpu_iterations, 1, 1e15,                  \
                      "what the server of `cpu`, `blend` or `mixed` was given"),                   \
        OPTIONS_COUNT("--hops", "N", &(class)->hops, 1, 1e6,                                       \
                      "what the server of `ring` was given"),                                      \
        OPTIONS_COUNT("--cells", "N", &(class)->cells, 1, 1e6,                                     \
                      "what the server of `ring` was given"),                                      \
        OPTIONS_COUNT("--messages", "N", &(class)->messages, 1, 1e6,                               \
                      "what the server of `count` or `pingpong` was given"),                       \
        OPTIONS_COUNT("--hot-percent", "N", &(class)->hot_percent, 0, 100,                         \
                      "store: requests that ask for one key"),                                     \
        OPTIONS_COUNT("--put-percent", "N", &(class)->put_percent, 0, 100,                         \
                      "store: requests that store a value"),                                       \
        OPTIONS_COUNT("--heavy-percent", "N", &(class)->heavy_percent, 0, 100,                     \
                      "mixed: requests that take CPU time"),                                       \
        OPTIONS_COUNT("--hit-percent", "N", &(class)->hit_percent, 0, 100,                         \
                      "cache: requests that are answered at once"),                                \
        OPTIONS_TEXT("--body", "FILE", &(class)->body_path, "send this, to any server"),           \
        OPTIONS_TEXT("--content-type", "TYPE", &(class)->content_type, "of --body"),               \
        OPTIONS_TEXT("--method", "METHOD", &(class)->method, "POST with a body, else GET"),        \
        OPTIONS_TEXTS("--header", "'NAME: VALUE'", &(class)->headers,                              \
                      "added to every request; may be repeated"),                                  \
        OPTIONS_TEXT("--expect-status", "STATUS", &(class)->expect_status,                         \
                     "what a right answer has: 200, or a class: 2xx"),                             \
        OPTIONS_FLAG("--any-reply", &(class)->any_reply,                                           \
                     "with --workload: any answer of status 2xx will do, for a server that does "  \
                     "nothing and so shows what load can do")

/* EXIT_USAGE if one of these was given to the program. */
int load_class_refuse(const struct options *options, const char *when);

/* A line into *class, whose defaults are set. where: it came from, for errors. OPTIONS_GO_ON or
 * EXIT_USAGE. */
int load_class_read(struct load_class_options *class, const struct target *target, const char *line,
                    const char *where);
/* Makes requests and checks of what was given. OPTIONS_GO_ON or EXIT_USAGE. */
int load_class_resolve(const struct options *options, struct load_class_options *class,
                       const struct target *target);
struct load_class load_class_of(const struct load_class_options *class);
void load_class_finish(struct load_class_options *class); /* takes a zeroed one too */

#endif
