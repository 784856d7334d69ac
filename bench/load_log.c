/* SPDX-License-Identifier: MIT */
#include "load_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const outcomes[] = {
    [LOAD_RIGHT] = "right",     [LOAD_WRONG] = "wrong",   [LOAD_FAILED] = "failed",
    [LOAD_TIMEOUT] = "timeout", [LOAD_UNSENT] = "unsent",
};

int load_log_init(struct load_log *log, size_t cap)
{
    /* Address space; memory is touched as entries come. */
    *log = (struct load_log){.entries = malloc((cap ? cap : 1) * sizeof *log->entries), .cap = cap};
    return log->entries ? 0 : -ENOMEM;
}

void load_log_finish(struct load_log *log)
{
    free(log->entries);
    *log = (struct load_log){0};
}

void load_log_add(struct load_log *log, const struct load_entry *entry)
{
    if (log->count < log->cap)
        log->entries[log->count++] = *entry;
    else
        log->dropped++;
}

void load_log_write(FILE *file, const struct load_log *log, uint64_t from_ns,
                    const char *const *names)
{
    fputs("class,due_ns,sent_ns,ended_ns,outcome,status\n", file);
    for (const struct load_entry *e = log->entries; e < log->entries + log->count; e++) {
        const char *outcome = outcomes[e->outcome];
        fprintf(file, "%s,%" PRIu64, names[e->class_index], e->due_ns - from_ns);
        if (e->outcome == LOAD_UNSENT)
            fprintf(file, ",,,%s,\n", outcome);
        else
            fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%s,%u\n", e->sent_ns - from_ns,
                    e->ended_ns - from_ns, outcome, e->status);
    }
}
