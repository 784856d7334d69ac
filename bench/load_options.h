/* SPDX-License-Identifier: MIT */
/* The command line of load, and all that it stands for: target, requests, the check of answers. */
#ifndef ASSAY_LOAD_OPTIONS_H
#define ASSAY_LOAD_OPTIONS_H

#include "load_run.h"
#include "options.h"
#include "target.h"
#include "workloads.h"

struct load_options {
    /* As given, or the default. */
    const char *target_url, *arrival, *payload, *codec, *workload, *body_path, *content_type;
    const char *method, *expect_status, *cpus, *json;
    double rate_hz, warmup_s, duration_s, timeout_s;
    uint64_t connections, seed, spin_us, cpu_iterations, hops, cells, watch_pid;
    struct options_texts headers;
    bool list;

    /* What was made of it. */
    struct target target;
    struct load_config config;
    const struct workload *known_workload; /* NULL: any answer with the expected status is right */
    struct workload_setup setup;
    uint8_t *body;
    struct bytes *requests;
    int status_from, status_to; /* inclusive */
};

/* OPTIONS_GO_ON, or the program's exit code. load_options_finish is due in any case. */
int load_options_read(struct load_options *load, int argc, char **argv);
void load_options_finish(struct load_options *load);

#endif
