/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "parts/errands.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(struct request, turn) + offsetof(struct turn, frame) <= REQUEST_HOT,
               "what every turn needs is in the first two cache lines");

struct request *request_create(const struct workload *workload)
{
    size_t align = _Alignof(struct request), least = sizeof(struct request);
    size_t size = offsetof(struct request, frame) + workload->frame_size;
    size = ((size > least ? size : least) + align - 1) / align * align;
    struct request *request = aligned_alloc(align, size);
    if (!request)
        return NULL;
    memset(request, 0, size);
    request->turn.frame = request->frame;
    request->turn.out = &request->out;
    return request;
}

void request_destroy(struct request *request, const struct workload *workload)
{
    if (!request)
        return;
    if (workload->frame_close)
        workload->frame_close(request->frame);
    gather_drop(request->gather, workload);
    errand_finish(request, workload);
    free(request->turn.targets);
    bytes_finish(&request->out);
    free(request);
}

void request_refuse(struct request *request)
{
    request->status = 503;
    request->out.len = 0;
}

void turn_more_targets(struct turn *turn)
{
    turn->targets_cap = turn->targets_cap ? turn->targets_cap * 2 : 1;
    turn->targets = realloc(turn->targets, turn->targets_cap * sizeof *turn->targets);
    if (!turn->targets)
        abort(); /* as bytes_reserve() */
}

void request_answers(struct request *request)
{
    gather_answers(request->gather, &request->turn);
}

void request_turn_end(struct request *request, const struct workload *workload, enum turn_end end)
{
    if (end == TURN_REPLY) {
        request->status = request->turn.status;
    } else if (end == TURN_REJECT) {
        request_refuse(request);
    } else if (end == TURN_FORWARD) {
        request->cell = request->turn.next_cell;
        if (request->has_cell)
            errand_leave_cell(request, workload);
    }
}
