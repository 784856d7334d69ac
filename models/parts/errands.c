/* SPDX-License-Identifier: MIT */
#include "errands.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of a child: its own end, or its asker's deadline, takes it away from WANTED. The
 * ENDED ones belong to the gather; a LATE one to nobody, and to whoever ends it. */
enum { WANTED, ENDED, LATE };

/* Ended messages, to be used again by the same thread. A thread that ends more than it sends hands
 * whole lots to the depot, from which one that sends more takes them: one lock for LOT messages. */
#define LOT 64
struct errands_spare {
    _Alignas(128) struct request *first;
    unsigned len;         /* of them, a LOT at most */
    struct request *full; /* a whole lot besides, or NULL */
};

int errands_init(struct errands *errands, const struct model_config *config, struct cells *cells,
                 struct counters *counters, unsigned own, unsigned count)
{
    *errands = (struct errands){
        .config = config, .cells = cells, .counters = counters, .own = own, .count = count};
    size_t size = count * sizeof *errands->spare;
    errands->spare = aligned_alloc(_Alignof(struct errands_spare), size);
    if (!errands->spare)
        return -ENOMEM;
    memset(errands->spare, 0, size);
    pthread_mutex_init(&errands->lock, NULL);
    for (unsigned i = own; i < count; i++)
        counters[i].shared = true;
    counters[0].credit = config->queue_limit;
    return 0;
}

static void destroy_all(struct request *first, const struct workload *workload)
{
    for (struct request *next; first; first = next) {
        next = first->next;
        request_destroy(first, workload);
    }
}

void errands_finish(struct errands *errands)
{
    if (!errands->spare)
        return;
    for (unsigned i = 0; i < errands->count; i++) {
        destroy_all(errands->spare[i].first, errands->config->workload);
        destroy_all(errands->spare[i].full, errands->config->workload);
    }
    for (struct request *lot; (lot = errands->depot);) {
        errands->depot = lot->link;
        destroy_all(lot, errands->config->workload);
    }
    pthread_mutex_destroy(&errands->lock);
    free(errands->spare);
    errands->spare = NULL;
}

/* ---- Requests to be used again ---- */

static struct request *take_lot(struct errands *errands)
{
    pthread_mutex_lock(&errands->lock);
    struct request *lot = errands->depot;
    if (lot)
        errands->depot = lot->link;
    pthread_mutex_unlock(&errands->lock);
    return lot;
}

/* The spare ones of threads that share counters, which nobody gives back there: see give_spare().
 * Under the lock. */
static struct request *take_shared(struct errands *errands, struct errands_spare *spare)
{
    pthread_mutex_lock(&errands->lock);
    if (!spare->first && errands->depot) {
        spare->first = errands->depot;
        errands->depot = errands->depot->link;
    }
    struct request *request = spare->first;
    if (request)
        spare->first = request->next;
    pthread_mutex_unlock(&errands->lock);
    return request;
}

static void give_lot(struct errands *errands, struct request *lot)
{
    pthread_mutex_lock(&errands->lock);
    lot->link = errands->depot;
    errands->depot = lot;
    pthread_mutex_unlock(&errands->lock);
}

static struct request *take_spare(struct errands *errands, const struct counters *mine)
{
    struct errands_spare *spare = &errands->spare[mine - errands->counters];
    struct request *request;
    if (mine->shared) {
        request = take_shared(errands, spare);
    } else {
        if (!spare->first && (spare->first = spare->full ? spare->full : take_lot(errands))) {
            spare->full = NULL;
            spare->len = LOT;
        }
        request = spare->first;
        if (request) {
            spare->first = request->next;
            spare->len--;
        }
    }
    if (!request && !(request = request_create(errands->config->workload)))
        abort(); /* as bytes_reserve() */
    return request;
}

static void give_spare(struct errands *errands, const struct counters *mine,
                       struct request *request)
{
    struct errands_spare *spare = &errands->spare[mine - errands->counters];
    if (mine->shared) {
        request_destroy(request, errands->config->workload);
        return;
    }
    if (spare->len == LOT) {
        if (spare->full)
            give_lot(errands, spare->full);
        spare->full = spare->first;
        spare->first = NULL;
        spare->len = 0;
    }
    request->next = spare->first;
    spare->first = request;
    spare->len++;
}

