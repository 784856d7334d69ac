/* SPDX-License-Identifier: MIT */
/*
 * One request on its way through a model, the same for both doors. Whoever made it owns it; from
 * post() (or from the connection that parsed it) to done() it is the model's, and its ownership
 * moves with it from queue to queue: it is never copied. Reuse one for many requests.
 */
#ifndef ASSAY_REQUEST_H
#define ASSAY_REQUEST_H

#include "parts/bytes.h"
#include "parts/mailbox.h"
#include "parts/pool.h"
#include "workload.h"

struct request {
    struct request *next; /* for the one queue, list or mailbox that holds it now */

    /* Set by whoever hands it over; in must stay valid until done(). */
    const uint8_t *in;
    size_t in_len;
    uint32_t cell;
    void (*done)(struct request *request); /* on a thread of the model; status and out are set */
    void *arg;                             /* the caller's own */

    /* Set by the model. */
    int status;       /* HTTP status of the reply */
    struct bytes out; /* the reply's body, until the request is handed over again */

    /* The model's own while it holds the request. */
    struct mail mail; /* it stands for the request where that is a message */
    struct turn turn;
    struct pool_call call;              /* a TURN_CALL; its answer */
    uint64_t due_ns;                    /* of a wait or a deadline, CLOCK_MONOTONIC */
    void *owner;                        /* e.g. the connection it came from */
    void *link;                         /* spare pointer for the model's own lists */
    _Alignas(16) unsigned char frame[]; /* workload->frame_size bytes */
};

static inline struct request *request_of_mail(struct mail *mail)
{
    return (struct request *)(void *)((char *)mail - offsetof(struct request, mail));
}

static inline struct request *request_of_call(struct pool_call *call)
{
    return (struct request *)(void *)((char *)call - offsetof(struct request, call));
}

/* NULL when out of memory. destroy takes NULL and calls workload->frame_close. */
struct request *request_create(const struct workload *workload);
void request_destroy(struct request *request, const struct workload *workload);

/*
 * Runs one turn: fills in request->turn for the event, calls step(), returns how it ended. cell is
 * the cell's state or NULL. For TURN_ANSWER the turn's answer is that of request->call. request->
 * status is set when the turn ends in REPLY or REJECT (503, out empty), request->cell in FORWARD.
 */
enum turn_end request_step(struct request *request, const struct workload *workload, void *cell,
                           enum turn_event event, const void *setup);

/* After TURN_CALL: the call that the turn asked for, with its deadline (within_ns from now if the
 * turn names none); refused until somebody takes it further. */
struct pool_call *request_call(struct request *request, uint64_t within_ns);

/* Answered with 503 by the model: before done(). */
void request_refuse(struct request *request);

#endif
