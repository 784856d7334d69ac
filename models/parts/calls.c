/* SPDX-License-Identifier: MIT */
/* Calls: who was asked, and the gathering of the answers. */
#include "clock.h"
#include "errands_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of a child: its own end, or its asker's deadline, takes it away from WANTED. The
 * ENDED ones belong to the gather; a LATE one to nobody, and to whoever ends it. */
enum { WANTED, ENDED, LATE };

void gather_drop(struct gather *gather, const struct workload *workload)
{
    if (!gather || atomic_fetch_sub_explicit(&gather->holders, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < gather->cap; i++) {
        request_destroy(gather->asks[i].child, workload);
        bytes_finish(&gather->asks[i].call.answer);
    }
    free(gather->asks);
    free(gather->answers);
    free(gather);
}

static void grow(struct gather *gather, uint32_t cap)
{
    gather->asks = realloc(gather->asks, cap * sizeof *gather->asks);
    gather->answers = realloc(gather->answers, cap * sizeof *gather->answers);
    if (!gather->asks || !gather->answers)
        abort(); /* as bytes_reserve() */
    memset(gather->asks + gather->cap, 0, (cap - gather->cap) * sizeof *gather->asks);
    gather->cap = cap;
}

struct gather *gather_for(struct request *request, const struct workload *workload)
{
    struct gather *gather = request->gather;
    uint32_t len = request->turn.targets_len;
    if (gather && atomic_load_explicit(&gather->holders, memory_order_acquire) > 1) {
        gather_drop(gather, workload);
        gather = NULL;
    }
    if (!gather) {
        gather = request->gather = calloc(1, sizeof *gather);
        if (!gather)
            abort();
        gather->request = request;
        atomic_init(&gather->holders, 1);
        grow(gather, len ? len : 1); /* never no memory at all: callers count with pointers */
    }
    if (len > gather->cap)
        grow(gather, len);
    gather->len = len;
    return gather;
}

static bool ask_downstream(const struct errands *errands, struct ask *ask,
                           const struct request *request, const struct turn_target *target)
{
    if (!errands->config->downstream)
        return false;
    ask->kind = ASK_DOWNSTREAM;
    ask->call.body = target->len > 0 ? request->out.data + target->from : NULL;
    ask->call.body_len = target->len;
    ask->call.deadline_ns = ask->gather->deadline_ns;
    ask->call.answer.len = 0;
    ask->call.status = -ETIMEDOUT;
    return true;
}

static bool ask_cell(struct errands *errands, struct counters *mine, struct ask *ask,
                     const struct request *request, const struct turn_target *target)
{
    if (!ask->child)
        ask->child = errands_take(errands, mine);
    ask->error = errands_begin(errands, ask->child, ERRAND_CHILD, request, target);
    if (ask->error)
        return false;
    ask->kind = ASK_CELL;
    ask->child->errand.asker = ask->gather;
    atomic_store_explicit(&ask->child->errand.fate, WANTED, memory_order_relaxed);
    ask->gather->children++;
    return true;
}

struct gather *errands_call(struct errands *errands, struct counters *mine, struct request *request)
{
    const struct model_config *config = errands->config;
    const struct turn *turn = &request->turn;
    struct gather *gather = gather_for(request, config->workload);
    uint32_t left = 1, calls = 0;
    gather->deadline_ns =
        clock_in_ns(turn->deadline_ns ? turn->deadline_ns : config->call_timeout_ns);
    gather->children = 0;
    for (uint32_t i = 0; i < gather->len; i++) {
        const struct turn_target *target = &turn->targets[i];
        struct ask *ask = &gather->asks[i];
        ask->gather = gather;
        ask->kind = ASK_FAILED;
        if (target->cell != TURN_DOWNSTREAM) {
            left += ask_cell(errands, mine, ask, request, target);
        } else if (ask_downstream(errands, ask, request, target)) {
            left++;
            calls++;
        } else {
            ask->error = -ECONNREFUSED;
            counter_add_mine(mine, &mine->call_errors, 1);
        }
    }
    if (calls)
        counter_add_mine(mine, &mine->calls, calls);
    /* Relaxed: whatever is sent on from here is sent with a release. */
    atomic_store_explicit(&gather->left, left, memory_order_relaxed);
    return gather;
}

/* So many are there, or given up. */
static struct request *take_off(struct gather *gather, uint32_t count)
{
    struct request *request = gather->request; /* before: then the gather may be gone */
    /* Who takes the last one is alone with it: no read-modify-write. */
    if (atomic_load_explicit(&gather->left, memory_order_acquire) == count)
        atomic_store_explicit(&gather->left, 0, memory_order_relaxed);
    else if (atomic_fetch_sub_explicit(&gather->left, count, memory_order_acq_rel) != count)
        return NULL;
    request->turn.event = TURN_ANSWER;
    return request;
}

struct request *errands_started(struct gather *gather)
{
    return take_off(gather, 1);
}

struct request *errands_answered(struct errands *errands, struct counters *mine, struct ask *ask)
{
    (void)errands;
    if (ask->call.status < 0)
        counter_add_mine(mine, &mine->call_errors, 1);
    return take_off(ask->gather, 1);
}

struct request *errands_ended(struct errands *errands, struct counters *mine,
                              struct request *request)
{
    if (request->has_cell)
        errand_leave_cell(request, errands->config->workload);
    bool child = request->kind == ERRAND_CHILD;
    if (child) {
        struct gather *gather = request->errand.asker;
        int wanted = WANTED;
        if (atomic_compare_exchange_strong_explicit(&request->errand.fate, &wanted, ENDED,
                                                    memory_order_acq_rel, memory_order_acquire))
            return take_off(gather, 1);
    }
    errands_give(errands, mine, request);
    errands_count_end(mine, child ? &mine->ended : &mine->returned, 1);
    return NULL;
}

struct request *errands_expire(struct errands *errands, struct counters *mine,
                               struct gather *gather)
{
    (void)errands;
    if (atomic_load_explicit(&gather->left, memory_order_acquire) == 0)
        return NULL;
    uint32_t late = 0;
    for (uint32_t i = 0; i < gather->len; i++) {
        struct ask *ask = &gather->asks[i];
        if (ask->kind != ASK_CELL)
            continue;
        /* From here on nobody waits for it. Counted before, as errands_idle() wants it. */
        int wanted = WANTED;
        tally_add_mine(mine, &mine->begun, 1);
        if (!atomic_compare_exchange_strong_explicit(&ask->child->errand.fate, &wanted, LATE,
                                                     memory_order_acq_rel, memory_order_acquire)) {
            errands_count_end(mine, &mine->ended, 1);
            continue;
        }
        ask->kind = ASK_FAILED;
        ask->error = -ETIMEDOUT;
        ask->child = NULL;
        late++;
    }
    return late ? take_off(gather, late) : NULL;
}

void gather_answers(struct gather *gather, struct turn *turn)
{
    for (uint32_t i = 0; turn->event == TURN_ANSWER && i < gather->len; i++) {
        const struct ask *ask = &gather->asks[i];
        struct turn_answer *answer = &gather->answers[i];
        if (ask->kind == ASK_DOWNSTREAM)
            *answer =
                (struct turn_answer){ask->call.status, ask->call.answer.data, ask->call.answer.len};
        else if (ask->kind == ASK_CELL)
            *answer =
                (struct turn_answer){ask->child->status, ask->child->out.data, ask->child->out.len};
        else
            *answer = (struct turn_answer){.status = ask->error};
    }
    turn->answers = gather->answers;
    turn->answers_len = gather->len;
}
