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

#include "parts/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum turn_event {
    TURN_REQUEST, /* the first turn of a request, or the first in the cell it was forwarded to */
    TURN_WAKE,    /* the wait is over */
    TURN_DONE,    /* the offloaded piece has ended: offload_status */
    TURN_ANSWER,  /* every target of the call has answered, has failed or is too late: answers[] */
    TURN_SENT,    /* the one-way messages are on their way, or were refused: answers[].status */
};

enum turn_end {
    TURN_REPLY,   /* out is the reply, status its HTTP status */
    TURN_WAIT,    /* call me again with TURN_WAKE, not before wait_ns from now */
    TURN_CALL,    /* asks all targets at once; TURN_ANSWER within deadline_ns */
    TURN_FORWARD, /* next_cell takes over and answers in my place */
    TURN_SEND,    /* one-way messages to the targets, cells only; TURN_SENT at once */
    TURN_OFFLOAD, /* run offload() where it may block; TURN_DONE after it */
    TURN_REJECT,  /* answer 503: I will not do this now */
};

/* What a target may be besides the number of a cell. */
#define TURN_DOWNSTREAM UINT32_MAX     /* the downstream service; not for TURN_SEND */
#define TURN_NEW_CELL (UINT32_MAX - 1) /* a cell made for this one message: see cell_open */

/* Whom a turn calls or sends to, and with which part of out. Made by turn_target(). */
struct turn_target {
    uint32_t cell;
    size_t from, len;
};

/* What became of a target, in the order of the targets. */
struct turn_answer {
    /* Of a call: the HTTP status of the answer, or -ETIMEDOUT, -ECONNREFUSED, -EPIPE …; a cell that
     * rejects answers 503. Of a one-way message: 0, or -EAGAIN: model_config.queue_limit of them
     * are under way already, and this one was not sent. */
    int status;
    const uint8_t *body; /* until step() returns */
    size_t len;
};

/*
 * One turn: what the model tells step(), and what step() says. Between two turns of a request other
 * requests may have had turns in the same cell: its state may have changed.
 */
struct turn {
    enum turn_event event;
    uint32_t answers_len; /* TURN_ANSWER, TURN_SENT; else 0 */
    /* The request's body: the same bytes in every turn of a request; of a one-way message not in
     * the same place, so do not keep the pointer from one turn to the next. */
    const uint8_t *in;
    size_t in_len;

    int status;         /* TURN_REPLY: 200 unless step() sets another */
    uint32_t next_cell; /* TURN_FORWARD: in [0, cells) */
    uint64_t
        deadline_ns; /* TURN_CALL: from now; 0: the model's own (model_config.call_timeout_ns) */
    uint32_t targets_len, targets_cap; /* turn_target()'s; none when a turn begins */
    struct bytes *out;                 /* empty when a turn begins */

    /* What follows is not touched by a turn that has no use for it. */
    void *frame; /* the model's: workload->frame_size bytes, what lives across turns, see there */
    const struct turn_answer *answers;
    int offload_status; /* TURN_DONE: what offload() returned */
    struct turn_target *targets;
    uint64_t wait_ns; /* TURN_WAIT */
    /* TURN_OFFLOAD: blocks or computes for long, on any thread, without the cell, whose other turns
     * go on meanwhile. Nothing else touches the frame until it returns. */
    int (*offload)(void *frame, const void *setup);
};

void turn_more_targets(struct turn *turn); /* for turn_target(): makes room */

/*
 * One more target of a TURN_CALL or TURN_SEND: what was written to out since the last one is its
 * message. A call of a cell is a request of its own, with a frame of its own, whose reply is the
 * answer; it may itself wait, call, forward, send. It does not count at the door, and goes on to
 * its end even if it comes too late for whoever asked.
 *
 * A model whose threads run cells in place calls them one after the other, and notices a deadline
 * where a cell would wait beyond it; a call or an offload of the called cell it sits out first.
 */
static inline void turn_target(struct turn *turn, uint32_t cell)
{
    if (turn->targets_len == turn->targets_cap)
        turn_more_targets(turn);
    struct turn_target *target = &turn->targets[turn->targets_len];
    size_t from = turn->targets_len++ > 0 ? target[-1].from + target[-1].len : 0;
    *target = (struct turn_target){cell, from, turn->out->len - from};
}

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

    /*
     * Optional. setup is model_config.setup. 0 or a negative errno. Called before any turn of the
     * cell; for one made by TURN_NEW_CELL, which is its id then, that is any time, on any thread,
     * and it is closed when its one request has replied or moved on to another cell.
     */
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
