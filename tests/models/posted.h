/* SPDX-License-Identifier: MIT */
/*
 * Requests for post(), and what became of them. Tests keep them, and whatever else a done() writes
 * to, in static memory: when a property fails its stack is gone, but the model has them until
 * tear-down has stopped it.
 */
#ifndef ASSAY_TESTS_POSTED_H
#define ASSAY_TESTS_POSTED_H

#include "request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct bed;

struct posted {
    struct request *request;
    struct posted *next; /* of bed->posts, from posted_init() to posted_finish() */
    _Atomic int dones;   /* how often done() was called: written there, last; read by the test */
    int status;
    struct bed *bed; /* these three: where post() may block, it is called on a thread of its own */
    bool has_thread;
    pthread_t thread;
    _Atomic int posted; /* what post() returned, 1 until then */
    char text[64];      /* its body */
};

/* Main thread only, but for posted_post(). */
void posted_init(struct posted *posted, struct bed *bed, uint32_t cell, const char *text);
/* Returns when it is inside (or answered, or refused), even where post() blocks. */
int posted_post(struct posted *posted, struct bed *bed);
bool posted_is(struct posted *posted, int status, const char *text); /* once done, exactly once */
void posted_finish(struct posted *posted, struct bed *bed);
void posted_join(struct posted *posted); /* post() has returned, wherever it was called */

/* model.h: post() has returned before stop() is called. A model that is not known may carry out a
 * request in there: one that has not returned after POSTED_RETURNS_MS does, and waits for the gate,
 * which is opened. inline's stop() promises more: it waits for those who are in post(). */
#define POSTED_RETURNS_MS 2000
void posted_return_all(struct bed *bed);

#endif
