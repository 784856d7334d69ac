/* SPDX-License-Identifier: MIT */
/*
 * Contract: no connection is passed over. Every one always has a request outstanding, and one
 * thread serves them all: while one waits for its turn, how many has another? Where every
 * connection has a thread of its own, the kernel decides who is next, and nothing is asked here.
 */
#include "bed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OTHERS = 2, /* clients that are not counted: the first in, and the last */
    MANY = 320, /* more than a run queue of an actor's worker holds */
    TURNS = 8 * MANY,
    FEW = 12,
    PIPELINE = 60, /* requests of each, written before the first turn ends: one read takes all */
    BATCH = 8,
    /* Of a model that is not asked for any. Twice that may be seen: at the end of a round and at
     * the beginning of the next, or of a cell and of a connection that take turns (actor's slot).
     */
    OWN_BATCH = 1,
    AGAIN_MOST = 3, /* turns: the order may change a little between two rounds */
};

struct turns {
    struct probe *probe;
    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t more;
    bool in_step;             /* a turn begins when the reply before it is there and … */
    unsigned begun, answered; /* … its client has asked again; until then it waits */
    bool held;                /* the first turn, until everybody has asked; of who is not counted */
    unsigned clients;
    unsigned each; /* turns that are counted of each at most */
    bool over;     /* not everybody has a request outstanding any more */
    unsigned served[MANY], order[TURNS];
    /* Turns that somebody (the second) had since somebody else had one; and the most of them. */
    uint16_t passed[MANY][MANY];
    unsigned most;
};

/* Under the lock. */
static void count_turn(struct turns *turns, unsigned client)
{
    if (client >= turns->clients || turns->begun == TURNS)
        return;
    turns->order[turns->begun++] = client;
    turns->over |= ++turns->served[client] == turns->each; /* it has no more to ask for */
    if (turns->over)
        return;
    for (unsigned i = 0; i < turns->clients; i++) {
        unsigned passed = i == client ? 0 : ++turns->passed[i][client];
        turns->most = passed > turns->most ? passed : turns->most;
    }
    memset(turns->passed[client], 0, sizeof turns->passed[client]);
}

static enum turn_end step(void *cell, struct turn *turn, const void *setup)
{
    struct turns *turns = (struct turns *)(uintptr_t)setup;
    char number[16] = "";
    (void)cell;
    memcpy(number, turn->in, turn->in_len < sizeof number ? turn->in_len : sizeof number - 1);
    unsigned client = (unsigned)strtoul(number, NULL, 10) % (MANY + OTHERS);
    atomic_fetch_add(&turns->probe->turns, 1);
    pthread_mutex_lock(&turns->lock);
    while (turns->held || (turns->in_step && turns->answered < turns->begun))
        pthread_cond_wait(&turns->more, &turns->lock);
    count_turn(turns, client);
    pthread_cond_broadcast(&turns->more);
    pthread_mutex_unlock(&turns->lock);
    bytes_append(turn->out, turn->in, turn->in_len);
    return TURN_REPLY;
}

static const struct workload plain = {.name = "plain", .summary = "who is next?", .step = step};
static const struct workload celled = {
    .name = "celled", .summary = "who is next?", .cell_size = 8, .step = step};

static void turns_set(struct turns *turns, bool *what, bool value)
{
    pthread_mutex_lock(&turns->lock);
    *what = value;
    pthread_cond_broadcast(&turns->more);
    pthread_mutex_unlock(&turns->lock);
}

/* The client of turn number n, once that has begun. */
static unsigned turns_client(struct turns *turns, unsigned n)
{
    pthread_mutex_lock(&turns->lock);
    while (turns->begun <= n)
        pthread_cond_wait(&turns->more, &turns->lock);
    unsigned client = turns->order[n];
    pthread_mutex_unlock(&turns->lock);
    return client;
}

static bool ask(struct client *clients, unsigned client)
{
    char text[16];
    snprintf(text, sizeof text, "%u", client);
    return client_post(&clients[client], text);
}

/* For a whole pipeline, in one piece. */
static bool ask_for_much(struct client *clients, unsigned client)
{
    static char text[PIPELINE * 128];
    char body[16];
    size_t len = 0;
    snprintf(body, sizeof body, "%u", client);
    for (unsigned n = 0; n < PIPELINE; n++)
        len += client_format(text + len, sizeof text - len, body);
    return client_send(&clients[client], text, len);
}

static bool is_answered(struct client *clients, unsigned client)
{
    char text[16];
    snprintf(text, sizeof text, "%u", client);
    return client_expect(&clients[client], 200, text);
}

struct way {
    const struct workload *workload;
    unsigned batch; /* 0: the model's own */
};

static unsigned batch_of(const struct bed *bed)
{
    const struct way *way = bed->arg;
    return way->batch ? way->batch : OWN_BATCH;
}

/* Skips where there is nothing to be asked: of several threads, whether they share a queue or have
 * one each, the kernel decides which goes on; and so it does among connections that have a thread
 * each, as a model that is not known may. */