/* ---- Cells made for one message ---- */

void errand_leave_cell(struct errand *errand, const struct workload *workload)
{
    errand->has_cell = false;
    if (workload->cell_close)
        workload->cell_close(errand->cell);
}

static int enter_new_cell(const struct errands *errands, struct errand *errand)
{
    const struct workload *workload = errands->config->workload;
    if (workload->cell_size == 0)
        return 0;
    if (!errand->cell && !(errand->cell = malloc(workload->cell_size)))
        return -ENOMEM;
    memset(errand->cell, 0, workload->cell_size);
    int error = workload->cell_open
                    ? workload->cell_open(errand->cell, TURN_NEW_CELL, errands->config->setup)
                    : 0;
    errand->has_cell = !error;
    return error;
}

void errand_finish(struct errand *errand, const struct workload *workload)
{
    if (errand->has_cell)
        errand_leave_cell(errand, workload);
    bytes_finish(&errand->body);
    free(errand->cell);
}

/* Makes a target of a request what it is to be. 0 or a negative errno. */
static int begin(const struct errands *errands, struct request *errand, enum errand_kind kind,
                 const struct request *asker, const struct turn_target *target)
{
    struct bytes *body = &errand->errand.body;
    errand->errand.kind = kind;
    body->len = 0;
    errand->in = (const uint8_t *)"";
    if (target->len > 0) {
        bytes_append(body, asker->out.data + target->from, target->len);
        errand->in = body->data;
    }
    errand->in_len = target->len;
    errand->cell = target->cell;
    errand->status = 0;
    errand->turn.event = TURN_REQUEST;
    if (target->cell == TURN_NEW_CELL)
        return enter_new_cell(errands, &errand->errand);
    if (errand->cell >= errands->cells->count)
        errand->cell %= errands->cells->count;
    return 0;
}

/* ---- Calls ---- */

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

/* Room for all targets of the turn. */
static struct gather *gather_for(struct request *request, const struct workload *workload)
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
        ask->child = take_spare(errands, mine);
    ask->error = begin(errands, ask->child, ERRAND_CHILD, request, target);
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
        clock_now_ns() + (turn->deadline_ns ? turn->deadline_ns : config->call_timeout_ns);
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
    if (atomic_fetch_sub_explicit(&gather->left, count, memory_order_acq_rel) != count)
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

/* Release: who sees that this one has ended sees those that it began. */
static void count_end(struct counters *mine)
{
    if (mine->shared) {
        atomic_fetch_add_explicit(&mine->ended, 1, memory_order_release);
        return;
    }
    uint64_t ended = atomic_load_explicit(&mine->ended, memory_order_relaxed);
    atomic_store_explicit(&mine->ended, ended + 1, memory_order_release);
}

