/* SPDX-License-Identifier: MIT */
/*
 * The test bed of the contract tests: every property × every model of models[] × 1 and 3 threads,
 * each with a fresh model that runs the probe workload. A test is bounded: after BED_PATIENCE_S the
 * program ends with a message that names it.
 */
#ifndef ASSAY_TESTS_BED_H
#define ASSAY_TESTS_BED_H

#include "client.h"
#include "model.h"
#include "posted.h"
#include "probe.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Against hanging, and no claim about time: a host may steal most of the CPU. */
#define BED_PATIENCE_S 800 /* a whole test */
#define BED_WAIT_MS 120000 /* one condition in it */

struct bed {
    const char *name; /* model/threads: property */
    const struct model *model;
    enum model_waits waits; /* the model's; a test may hold it to less */
    unsigned threads;
    void (*property)(struct bed *bed);
    const void *arg;

    struct probe probe;
    struct model_config config; /* good defaults; a test changes it before bed_start() */
    struct model_run *run;      /* NULL: not running */
    uint16_t port;
    struct model_stats final;
    struct posted *posts;  /* that were begun and are not finished: posted.h */
    pthread_t stop_thread; /* bed_begin_stop() */
    bool stopping;
    uint64_t stop_lost;
    _Atomic int stop_ended;
    struct service service;
    bool service_runs;
    struct client clients[64]; /* closed at the end, whatever happens */
    int fds, tasks;            /* open before the test: nothing may be left after it */
    bool ended;                /* the property did: it neither failed nor was skipped */
};

struct bed_property {
    const char *name;
    void (*test)(struct bed *bed);
    const void *arg; /* bed->arg; NULL where there is none */
};

#define BED_ALL_SKIPPED 77 /* the exit code that Meson shows as such */

/* main() of a contract test: `[MODEL]` limits it to one. Returns the exit code. */
int bed_main(int argc, char **argv, const struct bed_property *properties, size_t count);

/* Everything below fails the test when it cannot do what it says. Main thread only. */
void bed_start(struct bed *bed);
void bed_start_with_service(struct bed *bed);
void bed_stop(struct bed *bed); /* nothing may be lost; checks what always holds, see there */
/* The same in two parts: stop() runs in a thread of its own while the test goes on. First those who
 * post have to be out (posted_return_all()). */
void bed_begin_stop(struct bed *bed);
void bed_end_stop(struct bed *bed);
void bed_check_books(const struct bed *bed);
void bed_open(struct bed *bed, int client);
void bed_open_gate(struct bed *bed);
/* Tells why this property cannot be asked of this model; does not return. */
void bed_skip(const struct bed *bed, const char *why);
/* How many of these requests wait at once: from sockets, or posted (inline: on as many threads). */
unsigned bed_expected_overlap(const struct bed *bed, unsigned requests);
unsigned bed_expected_posted_overlap(const struct bed *bed, unsigned requests);

/* That many waits or calls at once, exactly; or more where the model has not told. */
bool bed_is_overlap(const struct bed *bed, int value, int expected);
bool bed_wait_overlap(const struct bed *bed, _Atomic int *value, int expected);

/* MODEL_REJECT, and full until the gate opens: asks once more, and whatever comes has to be 503. A
 * model that does not read on need not answer; false: it did not, and bed_hear_at_last() takes what
 * it says when it has read that, 200 or 503. */
bool bed_ask_when_full(struct bed *bed, int client, bool reads_on);
void bed_hear_at_last(struct bed *bed, int client);

/* Polls until the value is as wanted; false after BED_WAIT_MS. */
bool bed_wait_int(_Atomic int *value, int wanted);
bool bed_wait_in_flight(struct bed *bed, uint32_t wanted);
bool bed_wait_turns(struct bed *bed, uint64_t wanted);    /* or more; so the next */
bool bed_wait_accepted(struct bed *bed, uint64_t wanted); /* connections */
bool bed_wait_no_connections(struct bed *bed);
void bed_sleep_ms(unsigned ms);
struct model_stats bed_stats(struct bed *bed);
/* Smaller under sanitizers, which are 5 to 20 times slower. */
unsigned bed_scale(unsigned count);
int bed_count_fds(void);
int bed_count_tasks(void);
bool bed_wait_tasks(int wanted); /* or fewer: a joined thread is in /proc for a moment longer */

#endif
