/* SPDX-License-Identifier: MIT */
/*
 * The non-blocking face of the pool. A share keeps the slots that it once got, and its calls then
 * meet no other thread. Slots move only when a share runs out of them: it waits in line, and is
 * given those that others do not need at the moment, or have beyond their part (the bound divided
 * by the shares; nothing, if there are fewer slots than shares, so that every share has its turn).
 */
#include "pool.h"
#include "slot.h"
#include "syscalls.h"

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
    unsigned part;      /* slots that it need not give away while it has calls for them */
    unsigned count;     /* slots that it has */
    struct slot *mine;  /* all of them, through sibling */
    struct slot *spare; /* those without a call */
    /* Whether there are any, for other threads. A share that stops needing a slot stores this and
     * then reads waiting_count; one that wants a slot counts itself there and then reads this; all
     * sequentially consistent, so that at least one of them sees the other. */
    _Atomic bool has_spare;
    struct call_list queue, failed;
    unsigned open;   /* calls started and not yet done */
    uint64_t due_ns; /* not after the first deadline */

    /* Set with waits, cleared when a gift is taken: no need to ask again meanwhile. */
    bool waits_known;

    /* Under pool->lock. */
    bool waits;
    struct pool_share *next_waiting;
    struct pool_share *next_share;
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
    if (pool->connections >= config->shares)
        share->part = pool->connections / config->shares +
                      (config->index < pool->connections % config->shares);
    share->queue.last = &share->queue.first;
    share->failed.last = &share->failed.first;
    share->next_share = pool->shares;
    pool->shares = share;
    *out = share;
    return 0;
}

void pool_share_destroy(struct pool_share *share)
{
    if (!share)
        return;
    for (struct slot *slot = share->mine; slot; slot = slot->sibling)
        slot_close(slot);
    struct pool_share **at = &share->pool->shares;
    while (*at != share)
        at = &(*at)->next_share;
    *at = share->next_share;
    free(share);
}

static void slot_ready(struct event_source *source, uint32_t events);

/* A slot comes from the pool or another share. */
static void adopt(struct pool_share *share, struct slot *slot)
{
    slot->source.ready = slot_ready;
    slot->owner = share;
    slot->epoll_fd = share->epoll_fd;
    slot->sibling = share->mine;
    share->mine = slot;
    share->count++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &slot->source};
    if (slot->fd < 0)
        return;
    syscalls_count();
    if (epoll_ctl(share->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) < 0)
        slot_close(slot);
}

static void disown(struct pool_share *share, struct slot *slot)
{
    struct slot **at = &share->mine;
    while (*at != slot)
        at = &(*at)->sibling;
    *at = slot->sibling;
    share->count--;
    slot->owner = NULL;
    if (slot->fd < 0)
        return;
    syscalls_count();
    epoll_ctl(share->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
}

static void push_spare(struct pool_share *share, struct slot *slot)
{
    slot->next = share->spare;
    share->spare = slot;
    if (!slot->next)
        atomic_store(&share->has_spare, true);
}

static struct slot *pop_spare(struct pool_share *share)
{
    struct slot *slot = share->spare;
    if (slot && !(share->spare = slot->next))
        atomic_store_explicit(&share->has_spare, false, memory_order_relaxed);
    return slot;
}

/* Under the lock. */
static void wait_in_line(struct pool_share *share)
{
    struct pool_share **at = &share->pool->waiting;
    while (*at)
        at = &(*at)->next_waiting;
    *at = share;
    share->next_waiting = NULL;
    share->waits = true;
    atomic_fetch_add(&share->pool->waiting_count, 1);
}

/* A slot that this share may use now, or NULL; then it waits in line for one. */
static struct slot *take_slot(struct pool_share *share)
{
    struct pool *pool = share->pool;
    struct slot *slot = pop_spare(share);
    if (slot || share->waits_known)
        return slot;
    pthread_mutex_lock(&pool->lock);
    slot = pool->idle;
    if (slot)
        pool->idle = slot->next;
    else if (!share->waits)
        wait_in_line(share);
    share->waits_known = !slot;
    pthread_mutex_unlock(&pool->lock);
    if (slot) {
        adopt(share, slot);
        return slot;
    }
    for (struct pool_share *other = pool->shares; other; other = other->next_share) {
        if (other != share && atomic_load(&other->has_spare))
            other->wake(other->arg);
    }
    return NULL;
}

/* Gives a slot, which no event can name any more, to the share that waits longest. */
static void give(struct pool_share *share, struct slot *slot)
{
    struct pool *pool = share->pool;
    disown(share, slot);
    pthread_mutex_lock(&pool->lock);
    struct pool_share *next = pool->waiting;
    if (next) {
        pool->waiting = next->next_waiting;
        next->waits = false;
        atomic_fetch_sub_explicit(&pool->waiting_count, 1, memory_order_relaxed);
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

static bool somebody_waits(const struct pool_share *share)
{
    return atomic_load(&share->pool->waiting_count) > 0;
}

static void end_call(struct pool_share *share, struct slot *slot, int result)
{
    slot_end(slot, result);
    push_spare(share, slot);
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
    if (somebody_waits(share) && share->count > share->part)
        give(share, pop_spare(share)); /* this slot: its event has been taken, see give() */
    pump(share);
    call->done(call);
}

static void take_gifts(struct pool_share *share)
{
    struct pool *pool = share->pool;
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = share->gifts;
    share->gifts = NULL;
    share->waits_known = share->waits;
    atomic_store_explicit(&share->gifted, false, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    while (slot) {
        struct slot *next = slot->next;
        adopt(share, slot);
        push_spare(share, slot);
        slot = next;
    }
    pump(share);
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
    /* Here no event names a spare slot: those that were taken from epoll have been dealt with. */
    while (share->spare && somebody_waits(share))
        give(share, pop_spare(share));
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
