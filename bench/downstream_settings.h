/* SPDX-License-Identifier: MIT */
/* What is said to downstream's control address, read; and what it says, written. */
#ifndef ASSAY_DOWNSTREAM_SETTINGS_H
#define ASSAY_DOWNSTREAM_SETTINGS_H

#include "delay.h"
#include "parts/bytes.h"

#include <sys/types.h>

enum downstream_state {
    DOWNSTREAM_UP,
    DOWNSTREAM_STOPPED,
    DOWNSTREAM_REFUSING,
    DOWNSTREAM_DEAD,
};
extern const char *const downstream_states[]; /* by state */

struct downstream_settings {
    struct delay_plan plan; /* begins as what holds now */
    enum downstream_state state;
    bool new_plan; /* something of it was named */
};

/* 0, or -EINVAL with a sentence in why. */
int downstream_settings_read(struct downstream_settings *settings, const uint8_t *text, size_t len,
                             char *why, size_t why_cap);

struct downstream_status {
    enum downstream_state state;
    uint64_t deaths;
    pid_t service; /* whose CPU time and memory the service's are; 0: there is none */
};

void downstream_settings_write(struct bytes *out, const struct delay_book *book,
                               const struct downstream_status *status);
void downstream_metrics_write(struct bytes *out, const struct delay_book *book,
                              const struct downstream_status *status);

#endif
