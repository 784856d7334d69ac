/* SPDX-License-Identifier: MIT */
/* The command line of load, and all that it stands for: target, classes of requests, the plan. */
#ifndef ASSAY_LOAD_OPTIONS_H
#define ASSAY_LOAD_OPTIONS_H

#include "load_class.h"

#define LOAD_CLASSES_MAX 16
#define LOAD_STEPS_MAX 64

struct load_options {
    /* As given, or the default. */
    const char *target_url, *arrival, *mix_path, *cpus, *json, *hgrm, *steps, *requests;
    double rate_hz, settle_s, warmup_s, duration_s, timeout_s;
    uint64_t connections, in_flight, burst, seed, spin_us, slack_us, watch_pid, beside_pid;
    struct options_texts class_lines;
    bool list, check, as_read;

    /* What was made of it. */
    struct target target;
    struct load_class_options classes[LOAD_CLASSES_MAX];
    size_t class_count;
    struct load_class of_run[LOAD_CLASSES_MAX];
    struct arrivals_step steps_of_run[LOAD_STEPS_MAX];
    struct load_log log;
    struct load_config config;
};

/* OPTIONS_GO_ON, or the program's exit code. load_options_finish is due in any case. */
int load_options_read(struct load_options *load, int argc, char **argv);
void load_options_finish(struct load_options *load);

static inline bool load_is_closed(const struct load_options *load)
{
    return load->config.arrivals.kind == ARRIVALS_CLOSED;
}

#endif
