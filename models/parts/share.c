/* SPDX-License-Identifier: MIT */
/*
 * The non-blocking face of the pool. Usually a share has slots of its own for good (`roams` is
 * false). With fewer connections than shares they roam: a slot belongs to a share for one call, and
 * is then given to the share that has waited longest, or put on the pool's idle list.
 */
#include "pool.h"
#include "slot.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct call_list {
    struct pool_call *first, **last;
};

struct pool_share {
    struct pool *pool;
    int epoll_fd;
    void (*wake)(void *arg);
    void *arg;
    bool roams;
    struct slot *mine; /* all slots that it has, through sibling */
    struct slot *free; /* those without a call */
    struct call_list queue, failed;
    unsigned open;   /* calls started and not yet done */
    uint64_t due_ns; /* not after the first deadline */

    /* Under pool->lock. */
    bool waits;
    struct pool_share *next_waiting;
    struct slot *gifts;
    /* Set (release) after a gift was put there, read (acquire) each round, so that the lock is only
     * taken when there is one. */
    _Atomic bool gifted;
};

static void append(struct call_list *list, struct pool_call *call)
{
    call->next = NULL;
    *list->last = call;
    list->last = &call->next;
}

static struct pool_call *shift(struct call_list *list)
{
    struct pool_call *call = list->first;
    if (call && !(list->first = call->next))
        list->last = &list->first;
    return call;
}

static void adopt(struct pool_share *share, struct slot *slot);

int pool_share_create(struct pool_share **out, const struct pool_share_config *config)
{
    struct pool *pool = config->pool;
    struct pool_share *share = calloc(1, sizeof *share);
    if (!share)
        return -ENOMEM;
    share->pool = pool;
    share->epoll_fd = config->epoll_fd;
    share->wake = config->wake;
    share->arg = config->arg;
    share->roams = pool->connections < config->shares;
    share->queue.last = &share->queue.first;
    share->failed.last = &share->failed.first;
    for (unsigned i = config->index; i < pool->connections && !share->roams; i += config->shares)
        adopt(share, &pool->slots[i]);
    *out = share;
    return 0;
}

void pool_share_destroy(struct pool_share *share)
{
    if (!share)
        return;
    for (struct slot *slot = share->mine; slot; slot = slot->sibling)
        slot_close(slot);
    free(share);
}

static void slot_ready(struct event_source *source, uint32_t events);

static void adopt(struct pool_share *share, struct slot *slot)
{
    slot->source.ready = slot_ready;
    slot->owner = share;
    slot->epoll_fd = share->epoll_fd;
    slot->sibling = share->mine;
    share->mine = slot;
    slot->next = share->free;
    share->free = slot;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &slot->source};
    if (slot->fd >= 0 && epoll_ctl(share->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) < 0)
        slot_close(slot);
}

