/* SPDX-License-Identifier: MIT */
#include "in_place.h"

#include "clock.h"
#include "syscalls.h"

#include <errno.h>
#include <sched.h>

/* A thread that sleeps for long looks up this often to see if stop() gave up. */
#define SLICE_NS UINT64_C(50000000)

/* REPLIED, REJECTED: status and out are set. LATER: it goes on on another thread, do not touch it
 * any more. */
enum ran { REPLIED, REJECTED, ABANDONED, LATER };

static enum ran run_on(struct in_place *in_place, struct counters *mine, struct request *request,
                       uint64_t until_ns, enum turn_end end);

static bool abandoned(const struct in_place *in_place)
{
    return atomic_load_explicit(in_place->config.abandoned, memory_order_acquire);
}

bool in_place_sleep(const struct in_place *in_place, uint64_t due_ns)
{
    for (uint64_t now = clock_now_ns(); now < due_ns; now = clock_now_ns()) {
        if (abandoned(in_place))
            return false;
        struct timespec at = clock_timespec(due_ns - now > SLICE_NS ? now + SLICE_NS : due_ns);
        syscalls_count();
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    return true;
}

/* One turn, and on through forwards as long as the same lock serves. Counts all but one. */
static enum turn_end take_turns(struct in_place *in_place, struct counters *mine,
                                struct request *request)
{
    const struct errands *errands = &in_place->errands;
    const struct model_config *config = errands->config;
    enum turn_event event = request->turn.event;
    if (!errands->cells->state)
        return request_step(request, config->workload, NULL, event, config->setup);
    struct lock *lock = request->has_cell ? NULL : cell_locks_at(&in_place->locks, request->cell);
    enum turn_end end;
    uint64_t more = 0;
    if (lock)
        lock_take(lock);
    while ((end = request_step(request, config->workload, request_cell(request, errands->cells),
                               event, config->setup)) == TURN_FORWARD &&
           cell_locks_at(&in_place->locks, request->cell) == lock) {
        event = TURN_REQUEST;
        more++;
    }
    if (lock)
        lock_give(lock);
    if (more)
        counter_add_mine(mine, &mine->turns, more);
    return end;
}

static enum ran run(struct in_place *in_place, struct counters *mine, struct request *request,
                    uint64_t until_ns)
{
    if (abandoned(in_place))
        return ABANDONED;
    enum turn_end end = take_turns(in_place, mine, request);
    counter_add_mine(mine, &mine->turns, 1);
    return end == TURN_REPLY ? REPLIED : run_on(in_place, mine, request, until_ns, end);
}

/* Children, one after the other. True: one of them goes on elsewhere, and cannot be there before
 * until_ns. */
static bool run_children(struct in_place *in_place, struct counters *mine, struct gather *gather,
                         uint64_t until_ns)
{
    bool later = false;
    for (uint32_t i = 0; i < gather->len; i++) {
        struct ask *ask = &gather->asks[i];
        if (ask->kind != ASK_CELL)
            continue;
        enum ran how = run(in_place, mine, ask->child, until_ns);
        later |= how == LATER;
        if (how == ABANDONED)
            request_refuse(ask->child);
        if (how != LATER)
            errands_ended(&in_place->errands, mine, ask->child);
    }
    return later;
}

static void call_downstream(struct in_place *in_place, struct counters *mine,
                            struct pool_call *calls)
{
    unsigned woken = pool_call_all(in_place->pool, calls);
    if (woken)
        counter_add_mine(mine, &mine->wakeups, woken);
    for (; calls; calls = calls->next)
        errands_answered(&in_place->errands, mine, ask_of_call(calls));
}

/* False: the request goes on elsewhere, when its children are there. */
static bool call(struct in_place *in_place, struct counters *mine, struct request *request,
                 uint64_t until_ns)
{
    struct errands *errands = &in_place->errands;
    struct gather *gather = errands_call(errands, mine, request);
    struct pool_call *calls = NULL;
    for (uint32_t i = gather->len; i-- > 0;) {
        if (gather->asks[i].kind != ASK_DOWNSTREAM)
            continue;
        gather->asks[i].call.next = calls;
        calls = &gather->asks[i].call;
    }
    if (calls)
        call_downstream(in_place, mine, calls);
    if (gather->children) {
        bool ours = gather->deadline_ns <= until_ns;
        if (run_children(in_place, mine, gather, ours ? gather->deadline_ns : until_ns) && ours) {
            in_place_sleep(in_place, gather->deadline_ns);
            errands_expire(errands, mine, gather);
            /* One that ended just then has not yet said so: or this request would go on twice. */
            while (!gather_is_whole(gather)) {
                syscalls_count();
                sched_yield();
            }
        }
    }
    return errands_started(gather);
}

static void send_all(struct in_place *in_place, struct counters *mine, struct request *request)
{
    struct request *message = errands_send(&in_place->errands, mine, request);
    for (struct request *next; message; message = next) {
        next = message->next;
        if (!in_place->config.later(in_place->config.arg, message))
            in_place_go_on(in_place, mine, message);
    }
}

/* until_ns: the deadline of those who wait for it, further up on this thread's stack. */
static enum ran run_on(struct in_place *in_place, struct counters *mine, struct request *request,
                       uint64_t until_ns, enum turn_end end)
{
    for (;;) {
        switch (end) {
        case TURN_REPLY:
            return REPLIED;
        case TURN_REJECT:
            return REJECTED;
        case TURN_FORWARD:
            request->turn.event = TURN_REQUEST;
            break;
        case TURN_WAIT:
            request->turn.event = TURN_WAKE;
            request->due_ns = clock_in_ns(request->turn.wait_ns);
            if (request->due_ns > until_ns && in_place->config.later(in_place->config.arg, request))
                return LATER;
            if (!in_place_sleep(in_place, request->due_ns))
                return ABANDONED;
            break;
        case TURN_CALL:
            if (!call(in_place, mine, request, until_ns))
                return LATER;
            break;
        case TURN_SEND:
            send_all(in_place, mine, request);
            break;
        case TURN_OFFLOAD:
            request_offload(request, in_place->config.model->setup);
            request->turn.event = TURN_DONE;
            counter_add_mine(mine, &mine->offloads, 1);
            break;
        }
        if (abandoned(in_place))
            return ABANDONED;
        end = take_turns(in_place, mine, request);
        counter_add_mine(mine, &mine->turns, 1);
    }
}

bool in_place_run(struct in_place *in_place, struct counters *mine, struct request *request)
{
    enum ran how = ABANDONED;
    if (!abandoned(in_place)) {
        request->turn.event = TURN_REQUEST;
        const struct model_config *model = in_place->config.model;
        enum turn_end end = in_place->cells.state ? take_turns(in_place, mine, request)
                                                  : request_step(request, model->workload, NULL,
                                                                 TURN_REQUEST, model->setup);
        if (end == TURN_REPLY) { /* most are done here, without what the others need */
            counter_add_mine(mine, &mine->at_once, 1);
            return true;
        }
        counter_add_mine(mine, &mine->turns, 1);
        how = run_on(in_place, mine, request, CLOCK_NEVER, end);
    }
    if (how == ABANDONED)
        request_refuse(request);
    counter_add_mine(mine, how == REPLIED ? &mine->answered : &mine->rejected, 1);
    return how != ABANDONED;
}

void in_place_go_on(struct in_place *in_place, struct counters *mine, struct request *request)
{
    while (request) {
        bool woken = request->turn.event != TURN_WAKE || in_place_sleep(in_place, request->due_ns);
        if (!woken || run(in_place, mine, request, CLOCK_NEVER) == ABANDONED)
            request_refuse(request);
        request = errands_ended(&in_place->errands, mine, request);
    }
}

void in_place_list_init(struct in_place_list *list)
{
    *list = (struct in_place_list){.last = &list->first};
    pthread_mutex_init(&list->lock, NULL);
}

void in_place_list_finish(struct in_place_list *list)
{
    pthread_mutex_destroy(&list->lock);
}

bool in_place_list_add(void *arg, struct request *request)
{
    struct in_place_list *list = arg;
    request->next = NULL;
    pthread_mutex_lock(&list->lock);
    *list->last = request;
    list->last = &request->next;
    atomic_fetch_add_explicit(&list->len, 1, memory_order_relaxed);
    pthread_mutex_unlock(&list->lock);
    return true;
}

static struct request *shift(struct in_place_list *list)
{
    pthread_mutex_lock(&list->lock);
    struct request *request = list->first;
    if (request) {
        atomic_fetch_sub_explicit(&list->len, 1, memory_order_relaxed);
        list->first = request->next;
        if (!list->first)
            list->last = &list->first;
    }
    pthread_mutex_unlock(&list->lock);
    return request;
}

void in_place_run_whole_list(struct in_place *in_place, struct counters *mine,
                             struct in_place_list *list)
{
    struct request *request;
    while ((request = shift(list)))
        in_place_go_on(in_place, mine, request);
}

int in_place_open(struct in_place *in_place, const struct in_place_config *config)
{
    const struct model_config *model = config->model;
    *in_place = (struct in_place){.config = *config};
    struct cells *cells = &in_place->cells;
    int error = cells_open(cells, model->workload, model->cells, model->setup);
    if (!error && config->locks != IN_PLACE_UNLOCKED)
        error =
            cell_locks_init(&in_place->locks, cells, config->locks ? config->locks : cells->count);
    if (!error)
        error = errands_init(&in_place->errands, model, cells, config->counters, config->own,
                             config->count);
    if (!error && model->downstream)
        error = pool_create(&in_place->pool,
                            &(struct pool_config){model->downstream, model->downstream_connections,
                                                  model->content_type});
    return error;
}

void in_place_close(struct in_place *in_place)
{
    pool_destroy(in_place->pool);
    errands_finish(&in_place->errands);
    cell_locks_finish(&in_place->locks);
    cells_close(&in_place->cells);
}
