/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include "gbench.h"
#include "parts/mailbox.h"
#include "parts/queue.h"
#include "parts/runq.h"

#include <stdlib.h>
#include <string.h>

/* One thread, nobody asleep: the lock and the ring. */
static void queue_push_pop(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct queue queue;
    struct queue_worker worker;
    int task, err = queue_init(&queue, 1024);
    if (err == 0)
        err = queue_worker_init(&worker);
    if (err != 0) {
        gbench_fail(state, strerror(-err));
        return;
    }
    void *last = &task;
    GBENCH_LOOP(state)
    {
        queue_push(&queue, last);
        last = queue_pop(&queue, &worker);
    }
    if (last != &task)
        gbench_fail(state, "another task came out");
    queue_worker_finish(&worker);
    queue_finish(&queue);
}

/* The sender finds the owner resting: push, pop, rest, as for a message to an idle actor. */
static void mailbox_idle(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct mailbox mailbox;
    struct mail mail;
    mailbox_init(&mailbox);
    bool good = true;
    GBENCH_LOOP(state)
    {
        good &= mailbox_push(&mailbox, &mail);
        good &= mailbox_pop(&mailbox) == &mail;
        good &= mailbox_rest(&mailbox);
    }
    if (!good)
        gbench_fail(state, "the mailbox lost a mail");
}

/* There is always more mail: push and pop only. */
static void mailbox_busy(struct gbench_state *state, void *arg)
{
    (void)arg;
    struct mailbox mailbox;
    struct mail mails[2];
    mailbox_init(&mailbox);
    mailbox_push(&mailbox, &mails[0]);
    struct mail *spare = &mails[1];
    GBENCH_LOOP(state)
    {
        mailbox_push(&mailbox, spare);
        spare = mailbox_pop(&mailbox);
    }
    if (!spare)
        gbench_fail(state, "the mailbox lost a mail");
}

/* A worker's own run queue: what it schedules and takes itself. */
static void runq_own(struct gbench_state *state, void *arg)
{
    (void)arg;
    static struct runq queue; /* zeroed is empty, and so it is again at the end */
    struct runnable item = {0}, *last = &item;
    bool good = true;
    GBENCH_LOOP(state)
    {
        good &= runq_push(&queue, last);
        last = runq_pop(&queue);
    }
    if (!good || last != &item)
        gbench_fail(state, "the queue lost an item");
}

/* A thief on the same thread: half of two, from a queue whose owner does nothing meanwhile. */
static void runq_theft(struct gbench_state *state, void *arg)
{
    (void)arg;
    static struct runq thief, victim;
    struct runnable items[2];
    int64_t stolen = 0;
    GBENCH_LOOP(state)
    {
        runq_push(&victim, &items[0]);
        runq_push(&victim, &items[1]);
        stolen += runq_steal(&thief, &victim) == &items[0];
        stolen += runq_pop(&victim) == &items[1];
    }
    gbench_counter(state, "answered_per_iteration", (double)stolen / 2, GBENCH_PER_ITERATION);
}

void parts_queues_register(void)
{
    gbench_register("parts/queue/push_pop", queue_push_pop, NULL, NULL);
    gbench_register("parts/mailbox/idle", mailbox_idle, NULL, NULL);
    gbench_register("parts/mailbox/busy", mailbox_busy, NULL, NULL);
    gbench_register("parts/runq/push_pop", runq_own, NULL, NULL);
    gbench_register("parts/runq/steal", runq_theft, NULL, NULL);
}
