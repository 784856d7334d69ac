/* SPDX-License-Identifier: MIT */
#include "offload.h"

#include "cpus.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct helper {
    struct offload *offload;
    pthread_t thread;
    pthread_cond_t wake;
    bool woken; /* taken off the idle stack */
    struct helper *below;
};

struct offload {
    struct offload_config config;
    pthread_mutex_t lock; /* protects everything below */
    struct request *first, **last;
    struct helper *idle; /* asleep; the most recent on top */
    unsigned made;
    bool closed;
    struct helper helpers[];
};

/* Under the lock: sleeps until somebody takes this helper off the idle stack. */
static void sleep_here(struct offload *offload, struct helper *me)
{
    me->woken = false;
    me->below = offload->idle;
    offload->idle = me;
    atomic_fetch_add_explicit(offload->config.sleeps, 1, memory_order_relaxed);
    while (!me->woken)
        pthread_cond_wait(&me->wake, &offload->lock);
}

/* Under the lock: the helper to be signalled when the lock is free again; NULL if none sleeps. */
static struct helper *pop_idle(struct offload *offload)
{
    struct helper *helper = offload->idle;
    if (helper) {
        offload->idle = helper->below;
        helper->woken = true;
    }
    return helper;
}

/* Under the lock. */
static struct request *pop(struct offload *offload)
{
    struct request *request = offload->first;
    if (request && !(offload->first = request->next))
        offload->last = &offload->first;
    return request;
}

static void *helper_main(void *arg)
{
    struct helper *me = arg;
    struct offload *offload = me->offload;
    pthread_mutex_lock(&offload->lock);
    for (;;) {
        struct request *request = pop(offload);
        if (request) {
            pthread_mutex_unlock(&offload->lock);
            offload->config.run(offload->config.arg, request);
            pthread_mutex_lock(&offload->lock);
        } else if (offload->closed) {
            break;
        } else {
            sleep_here(offload, me);
        }
    }
    pthread_mutex_unlock(&offload->lock);
    return NULL;
}

int offload_create(struct offload **out, const struct offload_config *config)
{
    if (config->threads == 0)
        return -EINVAL;
    struct offload *offload =
        calloc(1, sizeof *offload + config->threads * sizeof offload->helpers[0]);
    if (!offload)
        return -ENOMEM;
    offload->config = *config;
    offload->last = &offload->first;
    pthread_mutex_init(&offload->lock, NULL);
    for (unsigned i = 0; i < config->threads; i++) {
        offload->helpers[i].offload = offload;
        pthread_cond_init(&offload->helpers[i].wake, NULL);
    }
    *out = offload;
    return 0;
}

/* Under the lock: one more thread, if there may be. False: there is none at all. */
static bool grow(struct offload *offload)
{
    struct helper *next = &offload->helpers[offload->made];
    if (offload->made < offload->config.threads &&
        cpus_thread_create(&next->thread, offload->config.cpus, "helper", helper_main, next) == 0)
        offload->made++;
    return offload->made > 0;
}

bool offload_submit(struct offload *offload, struct request *request)
{
    request->next = NULL;
    pthread_mutex_lock(&offload->lock);
    struct helper *helper = pop_idle(offload);
    bool runs = helper || grow(offload);
    if (runs) {
        *offload->last = request;
        offload->last = &request->next;
    }
    pthread_mutex_unlock(&offload->lock);
    if (helper)
        pthread_cond_signal(&helper->wake);
    if (!runs)
        offload->config.run(offload->config.arg, request);
    return helper;
}

unsigned offload_threads(struct offload *offload)
{
    if (!offload)
        return 0;
    pthread_mutex_lock(&offload->lock);
    unsigned made = offload->made;
    pthread_mutex_unlock(&offload->lock);
    return made;
}

void offload_destroy(struct offload *offload)
{
    if (!offload)
        return;
    pthread_mutex_lock(&offload->lock);
    offload->closed = true;
    for (struct helper *helper; (helper = pop_idle(offload));)
        pthread_cond_signal(&helper->wake);
    pthread_mutex_unlock(&offload->lock);
    for (unsigned i = 0; i < offload->made; i++)
        pthread_join(offload->helpers[i].thread, NULL);
    for (unsigned i = 0; i < offload->config.threads; i++)
        pthread_cond_destroy(&offload->helpers[i].wake);
    pthread_mutex_destroy(&offload->lock);
    free(offload);
}