struct request *errands_ended(struct errands *errands, struct counters *mine,
                              struct request *request)
{
    struct errand *errand = &request->errand;
    if (errand->has_cell)
        errand_leave_cell(errand, errands->config->workload);
    if (errand->kind == ERRAND_CHILD) {
        struct gather *gather = errand->asker;
        int wanted = WANTED;
        if (atomic_compare_exchange_strong_explicit(&errand->fate, &wanted, ENDED,
                                                    memory_order_acq_rel, memory_order_acquire))
            return take_off(gather, 1);
    } else {
        counter_add_mine(mine, &mine->returned, 1);
    }
    give_spare(errands, mine, request);
    count_end(mine);
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
        counter_add_mine(mine, &mine->begun, 1);
        if (!atomic_compare_exchange_strong_explicit(&ask->child->errand.fate, &wanted, LATE,
                                                     memory_order_acq_rel, memory_order_acquire)) {
            count_end(mine);
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

/* ---- One-way messages ---- */

/* Every thread has a part of the limit, which wanders with the messages: whoever ends them says so
 * in a counter of its own, and whoever has none left takes what all others have ended and have not
 * used. So the limit holds to the unit, and mostly nobody touches another thread's cache lines.
 * Returns how many of those wanted may be sent. */
static uint32_t take_credit(struct errands *errands, struct counters *mine, uint32_t wanted)
{
    int64_t found = 0;
    if (atomic_load_explicit(&mine->credit, memory_order_relaxed) >= wanted) {
        if (atomic_fetch_sub_explicit(&mine->credit, wanted, memory_order_relaxed) >= wanted)
            return wanted;
        found = wanted; /* somebody else came in between: what we took was not there */
    }
    pthread_mutex_lock(&errands->lock);
    for (struct counters *c = errands->counters; c < errands->counters + errands->count; c++) {
        if (atomic_load_explicit(&c->credit, memory_order_relaxed) != 0)
            found += atomic_exchange_explicit(&c->credit, 0, memory_order_relaxed);
        uint64_t returned = atomic_load_explicit(&c->returned, memory_order_relaxed);
        found += (int64_t)(returned - c->collected);
        c->collected = returned;
    }
    uint32_t granted = found >= wanted ? wanted : found > 0 ? (uint32_t)found : 0;
    if (found != granted)
        atomic_fetch_add_explicit(&mine->credit, found - granted, memory_order_relaxed);
    pthread_mutex_unlock(&errands->lock);
    return granted;
}

int errands_message(struct errands *errands, struct counters *mine, const struct request *request,
                    const struct turn_target *target, struct request **message)
{
    *message = take_spare(errands, mine);
    int error = begin(errands, *message, ERRAND_MESSAGE, request, target);
    if (error)
        give_spare(errands, mine, *message);
    return error;
}

struct gather *errands_send_begin(struct errands *errands, struct counters *mine,
                                  struct request *request, uint32_t *credit)
{
    struct gather *gather = gather_for(request, errands->config->workload);
    *credit = take_credit(errands, mine, gather->len);
    /* Before they are: somebody may end them at once. */
    counter_add_mine(mine, &mine->begun, *credit);
    return gather;
}

void errands_send_end(struct counters *mine, struct request *request, uint32_t credit,
                      uint32_t sent)
{
    if (sent < credit) { /* some were not for a cell, or there was no memory for it */
        atomic_fetch_add_explicit(&mine->credit, credit - sent, memory_order_relaxed);
        counter_add_mine(mine, &mine->ended, credit - sent);
    }
    counter_add_mine(mine, &mine->sends, sent);
    request->turn.event = TURN_SENT;
}

struct request *errands_send(struct errands *errands, struct counters *mine,
                             struct request *request)
{
    struct request *first = NULL, **last = &first;
    uint32_t credit, sent = 0;
    struct gather *gather = errands_send_begin(errands, mine, request, &credit);
    for (uint32_t i = 0; i < gather->len; i++) {
        const struct turn_target *target = &request->turn.targets[i];
        int status = target->cell == TURN_DOWNSTREAM ? -EINVAL : sent < credit ? 0 : -EAGAIN;
        if (status == 0 && (status = errands_message(errands, mine, request, target, last)) == 0) {
            last = &(*last)->next;
            sent++;
        }
        gather->answers[i] = (struct turn_answer){.status = status};
    }
    *last = NULL;
    errands_send_end(mine, request, credit, sent);
    return first;
}

void errands_keep_body(struct request *request)
{
    struct bytes *body = &request->errand.body;
    body->len = 0;
    bytes_append(body, request->in, request->in_len);
    request->in = body->len > 0 ? body->data : (const uint8_t *)"";
}

struct request *errands_make(struct errands *errands, struct counters *mine)
{
    struct request *request = take_spare(errands, mine);
    request->errand.kind = ERRAND_MESSAGE;
    return request;
}

/* Ends are read before beginnings, and there are never fewer beginnings: if the sums are equal they
 * were so in between, too. Acquire: with an end we see what that one had begun. */
bool errands_idle(const struct errands *errands)
{
    uint64_t ended = 0, begun = 0;
    for (unsigned i = 0; i < errands->count; i++)
        ended += atomic_load_explicit(&errands->counters[i].ended, memory_order_acquire);
    for (unsigned i = 0; i < errands->count; i++)
        begun += atomic_load_explicit(&errands->counters[i].begun, memory_order_acquire);
    return begun == ended;
}
