/* SPDX-License-Identifier: MIT */
/*
 * What a model runs: cells and turns.
 *
 * A workload is a set of numbered cells (state) and one step() function. A step is a *turn*: it
 * runs to completion, never blocks, never locks, and ends by saying what should happen next. The
 * model carries that out in its own idiom: a thread sleeps where a loop sets a timer and an actor
 * is sent a message. So the same code runs natively under every model.
 *
 * To add a workload: one file in bench/workloads/ that ends in a `const struct workload`, and its
 * name in bench/workloads/meson.build.
 */
#ifndef ASSAY_WORKLOAD_H
#define ASSAY_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes; /* models/parts/bytes.h */

enum turn_event {
    TURN_REQUEST, /* the first turn of a request, or the first in the cell it was forwarded to */
    TURN_WAKE,    /* the wait is over */
    TURN_ANSWER,  /* the call has been answered, or has failed: see answer_status */
};

enum turn_end {
    TURN_REPLY,   /* out is the reply, status its HTTP status */
    TURN_WAIT,    /* call me again with TURN_WAKE, not before wait_ns from now */
    TURN_CALL,    /* out is a request for the downstream service; TURN_ANSWER within deadline_ns */
    TURN_FORWARD, /* next_cell takes over and answers in my place */
    TURN_REJECT,  /* answer 503: I will not do this now */
};

/*
 * One turn. The model fills the first half, step() the second. Between two turns of a request other
 * requests may have had turns in the same cell: its state may have changed.
 */
struct turn {
    enum turn_event event;
    const uint8_t *in; /* the request's body: the same bytes in every turn of a request */
    size_t in_len;
    const uint8_t *answer; /* TURN_ANSWER: the downstream's body, until step() returns */
    size_t answer_len;
    int answer_status; /* TURN_ANSWER: its HTTP status, or -ETIMEDOUT, -ECONNREFUSED, -EPIPE … */
    void *frame;       /* workload->frame_size bytes: what lives across turns, see there */

    struct bytes *out; /* empty when a turn begins */
    int status;        /* TURN_REPLY: 200 unless step() sets another */
    uint64_t wait_ns;
    uint64_t
        deadline_ns; /* TURN_CALL: from now; 0: the model's own (model_config.call_timeout_ns) */
    uint32_t next_cell;
};

struct workload {
    const char *name;
    const char *summary; /* one line, for --list */

    /*
     * Bytes of state per cell, zeroed before cell_open. 0: the workload has no shared state; every
     * request is on its own, `cell` in step() is NULL and a model may run it wherever it likes.
     */
    size_t cell_size;

    /*
     * Bytes that a request carries across its turns. Zeroed once, when the model makes the request
     * object, then handed from request to request (so that a scratch arena in it keeps its memory):
     * step() initialises what it needs on TURN_REQUEST. frame_close frees what it holds.
     */
    size_t frame_size;
    void (*frame_close)(void *frame); /* optional */

    /* Optional. setup is model_config.setup. 0 or a negative errno. Called before any turn. */
    int (*cell_open)(void *cell, uint32_t id, const void *setup);
    void (*cell_close)(void *cell);

    /*
     * Optional: the cell in [0, cells) that a request from outside begins in; connection is a
     * serial number. Without it: connection % cells. Any thread; must be pure. Not called if
     * cell_size is 0.
     */
    uint32_t (*route)(const uint8_t *in, size_t in_len, uint64_t connection, uint32_t cells);

    /* Mandatory. At most one turn at a time per cell; different cells run at once. */
    enum turn_end (*step)(void *cell, struct turn *turn, const void *setup);
};

#endif
