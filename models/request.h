/* SPDX-License-Identifier: MIT */
/*
 * One request on its way through a model, the same for both doors. Whoever made it owns it; from
 * post() (or from the connection that parsed it) to done() it is the model's, and its ownership
 * moves with it from queue to queue: it is never copied. Reuse one for many requests.
 */
#ifndef ASSAY_REQUEST_H
#define ASSAY_REQUEST_H

#include "parts/bytes.h"
#include "parts/cells.h"
#include "parts/mailbox.h"
#include "workload.h"

struct gather;

/* Where a request comes from, and so what becomes of its reply. */
enum errand_kind {
    ERRAND_NONE,    /* from outside, through the door: its reply goes there */
    ERRAND_CHILD,   /* a cell target of a TURN_CALL: its reply is an answer */
    ERRAND_MESSAGE, /* of a TURN_SEND: nobody waits for its reply */
};

/* parts/errands.h: its own. */
struct errand {
    /* Of a child: whoever takes it away from WANTED (compare and swap, acquire + release) decides
     * if its answer counts; see parts/calls.c. */
    _Atomic int fate;
    struct gather *asker;
    struct bytes body; /* its `in` */
    void *cell;        /* kept for the next one, as is body */
};

/* A request of one turn needs the first REQUEST_HOT bytes: two cache lines, which are fetched
 * together. */
#define REQUEST_HOT 128

struct request {
    /* Set by whoever hands it over; in must stay valid until done(). */
    _Alignas(64) const uint8_t *in;
    size_t in_len;
    void (*done)(struct request *request); /* on a thread of the model; status and out are set */
    void *arg;                             /* the caller's own */
    uint32_t cell;                         /* in [0, cells), where the workload has state */

    /* Set by the model. */
    int status; /* HTTP status of the reply */
    enum errand_kind kind;
    bool has_cell;    /* it is in a cell of its own, which nobody else can meet (TURN_NEW_CELL) */
    struct bytes out; /* the reply's body, until the request is handed over again */

    /* The model's own while it holds the request. */
    struct turn turn;
    struct mail mail;     /* it stands for the request where that is a message */
    struct request *next; /* for the one queue, list or mailbox that holds it now */
    uint64_t due_ns;      /* of a wait, CLOCK_MONOTONIC */
    void *owner;          /* e.g. the connection it came from */
    void *link;           /* spare pointer for the model's own lists */

    /* parts/errands.h: NULL or unused in a request that has never asked anybody for anything. */
    struct gather *gather; /* whom it asked last, and their answers */
    struct errand errand;  /* who asked, if it was not the world */

    _Alignas(16) unsigned char frame[]; /* workload->frame_size bytes */
};

static inline struct request *request_of_mail(struct mail *mail)
{
    return (struct request *)(void *)((char *)mail - offsetof(struct request, mail));
}

/* NULL when out of memory. destroy takes NULL and calls workload->frame_close. */
struct request *request_create(const struct workload *workload);
void request_destroy(struct request *request, const struct workload *workload);

/* The two halves of request_step(), for a model that calls step() itself: whose reply nobody waits
 * for, the second is only needed if it goes on. */
static inline void request_turn_begin(struct request *request, enum turn_event event)
{
    struct turn *turn = &request->turn;
    turn->event = event;
    turn->answers_len = 0;
    turn->in = request->in;
    turn->in_len = request->in_len;
    turn->status = 200;
    turn->next_cell = request->cell;
    turn->deadline_ns = 0;
    turn->targets_len = 0;
    request->out.len = 0;
}
void request_turn_end(struct request *request, const struct workload *workload, enum turn_end end);

void request_answers(struct request *request); /* into its turn, before TURN_ANSWER and TURN_SENT */

/*
 * Runs one turn: fills in request->turn for the event, calls step(), returns how it ended. cell is
 * the cell's state (request_cell) or NULL. request->status is set when the turn ends in REPLY or
 * REJECT (503, out empty), request->cell in FORWARD. What CALL and SEND ask for: parts/errands.h.
 */
static inline enum turn_end request_step(struct request *request, const struct workload *workload,
                                         void *cell, enum turn_event event, const void *setup)
{
    request_turn_begin(request, event);
    if (event >= TURN_ANSWER) /* or SENT */
        request_answers(request);
    enum turn_end end = workload->step(cell, &request->turn, setup);
    if (end == TURN_REPLY)
        request->status = request->turn.status;
    else
        request_turn_end(request, workload, end);
    return end;
}

/* After TURN_OFFLOAD, where it may block: the piece itself. TURN_DONE comes next. */
static inline void request_offload(struct request *request, const void *setup)
{
    request->turn.offload_status = request->turn.offload(request->frame, setup);
}

/* Its cell's state: one made for it alone, or one of the numbered ones; NULL without state. */
static inline void *request_cell(const struct request *request, const struct cells *cells)
{
    if (!cells->state)
        return NULL;
    return request->has_cell ? request->errand.cell : cells_at(cells, request->cell);
}

/* Answered with 503 by the model: before done(). */
void request_refuse(struct request *request);

#endif
