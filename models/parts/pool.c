/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include "clock.h"
#include "listener.h"
#include "slot.h"
#include "syscalls.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int pool_create(struct pool **out, const struct pool_config *config)
{
    if (config->connections == 0)
        return -EINVAL;
    struct pool *pool = calloc(1, sizeof *pool + config->connections * sizeof pool->slots[0]);
    if (!pool)
        return -ENOMEM;
    int error = address_parse(config->address, &pool->target.address, &pool->target.address_len);
    if (!error && !(pool->host = strdup(config->address)))
        error = -ENOMEM;
    if (error) {
        free(pool);
        return error;
    }
    pool->target.host = pool->host;
    pool->target.content_type = config->content_type;
    pool->connections = config->connections;
    atomic_init(&pool->give_up_ns, UINT64_MAX);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    for (unsigned i = pool->connections; i-- > 0;) {
        slot_init(&pool->slots[i], &pool->target);
        pool->slots[i].next = pool->idle;
        pool->idle = &pool->slots[i];
    }
    *out = pool;
    return 0;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->connections; i++)
        slot_finish(&pool->slots[i]);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->host);
    free(pool);
}

unsigned pool_in_use(const struct pool *pool)
{
    unsigned in_use = 0;
    for (unsigned i = 0; pool && i < pool->connections; i++)
        in_use += atomic_load_explicit(&pool->slots[i].busy, memory_order_relaxed);
    return in_use;
}

void pool_give_up_at(struct pool *pool, uint64_t give_up_ns)
{
    if (pool)
        atomic_store_explicit(&pool->give_up_ns, give_up_ns, memory_order_release);
}

/* How long to block now, a slice at most; 0: no longer. */
static uint64_t patience_ns(struct pool *pool, uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns();
    uint64_t end = atomic_load_explicit(&pool->give_up_ns, memory_order_acquire);
    if (end > deadline_ns)
        end = deadline_ns;
    if (now >= end)
        return 0;
    return end - now < SLOT_SLICE_NS ? end - now : SLOT_SLICE_NS;
}

/* NULL when the deadline (0: now) passed before a connection was free. */
static struct slot *take(struct pool *pool, uint64_t deadline_ns)
{
    uint64_t patience;
    pthread_mutex_lock(&pool->lock);
    while (!pool->idle && (patience = patience_ns(pool, deadline_ns)) > 0) {
        struct timespec until = clock_timespec(clock_now_ns() + patience);
        pool->sleepers++;
        syscalls_count();
        pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
        pool->sleepers--;
    }
    struct slot *slot = pool->idle;
    if (slot)
        pool->idle = slot->next;
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

/* Returns how many were woken by it. */
static unsigned give_back(struct pool *pool, struct slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->next = pool->idle;
    pool->idle = slot;
    bool wanted = pool->sleepers > 0;
    pthread_mutex_unlock(&pool->lock);
    if (!wanted)
        return 0;
    syscalls_count();
    pthread_cond_signal(&pool->freed);
    return 1;
}

static void fail(struct pool_call *call)
{
    call->status = -ETIMEDOUT;
    call->answer.len = 0;
}

/* Returns what has happened, as epoll would. */
static uint32_t await(const struct slot *slot, uint64_t ns)
{
    struct pollfd wait = {.fd = slot->fd, .events = slot_wants(slot)};
    struct timespec timeout = clock_timespec(ns);
    syscalls_count();
    int count = ppoll(&wait, 1, &timeout, NULL);
    return count > 0 ? (uint32_t)wait.revents : 0; /* POLLIN and its like equal EPOLLIN … */
}

static unsigned call_one(struct pool *pool, struct pool_call *call)
{
    struct slot *slot = take(pool, call->deadline_ns);
    if (!slot) {
        fail(call);
        return 0;
    }
    int result = slot_begin(slot, call);
    uint32_t events = 0;
    while (result == 0 && (result = slot_progress(slot, events)) == -EAGAIN) {
        uint64_t left = patience_ns(pool, call->deadline_ns);
        if (left == 0) {
            result = -ETIMEDOUT;
            break;
        }
        events = left >= SLOT_SLICE_NS && slot_block(slot) ? SLOT_BLOCK : await(slot, left);
        result = 0;
    }
    slot_end(slot, result);
    return give_back(pool, slot);
}

/* Those that one caller has under way. More would not fit on its stack. */
#define AT_ONCE 64
struct several {
    struct pool *pool;
    struct pool_call *waiting; /* not yet sent */
    struct slot *slots[AT_ONCE];
    unsigned count;
    unsigned woken; /* others, who waited for a connection */
};

/* Sends the next call that waits, and the one after it if that fails at once. Without any left the
 * slot goes back. */
static bool send_next(struct several *several, struct slot *slot)
{
    struct pool_call *call;
    while ((call = several->waiting)) {
        several->waiting = call->next;
        if (patience_ns(several->pool, call->deadline_ns) == 0) {
            fail(call);
            continue;
        }
        int result = slot_begin(slot, call);
        if (result == 0 && (result = slot_progress(slot, 0)) == -EAGAIN)
            return true;
        slot_end(slot, result);
    }
    several->woken += give_back(several->pool, slot);
    return false;
}

/* As many as there are connections for. One of them is worth waiting for; then the call has failed
 * if there was none in its time. */
static void send_more(struct several *several)
{
    while (several->waiting && several->count < AT_ONCE) {
        uint64_t deadline_ns = several->count > 0 ? 0 : several->waiting->deadline_ns;
        struct slot *slot = take(several->pool, deadline_ns);
        if (slot && send_next(several, slot)) {
            several->slots[several->count++] = slot;
        } else if (!slot && several->count > 0) {
            return;
        } else if (!slot) {
            fail(several->waiting);
            several->waiting = several->waiting->next;
        }
    }
}

/* Until something happens: each slot does what it can, and takes the next call when it has ended.
 */
static void progress(struct several *several)
{
    struct pollfd polls[AT_ONCE];
    uint64_t deadline_ns = UINT64_MAX;
    for (unsigned i = 0; i < several->count; i++) {
        const struct slot *slot = several->slots[i];
        polls[i] = (struct pollfd){.fd = slot->fd, .events = slot_wants(slot)};
        if (slot->call->deadline_ns < deadline_ns)
            deadline_ns = slot->call->deadline_ns;
    }
    uint64_t left = patience_ns(several->pool, deadline_ns);
    struct timespec timeout = clock_timespec(left);
    syscalls_count();
    int happened = ppoll(polls, several->count, &timeout, NULL);
    for (unsigned i = several->count; i-- > 0;) {
        struct slot *slot = several->slots[i];
        int result = -EAGAIN;
        if (happened > 0 && polls[i].revents)
            result = slot_progress(slot, (uint32_t)polls[i].revents); /* POLLIN equals EPOLLIN … */
        if (result == -EAGAIN && left == 0 &&
            patience_ns(several->pool, slot->call->deadline_ns) == 0)
            result = -ETIMEDOUT;
        if (result == -EAGAIN)
            continue;
        slot_end(slot, result);
        if (!send_next(several, slot))
            several->slots[i] = several->slots[--several->count];
    }
}

unsigned pool_call_all(struct pool *pool, struct pool_call *first)
{
    if (first && !first->next)
        return call_one(pool, first);
    struct several several = {.pool = pool, .waiting = first};
    for (;;) {
        send_more(&several);
        if (several.count == 0)
            return several.woken;
        progress(&several);
    }
}

int pool_call(struct pool *pool, struct pool_call *call)
{
    call_one(pool, call);
    return call->status;
}