static void disown(struct pool_share *share, struct slot *slot)
{
    struct slot **at = &share->mine;
    while (*at != slot)
        at = &(*at)->sibling;
    *at = slot->sibling;
    slot->owner = NULL;
    if (slot->fd >= 0)
        epoll_ctl(share->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
}

static void wait_in_line(struct pool_share *share) /* under the lock */
{
    struct pool_share **at = &share->pool->waiting;
    while (*at)
        at = &(*at)->next_waiting;
    *at = share;
    share->next_waiting = NULL;
    share->waits = true;
}

/* A slot that this share may use now, or NULL; then one will be given to it. */
static struct slot *take_slot(struct pool_share *share)
{
    if (!share->free && share->roams) {
        struct pool *pool = share->pool;
        pthread_mutex_lock(&pool->lock);
        struct slot *slot = pool->idle;
        if (slot)
            pool->idle = slot->next;
        else if (!share->waits)
            wait_in_line(share);
        pthread_mutex_unlock(&pool->lock);
        if (slot)
            adopt(share, slot);
    }
    struct slot *slot = share->free;
    if (slot)
        share->free = slot->next;
    return slot;
}

static void free_slot(struct pool_share *share, struct slot *slot)
{
    if (!share->roams) {
        slot->next = share->free;
        share->free = slot;
        return;
    }
    struct pool *pool = share->pool;
    disown(share, slot);
    pthread_mutex_lock(&pool->lock);
    struct pool_share *next = pool->waiting;
    if (next) {
        pool->waiting = next->next_waiting;
        next->waits = false;
        slot->next = next->gifts;
        next->gifts = slot;
        atomic_store_explicit(&next->gifted, true, memory_order_release);
    } else {
        slot->next = pool->idle;
        pool->idle = slot;
    }
    pthread_mutex_unlock(&pool->lock);
    if (next && next != share)
        next->wake(next->arg);
}

static void end_call(struct pool_share *share, struct slot *slot, int result)
{
    slot_end(slot, result);
    free_slot(share, slot);
    share->open--;
}

/* Starts queued calls while there are slots. What fails at once is delivered in the next round. */
static void pump(struct pool_share *share)
{
    struct slot *slot;
    while (share->queue.first && (slot = take_slot(share))) {
        struct pool_call *call = shift(&share->queue);
        int error = slot_begin(slot, call);
        if (!error)
            error = slot_progress(slot, 0);
        if (error != -EAGAIN) {
            end_call(share, slot, error);
            append(&share->failed, call);
        }
    }
}

void pool_share_start(struct pool_share *share, struct pool_call *call)
{
    if (share->open++ == 0 || call->deadline_ns < share->due_ns)
        share->due_ns = call->deadline_ns;
    append(&share->queue, call);
    pump(share);
}

static void slot_ready(struct event_source *source, uint32_t events)
{
    struct slot *slot = (struct slot *)(void *)source; /* its first member */
    struct pool_share *share = slot->owner;
    struct pool_call *call = slot->call;
    if (!call) { /* idle: the peer closes, or says what nobody asked for */
        if (events & ~(uint32_t)EPOLLOUT)
            slot_close(slot);
        return;
    }
    int result = slot_progress(slot, events);
    if (result == -EAGAIN)
        return;
    end_call(share, slot, result);
    pump(share);
    call->done(call);
}

static void take_gifts(struct pool_share *share)
{
    struct pool *pool = share->pool;
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = share->gifts;
    share->gifts = NULL;
    atomic_store_explicit(&share->gifted, false, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    while (slot) {
        struct slot *next = slot->next;
        adopt(share, slot);
        slot = next;
    }
    pump(share);
    while ((slot = share->free)) { /* its call is not there any more: on to the next share */
        share->free = slot->next;
        free_slot(share, slot);
    }
}

static void expire(struct pool_share *share, uint64_t now)
{
    share->due_ns = UINT64_MAX;
    for (struct slot *slot = share->mine, *next; slot; slot = next) {
        struct pool_call *call = slot->call;
        next = slot->sibling;
        if (call && call->deadline_ns <= now) {
            end_call(share, slot, -ETIMEDOUT);
            append(&share->failed, call);
        } else if (call && call->deadline_ns < share->due_ns) {
            share->due_ns = call->deadline_ns;
        }
    }
    struct call_list waiting = share->queue;
    if (waiting.last == &share->queue.first)
        waiting.last = &waiting.first;
    share->queue = (struct call_list){NULL, &share->queue.first};
    struct pool_call *call;
    while ((call = shift(&waiting))) {
        if (call->deadline_ns <= now) {
            call->status = -ETIMEDOUT;
            call->answer.len = 0;
            share->open--;
            append(&share->failed, call);
        } else {
            if (call->deadline_ns < share->due_ns)
                share->due_ns = call->deadline_ns;
            append(&share->queue, call);
        }
    }
    pump(share);
}

void pool_share_run(struct pool_share *share, uint64_t now)
{
    if (atomic_load_explicit(&share->gifted, memory_order_acquire))
        take_gifts(share);
    if (share->open && now >= share->due_ns)
        expire(share, now);
    struct pool_call *call = share->failed.first;
    share->failed = (struct call_list){NULL, &share->failed.first};
    while (call) { /* done() may start it again: its next is read before */
        struct pool_call *next = call->next;
        call->done(call);
        call = next;
    }
}

uint64_t pool_share_due_ns(const struct pool_share *share)
{
    if (share->failed.first || atomic_load_explicit(&share->gifted, memory_order_acquire))
        return 0;
    return share->open ? share->due_ns : UINT64_MAX;
}
