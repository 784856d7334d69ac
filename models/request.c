/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "parts/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct request *request_create(const struct workload *workload)
{
    size_t align = _Alignof(struct request);
    size_t size = (sizeof(struct request) + workload->frame_size + align - 1) / align * align;
    struct request *request = aligned_alloc(align, size);
    if (request)
        memset(request, 0, size);
    return request;
}

void request_destroy(struct request *request, const struct workload *workload)
{
    if (!request)
        return;
    if (workload->frame_close)
        workload->frame_close(request->frame);
    bytes_finish(&request->out);
    bytes_finish(&request->call.answer);
    free(request);
}

void request_refuse(struct request *request)
{
    request->status = 503;
    request->out.len = 0;
}

enum turn_end request_step(struct request *request, const struct workload *workload, void *cell,
                           enum turn_event event, const void *setup)
{
    struct turn *turn = &request->turn;
    turn->event = event;
    turn->in = request->in;
    turn->in_len = request->in_len;
    turn->frame = request->frame;
    turn->out = &request->out;
    turn->answer = event == TURN_ANSWER ? request->call.answer.data : NULL;
    turn->answer_len = event == TURN_ANSWER ? request->call.answer.len : 0;
    turn->answer_status = event == TURN_ANSWER ? request->call.status : 0;
    turn->status = 200;
    turn->wait_ns = 0;
    turn->deadline_ns = 0;
    turn->next_cell = request->cell;
    request->out.len = 0;

    enum turn_end end = workload->step(cell, turn, setup);
    if (end == TURN_REPLY) {
        request->status = turn->status;
    } else if (end == TURN_REJECT) {
        request_refuse(request);
    } else if (end == TURN_FORWARD) {
        request->cell = turn->next_cell;
    }
    return end;
}

struct pool_call *request_call(struct request *request, uint64_t within_ns)
{
    struct pool_call *call = &request->call;
    if (request->turn.deadline_ns)
        within_ns = request->turn.deadline_ns;
    call->body = request->out.data;
    call->body_len = request->out.len;
    call->deadline_ns = clock_now_ns() + within_ns;
    call->answer.len = 0;
    call->status = -ECONNREFUSED;
    return call;
}
