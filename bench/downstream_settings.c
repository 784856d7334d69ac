/* SPDX-License-Identifier: MIT */
#include "downstream_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

const char *const downstream_states[] = {"up", "stopped", "refusing", "dead"};
#define STATES (sizeof downstream_states / sizeof *downstream_states)

static bool read_number(const char *text, double max, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= 0 && *value <= max; /* false for nan */
}

static bool read_seed(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0;
}

static bool read_state(const char *text, enum downstream_state *state)
{
    for (size_t i = 0; i < STATES; i++) {
        if (strcmp(text, downstream_states[i]) == 0) {
            *state = (enum downstream_state)i;
            return true;
        }
    }
    return false;
}

static bool read_seconds(const char *text, uint64_t *ns)
{
    double seconds;
    if (!read_number(text, 1e6, &seconds))
        return false;
    *ns = (uint64_t)(seconds * 1e9);
    return true;
}

/* NULL, or what the value should have been. */
static const char *read_one(struct downstream_settings *settings, const char *key,
                            const char *value)
{
    struct delay_plan *plan = &settings->plan;
    if (strcmp(key, "state") == 0)
        return read_state(value, &settings->state) ? NULL : "one of up, stopped, refusing, dead";
    settings->new_plan = true;
    if (strcmp(key, "delay") == 0)
        return delay_parse(plan, value) == 0 ? NULL : "of the form " DELAY_FORMS;
    if (strcmp(key, "seed") == 0)
        return read_seed(value, &plan->seed) ? NULL : "a whole number";
    if (strcmp(key, "error-rate") == 0)
        return read_number(value, 1, &plan->error_rate) ? NULL : "a number from 0 to 1";
    if (strcmp(key, "stall-every") == 0)
        return read_seconds(value, &plan->stall_every_ns) ? NULL : "a number of seconds";
    if (strcmp(key, "stall-for") == 0)
        return read_seconds(value, &plan->stall_for_ns) ? NULL : "a number of seconds";
    return "a setting: there are delay, seed, error-rate, stall-every, stall-for, state";
}

/* Are these together a plan? NULL, or what is wrong. */
static const char *plan_wrong(const struct delay_plan *plan)
{
    if ((plan->stall_every_ns == 0) != (plan->stall_for_ns == 0))
        return "stall-every and stall-for are needed together";
    if (plan->stall_every_ns && plan->stall_for_ns >= plan->stall_every_ns)
        return "stall-for must be less than stall-every";
    return NULL;
}

/* One line, whatever was sent. */
static void say(char *why, size_t why_cap, const char *what, const char *wrong)
{
    snprintf(why, why_cap, "\"%.200s\" is not %s", what, wrong);
    for (char *c = why; *c; c++)
        *c = *c < ' ' || *c > '~' ? '?' : *c;
}

int downstream_settings_read(struct downstream_settings *settings, const uint8_t *text, size_t len,
                             char *why, size_t why_cap)
{
    char copy[TEXT_MAX];
    if (len >= sizeof copy || memchr(text, '\0', len)) {
        snprintf(why, why_cap, "not a text of less than %d bytes", TEXT_MAX);
        return -EINVAL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    bool no_more_stalls = false, stall_for = false;
    char *rest;
    for (char *word = strtok_r(copy, " \t\r\n&", &rest); word;
         word = strtok_r(NULL, " \t\r\n&", &rest)) {
        char *equals = strchr(word, '=');
        if (!equals) {
            say(why, why_cap, word, "of the form NAME=VALUE");
            return -EINVAL;
        }
        *equals = '\0';
        const char *wrong = read_one(settings, word, equals + 1);
        if (wrong) {
            *equals = strncmp(wrong, "a setting", 9) == 0 ? '\0' : '=';
            say(why, why_cap, word, wrong);
            return -EINVAL;
        }
        no_more_stalls |= strcmp(word, "stall-every") == 0 && settings->plan.stall_every_ns == 0;
        stall_for |= strcmp(word, "stall-for") == 0;
    }
    if (no_more_stalls && !stall_for)
        settings->plan.stall_for_ns = 0;
    const char *wrong = plan_wrong(&settings->plan);
    if (wrong)
        snprintf(why, why_cap, "%s", wrong);
    return wrong ? -EINVAL : 0;
}

__attribute__((format(printf, 2, 3))) static void print(struct bytes *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    bytes_append(out, line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
}

static const struct delay_plan *current(const struct delay_book *book)
{
    return &book->plans[atomic_load_explicit(&book->current, memory_order_relaxed)];
}

void downstream_settings_write(struct bytes *out, const struct delay_book *book,
                               const struct downstream_status *status)
{
    const struct delay_plan *plan = current(book);
    print(out, "{\"state\": \"%s\", \"delay\": \"%s\", \"seed\": %" PRIu64,
          downstream_states[status->state], plan->text, plan->seed);
    print(out, ", \"error_rate\": %.15g, \"stall_every_s\": %.15g, \"stall_for_s\": %.15g",
          plan->error_rate, (double)plan->stall_every_ns / 1e9, (double)plan->stall_for_ns / 1e9);
    print(out, ", \"plan\": %" PRIu32 ", \"plan_requests\": %" PRIu64, atomic_load(&book->current),
          atomic_load(&plan->requests));
    print(out, ", \"requests\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"errors\": %" PRIu64,
          atomic_load(&book->requests), atomic_load(&book->answered), atomic_load(&book->errors));
    print(out, ", \"deaths\": %" PRIu64 ", \"pid\": %ld}\n", status->deaths, (long)status->service);
}

void downstream_metrics_write(struct bytes *out, const struct delay_book *book,
                              const struct downstream_status *status)
{
    print(out, "# TYPE downstream_up gauge\ndownstream_up %d\n", status->state == DOWNSTREAM_UP);
    print(out, "# TYPE downstream_requests_total counter\ndownstream_requests_total %" PRIu64 "\n",
          atomic_load(&book->requests));
    print(out, "# TYPE downstream_answered_total counter\ndownstream_answered_total %" PRIu64 "\n",
          atomic_load(&book->answered));
    print(out, "# TYPE downstream_errors_total counter\ndownstream_errors_total %" PRIu64 "\n",
          atomic_load(&book->errors));
    print(out, "# TYPE downstream_deaths_total counter\ndownstream_deaths_total %" PRIu64 "\n",
          status->deaths);
}
