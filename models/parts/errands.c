/* SPDX-License-Identifier: MIT */
#include "errands_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* The spare ones of threads that share counters are under the lock. */
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

static void give_shared(struct errands *errands, struct errands_spare *spare,
                        struct request *request)
{
    pthread_mutex_lock(&errands->lock);
    request->next = spare->first;
    spare->first = request;
    pthread_mutex_unlock(&errands->lock);
}

static void give_lot(struct errands *errands, struct request *lot)
{
    pthread_mutex_lock(&errands->lock);
    lot->link = errands->depot;
    errands->depot = lot;
    pthread_mutex_unlock(&errands->lock);
}

struct request *errands_take(struct errands *errands, const struct counters *mine)
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

void errands_give(struct errands *errands, const struct counters *mine, struct request *request)
{
    struct errands_spare *spare = &errands->spare[mine - errands->counters];
    if (mine->shared) {
        give_shared(errands, spare, request);
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

void errand_leave_cell(struct request *request, const struct workload *workload)
{
    request->has_cell = false;
    if (workload->cell_close)
        workload->cell_close(request->errand.cell);
}

static int enter_new_cell(const struct errands *errands, struct request *request)
{
    const struct workload *workload = errands->config->workload;
    struct errand *errand = &request->errand;
    if (workload->cell_size == 0)
        return 0;
    if (!errand->cell && !(errand->cell = malloc(workload->cell_size)))
        return -ENOMEM;
    memset(errand->cell, 0, workload->cell_size);
    int error = workload->cell_open
                    ? workload->cell_open(errand->cell, TURN_NEW_CELL, errands->config->setup)
                    : 0;
    request->has_cell = !error;
    return error;
}

void errand_finish(struct request *request, const struct workload *workload)
{
    if (request->has_cell)
        errand_leave_cell(request, workload);
    bytes_finish(&request->errand.body);
    free(request->errand.cell);
}

int errands_begin(const struct errands *errands, struct request *errand, enum errand_kind kind,
                  const struct request *asker, const struct turn_target *target)
{
    struct bytes *body = &errand->errand.body;
    errand->kind = kind;
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
        return enter_new_cell(errands, errand);
    if (errand->cell >= errands->cells->count)
        errand->cell %= errands->cells->count;
    return 0;
}

struct request *errands_make(struct errands *errands, struct counters *mine)
{
    struct request *request = errands_take(errands, mine);
    request->kind = ERRAND_MESSAGE;
    return request;
}

/* Ends are read before beginnings, and there are never fewer beginnings: if the sums are equal they
 * were so in between, too. Acquire: with an end we see what that one had begun. */
bool errands_idle(const struct errands *errands)
{
    uint64_t ended = 0, begun = 0;
    for (unsigned i = 0; i < errands->count; i++)
        ended += atomic_load_explicit(&errands->counters[i].ended, memory_order_acquire) +
                 atomic_load_explicit(&errands->counters[i].returned, memory_order_acquire);
    for (unsigned i = 0; i < errands->count; i++)
        begun += atomic_load_explicit(&errands->counters[i].begun, memory_order_acquire);
    return begun == ended;
}
