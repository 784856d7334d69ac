/* SPDX-License-Identifier: MIT */
/* The command line of serve, and what it makes of it. */
#ifndef ASSAY_SERVE_OPTIONS_H
#define ASSAY_SERVE_OPTIONS_H

#include "model.h"
#include "options.h"
#include "output.h"
#include "workloads.h"

struct serve_options {
    /* As given, or the default. */
    const char *model_name, *workload_name, *payload_name, *codec_name;
    const char *listen, *admin, *cpus, *on_full, *downstream, *json;
    uint64_t threads; /* 0 until it is known how many CPUs there are */
    uint64_t queue_limit, downstream_connections, cpu_iterations, hops, cells;
    uint64_t offload_threads, spin_us, batch; /* batch: 0 until the model's default is known */
    uint64_t fan, messages;
    uint64_t max_body_bytes, call_timeout_ms, io_timeout_ms, drain_ms;
    const char *journal;
    bool list, check, offload;

    /* What was made of it. */
    const struct model *model;
    struct model_config config;
    struct workload_setup setup;
};

/* OPTIONS_GO_ON, or the program's exit code. serve_options_finish is due in any case. */
int serve_options_read(struct serve_options *serve, int argc, char **argv);
void serve_options_finish(struct serve_options *serve);

/* Every value in effect; null for what has none with this workload. */
void serve_options_write(struct output *output, const struct serve_options *serve);

#endif
