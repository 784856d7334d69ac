/* SPDX-License-Identifier: MIT */
/*
 * What became of every request of the window, one by one: for whoever wants other figures than
 * load's own, of other spans than its seconds and steps.
 */
#ifndef ASSAY_LOAD_LOG_H
#define ASSAY_LOAD_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum load_outcome {
    LOAD_RIGHT,   /* the right answer, in time */
    LOAD_WRONG,   /* an answer: another status, or other bytes */
    LOAD_FAILED,  /* no answer: reset, not HTTP */
    LOAD_TIMEOUT, /* … none in time */
    LOAD_UNSENT,  /* no connection came free before the end of the plan */
};

/* Times by the clock of the run (connections_now_ns). */
struct load_entry {
    uint64_t due_ns, sent_ns, ended_ns; /* LOAD_UNSENT: due_ns only */
    uint16_t class_index;
    uint16_t status; /* of an answer, else 0 */
    enum load_outcome outcome;
};

struct load_log {
    struct load_entry *entries; /* in the order in which they ended; unsent ones last */
    size_t count, cap;
    size_t dropped; /* beyond cap */
};

int load_log_init(struct load_log *log, size_t cap); /* 0 or -ENOMEM */
void load_log_finish(struct load_log *log);          /* takes a zeroed one, too */
void load_log_add(struct load_log *log, const struct load_entry *entry);

/* As CSV, with a head; times count from from_ns. names: of the classes, by index. */
void load_log_write(FILE *file, const struct load_log *log, uint64_t from_ns,
                    const char *const *names);

#endif