static void start(struct bed *bed, struct turns *turns, struct client *clients, unsigned count,
                  unsigned each)
{
    if (bed->threads != 1 || bed->waits == MODEL_WAITS_PER_CONNECTION ||
        bed->waits == MODEL_WAITS_UNTOLD) {
        bed_skip(bed, "the kernel decides which of its threads is next");
    }
    const struct way *way = bed->arg;
    *turns = (struct turns){.probe = &bed->probe, .held = true, .clients = count, .each = each};
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->more, NULL);
    bed->config.workload = way->workload;
    bed->config.setup = turns;
    bed->config.cells = count;
    bed->config.batch = way->batch;
    bed_start(bed);
    for (unsigned i = 0; i < count + OTHERS; i++)
        assert_true(client_open(&clients[i], bed->port));
    assert_true(bed_wait_accepted(bed, count + OTHERS));
    /* One more has the thread, until all others have asked. */
    assert_true(ask(clients, count));
    assert_true(bed_wait_turns(bed, 1));
}

/* What was seen is judged when nobody can wait for anybody any more. */
static void end(struct bed *bed, struct turns *turns, struct client *clients, bool well,
                unsigned most)
{
    turns_set(turns, &turns->held, false);
    turns_set(turns, &turns->in_step, false);
    for (unsigned i = 0; i < turns->clients + OTHERS; i++)
        client_close(&clients[i]);
    bed_stop(bed);
    pthread_cond_destroy(&turns->more);
    pthread_mutex_destroy(&turns->lock);
    assert_true(well);
    if (turns->most > most)
        fail_msg("%u turns of one, while another waited", turns->most);
}

/* Whoever is answered asks again at once, before the next turn begins. */
static void asked_again(struct bed *bed)
{
    static struct turns turns;
    static struct client clients[MANY + OTHERS];
    start(bed, &turns, clients, MANY, TURNS);
    bool well = true;
    turns_set(&turns, &turns.in_step, true);
    for (unsigned i = 0; i < MANY; i++)
        well = ask(clients, i) && well;
    turns_set(&turns, &turns.held, false);
    for (unsigned n = 0; well && n < TURNS; n++) {
        unsigned client = turns_client(&turns, n);
        well = is_answered(clients, client) && ask(clients, client);
        pthread_mutex_lock(&turns.lock);
        turns.answered++;
        pthread_cond_broadcast(&turns.more);
        pthread_mutex_unlock(&turns.lock);
    }
    turns_set(&turns, &turns.in_step, false);
    for (unsigned i = 0; well && i < MANY; i++)
        well = is_answered(clients, i);
    end(bed, &turns, clients, well, AGAIN_MOST);
}

/* All that a connection will ever ask is there from the beginning: a batch of it in a row. */
static void pipelined(struct bed *bed)
{
    static struct turns turns;
    static struct client clients[FEW + OTHERS];
    start(bed, &turns, clients, FEW, PIPELINE);
    bool well = true;
    for (unsigned i = 0; i < FEW; i++)
        well = ask_for_much(clients, i) && well;
    for (unsigned i = 0; i < FEW; i++)
        well = client_settle(&clients[i]) && well;
    well = ask(clients, FEW + 1) && well;
    /* A poller of its own, which takes them in order, has handed all of them over before this. */
    if (bed->waits == MODEL_WAITS_PER_THREAD)
        well = bed_wait_in_flight(bed, FEW + OTHERS) && well;
    turns_set(&turns, &turns.held, false);
    for (unsigned n = 0; n < PIPELINE; n++)
        for (unsigned i = 0; well && i < FEW; i++)
            well = is_answered(clients, i);
    end(bed, &turns, clients, well, 2 * batch_of(bed));
}

/* One has asked for much, and is being served when another comes and does so, too: it need not wait
 * until all of the first is done. */
static void joined(struct bed *bed)
{
    static struct turns turns;
    static struct client clients[2 + OTHERS];
    start(bed, &turns, clients, 2, PIPELINE);
    turns_set(&turns, &turns.in_step, true);
    bool well = ask_for_much(clients, 0) && client_settle(&clients[0]);
    turns_set(&turns, &turns.held, false);
    /* Its second turn does not end before it has asked again, so never. */
    well = well && turns_client(&turns, 0) == 0;
    well = well && ask_for_much(clients, 1) && client_settle(&clients[1]);
    if (bed->waits == MODEL_WAITS_PER_THREAD) /* as above */
        well = well && bed_wait_in_flight(bed, 2);
    turns_set(&turns, &turns.in_step, false);
    for (unsigned n = 0; n < PIPELINE; n++)
        for (unsigned i = 0; well && i < 2; i++)
            well = is_answered(clients, i);
    /* Whoever comes is seen after so many turns, or a time in which some ten go: by default, too.
     */
    end(bed, &turns, clients, well, 3 * BATCH);
}

int main(int argc, char **argv)
{
    static const struct way in_batches = {&plain, BATCH}, cells_in_batches = {&celled, BATCH};
    static const struct way by_default = {&plain, 0}, cells_by_default = {&celled, 0};
    static const struct bed_property properties[] = {
        {"whoever asks again at once does not pass who waits", asked_again, &in_batches},
        {"nor does whoever has asked for much", pipelined, &in_batches},
        {"the same, where cells do the work", pipelined, &cells_in_batches},
        {"hardly more than one in a row by default", pipelined, &by_default},
        {"and so where cells do the work", pipelined, &cells_by_default},
        {"nor does it pass who comes later", joined, &in_batches},
        {"nor that, where cells do the work", joined, &cells_in_batches},
        {"nor by default", joined, &by_default},
        {"nor by default where cells do the work", joined, &cells_by_default},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
