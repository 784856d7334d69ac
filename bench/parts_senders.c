/* SPDX-License-Identifier: MIT */
/*
 * One reader and several senders on other CPUs: an iteration is one mail (or task) received.
 * Senders have a few letters of their own and reuse one when it was read, so nothing is allocated
 * and nobody runs ahead for ever. With more senders than other CPUs the row shows shape only.
 */
#include "parts.h"
#include "parts_pair.h"

#include "parts/cpus.h"
#include "parts/mailbox.h"
#include "parts/queue.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 128, SENDERS_MAX = 64 };

struct letter {
    struct mail mail; /* first: a mail is its letter */
    unsigned sender;
    int64_t number;
    /* Under way. Acquire when the sender finds it read, release when the reader has read it: the
     * sender may write to it then. */
    atomic_bool sent;
};

struct senders;
struct sender {
    _Alignas(128) pthread_t thread;
    struct senders *all;
    unsigned index;
    int64_t wakeups; /* the pushes that found the reader asleep; read when it has ended */
    struct letter letters[LETTERS];
};

struct way {
    const char *name;
    /* By a sender. True: it had to wake the reader. */
    bool (*push)(struct senders *senders, struct letter *letter);
    struct letter *(*pop)(struct senders *senders); /* by the reader; waits */
};

struct senders {
    const struct way *way;
    unsigned count;
    struct sender *each;
    struct mailbox mailbox;
    struct queue queue;
    struct queue_worker worker;
    /* How many letters all of them send together; 0: not known yet, -1: none, it failed. It is the
     * signal to begin. Relaxed: nothing else goes with it. */
    _Atomic int64_t total;
};

static bool mailbox_way_push(struct senders *senders, struct letter *letter)
{
    mailbox_push(&senders->mailbox, &letter->mail);
    return false;
}

/* A reader that never rests: no wake-up is in the figure. */
static struct letter *mailbox_way_pop(struct senders *senders)
{
    for (unsigned tries = 1;; tries++) {
        struct mail *mail = mailbox_pop(&senders->mailbox);
        if (mail)
            return (struct letter *)(void *)mail;
        if (tries % 256 == 0)
            sched_yield();
    }
}

static bool queue_way_push(struct senders *senders, struct letter *letter)
{
    int result;
    while ((result = queue_push(&senders->queue, letter)) == -EAGAIN)
        sched_yield();
    return result == 1;
}

static struct letter *queue_way_pop(struct senders *senders)
{
    return queue_pop(&senders->queue, &senders->worker);
}

static const struct way ways[] = {
    {"mailbox", mailbox_way_push, mailbox_way_pop},
    {"queue", queue_way_push, queue_way_pop},
};

static void *sender_main(void *arg)
{
    struct sender *sender = arg;
    struct senders *senders = sender->all;
    int64_t total;
    while ((total = atomic_load_explicit(&senders->total, memory_order_relaxed)) == 0)
        sched_yield();
    for (int64_t i = 0; i * senders->count + sender->index < total; i++) {
        struct letter *letter = &sender->letters[i % LETTERS];
        for (unsigned tries = 1; atomic_load_explicit(&letter->sent, memory_order_acquire); tries++)
            if (tries % 256 == 0)
                sched_yield();
        letter->number = i;
        atomic_store_explicit(&letter->sent, true, memory_order_relaxed);
        sender->wakeups += senders->way->push(senders, letter);
    }
    return NULL;
}

/* Reads all that is sent. False: something came twice, or out of order. */
static bool read_all(struct senders *senders, int64_t total)
{
    int64_t next[SENDERS_MAX] = {0};
    bool good = true;
    for (int64_t left = total; left > 0; left--) {
        struct letter *letter = senders->way->pop(senders);
        good &= letter->number == next[letter->sender]++;
        atomic_store_explicit(&letter->sent, false, memory_order_release);
    }
    return good;
}

static int start(struct senders *senders)
{
    senders->each = aligned_alloc(_Alignof(struct sender), senders->count * sizeof *senders->each);
    if (!senders->each)
        return -ENOMEM;
    memset(senders->each, 0, senders->count * sizeof *senders->each);
    int err = 0;
    for (unsigned i = 0; i < senders->count && err == 0; i++) {
        struct sender *sender = &senders->each[i];
        sender->all = senders;
        sender->index = i;
        for (unsigned l = 0; l < LETTERS; l++)
            sender->letters[l].sender = i;
        char cpu[16];
        snprintf(cpu, sizeof cpu, "%d", parts_cpu(1 + (int)(i % (unsigned)(parts_cpus() - 1))));
        err = cpus_thread_create(&sender->thread, cpu, "sender", sender_main, sender);
        if (err != 0)
            senders->count = i;
    }
    return err;
}

static void measure(struct gbench_state *state, struct senders *senders)
{
    const int64_t n = gbench_begin(state);
    atomic_store_explicit(&senders->total, n > 0 ? n : -1, memory_order_relaxed);
    if (n == 0)
        return;
    const bool good = read_all(senders, n);
    gbench_end(state);
    if (!good)
        gbench_fail(state, "a letter came twice, or out of order");
}

static void report(struct gbench_state *state, const struct senders *senders)
{
    int64_t wakeups = 0;
    for (unsigned i = 0; i < senders->count; i++)
        wakeups += senders->each[i].wakeups;
    gbench_counter(state, "senders", senders->count, GBENCH_TOTAL);
    gbench_counter(state, "sender_cpus", parts_cpus() - 1, GBENCH_TOTAL);
    gbench_counter(state, "wakeups_per_iteration", (double)wakeups, GBENCH_PER_ITERATION);
}

struct crowd {
    const struct way *way;
    unsigned count;
};

static void many_to_one(struct gbench_state *state, void *arg)
{
    const struct crowd *crowd = arg;
    struct senders senders = {.way = crowd->way, .count = crowd->count};
    cpu_set_t before;
    char mine[16];
    pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    snprintf(mine, sizeof mine, "%d", parts_cpu(0));
    mailbox_init(&senders.mailbox);
    int err = queue_init(&senders.queue, 1024);
    if (err == 0)
        err = queue_worker_init(&senders.worker);
    if (err == 0)
        err = start(&senders);
    if (err == 0) {
        cpus_pin_self(mine);
        measure(state, &senders);
    } else {
        atomic_store_explicit(&senders.total, -1, memory_order_relaxed);
        gbench_fail(state, strerror(-err));
    }
    for (unsigned i = 0; senders.each && i < senders.count; i++)
        pthread_join(senders.each[i].thread, NULL);
    if (err == 0)
        report(state, &senders);
    free(senders.each);
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    queue_worker_finish(&senders.worker);
    queue_finish(&senders.queue);
}

/* One, and one for every other CPU (two at least). */
void parts_senders_register(void)
{
    static struct crowd crowds[4];
    size_t used = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const unsigned others = (unsigned)parts_cpus() - 1;
        const unsigned counts[] = {1, others < 2 ? 2 : others < SENDERS_MAX ? others : SENDERS_MAX};
        for (size_t c = 0; c < 2; c++) {
            if (others == 0) {
                parts_skip();
                continue;
            }
            char name[64];
            snprintf(name, sizeof name, "parts/%s/senders_%u", ways[i].name, counts[c]);
            crowds[used] = (struct crowd){&ways[i], counts[c]};
            gbench_register(name, many_to_one, &crowds[used++], NULL);
        }
    }
}
