/* SPDX-License-Identifier: MIT */
/*
 * Contract: what model_stats says of system calls, wake-ups and messages is what there was. One
 * request at a time, from a model whose threads all sleep. Calls of the kernel are counted a second
 * time where they are made (kernel.h); how many messages a request takes follows from what a model
 * is, and stands in a table here.
 */
#include "bed.h"
#include "kernel.h"

#include <string.h>

enum { ROUNDS = 15, POSTS = 4, SLOW_MS = 2 };

struct moment {
    struct model_stats told;
    struct kernel_calls made;
};

/* One in which all threads of the model sleep: what it has told until then, and what there was. */
static struct moment settle(struct bed *bed)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        uint64_t before, after;
        bool rests = kernel_at_rest(&before);
        struct moment moment = {bed_stats(bed), kernel_calls()};
        /* Of what waits in calls that are not counted here nobody knows when it does. */
        if (bed->waits == MODEL_WAITS_UNTOLD ||
            (rests && kernel_at_rest(&after) && after == before))
            return moment;
        bed_sleep_ms(1);
    }
    fail_msg("its threads find no rest");
    return (struct moment){0};
}

/* The service is there first: its thread is not the model's. */
static void start(struct bed *bed)
{
    assert_int_equal(service_start(&bed->service), 0);
    bed->service_runs = true;
    bed->config.downstream = bed->service.address;
    bed->config.downstream_connections = 16; /* nobody waits for one, nor is told of it in vain */
    kernel_begin();
    bed_start(bed);
    kernel_started();
    bed_open_gate(bed);
    bed_open(bed, 0);
}

static void ask(struct bed *bed, const char *text)
{
    assert_true(client_post(&bed->clients[0], text));
    assert_true(client_expect(&bed->clients[0], 200, NULL));
}

static void post(struct bed *bed, uint32_t cell, const char *text)
{
    static struct posted posted;
    posted_init(&posted, bed, cell, text);
    assert_int_equal(posted_post(&posted, bed), 0);
    assert_true(posted_is(&posted, 200, text));
    posted_finish(&posted, bed);
}

/* Turns that take long: then those who have several to run let others help. */
static void ask_for_long(struct bed *bed)
{
    for (int i = 0; i < 2; i++) {
        atomic_store(&bed->probe.gate, false);
        assert_true(client_post(&bed->clients[0], "p#long"));
        assert_true(bed_wait_int(&bed->probe.in_turn, 1));
        bed_sleep_ms(SLOW_MS);
        bed_open_gate(bed);
        assert_true(client_expect(&bed->clients[0], 200, "p#long"));
    }
}

/* Each end of a turn, over both doors. Returns how many wake-ups the model's own threads made for
 * requests whose cells can run at once. */
static uint64_t ask_for_all(struct bed *bed)
{
    static const char *const texts[] = {"#here",       "@1#there",        "f1f2#on",
                                        "w1#later",    "z7#aside",        "k0#downstream",
                                        "h{a}h{b}q0a", "c1{#}c2{#}!#sent"};
    ask_for_long(bed);
    uint64_t before = settle(bed).made.wakes_of_own;
    ask(bed, "c1{#}c2{#}c3{f2#}q0a");
    uint64_t after = settle(bed).made.wakes_of_own;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ask(bed, texts[i]);
        settle(bed);
    }
    for (uint32_t cell = 0; cell < POSTS; cell++) {
        post(bed, cell, cell % 2 ? "#posted" : "f1#posted");
        settle(bed);
    }
    return after - before;
}

/* Who has several threads that run cells. */
static bool shares(const struct bed *bed)
{
    return bed->waits == MODEL_WAITS_UNBOUND && bed->threads > 1;
}

static void calls_and_wakes_are_told(struct bed *bed)
{
    const uint64_t *spin_ns = bed->arg;
    uint64_t shared = 0;
    bed->config.spin_ns = spin_ns ? *spin_ns : 0;
    start(bed);
    for (int i = 0; i < ROUNDS; i++)
        shared += ask_for_all(bed);
    struct moment last = settle(bed);
    bool known = bed->waits != MODEL_WAITS_UNTOLD;
    if (known)
        assert_int_equal(last.told.wakeups, last.made.wakes);
    if (known && bed->waits != MODEL_WAITS_ALONE)
        assert_true(last.made.wakes >= ROUNDS);
    if (shares(bed))
        assert_true(shared > 0);

    client_close(&bed->clients[0]);
    assert_true(bed_wait_no_connections(bed));
    uint64_t sure = kernel_calls().sure;
    kernel_stopping();
    bed_stop(bed);
    struct kernel_calls made = kernel_calls();
    /* An actor's worker gives way to a sender that is half-way, seldom, and does not say so. */
    uint64_t untold = strcmp(bed->model->name, "actor") == 0 ? made.yields : 0;
    if (!known) /* it may call what is not counted here, or nothing where we count */
        assert_true(bed->final.syscalls >= sure);
    else if (bed->final.syscalls > made.all || bed->final.syscalls + untold < made.all)
        fail_msg("%llu system calls were told, %llu made", (unsigned long long)bed->final.syscalls,
                 (unsigned long long)made.all);
}

/* ---- Messages ---- */

/* The models whose messages are known. LOOPS: more than one. */
enum { INLINE, THREAD_POOL, PER_CONNECTION, LOOP, LOOPS, ACTOR, COLUMNS };

static int column_of(const struct bed *bed)
{
    static const char *const names[] = {[INLINE] = "inline",
                                        [THREAD_POOL] = "thread_pool",
                                        [PER_CONNECTION] = "thread_per_connection",
                                        [LOOP] = "event_loop",
                                        [LOOPS] = "event_loop",
                                        [ACTOR] = "actor"};
    for (int column = 0; column < COLUMNS; column++)
        if (!strcmp(bed->model->name, names[column]))
            return column == LOOP && bed->threads > 1 ? LOOPS : column;
    return COLUMNS;
}

/*
 * The connection's cell is 0. A pool's poller hands each request to a worker, and post() does so in
 * both models that have workers; the rest is done in place. Loops hand on what another loop owns: a
 * cell, or a connection that is to be answered; a helper gets its piece and gives it back. An actor
 * is mailed that there is something to read, each turn of a cell, and each reply.
 */
static const struct way {
    const char *text;
    bool posted;
    unsigned messages[COLUMNS];
} ways[] = {
    {"#here", false, {0, 1, 0, 0, 0, 3}},    {"@1#there", false, {0, 1, 0, 0, 2, 3}},
    {"f1f2#on", false, {0, 1, 0, 0, 3, 5}},  {"w1#later", false, {0, 1, 0, 0, 0, 4}},
    {"z7#aside", false, {0, 1, 0, 2, 2, 5}}, {"#here", true, {0, 1, 1, 1, 1, 1}},
    {"f1f2#on", true, {0, 1, 1, 1, 3, 3}},
};

static void messages_are_told(struct bed *bed)
{
    int column = column_of(bed);
    if (column == COLUMNS)
        bed_skip(bed, "what it has to send is known of the models here alone");
    start(bed);
    ask(bed, "#first"); /* an actor is mailed also that it can write for the first time */
    for (const struct way *way = ways; way < ways + sizeof ways / sizeof *ways; way++) {
        uint64_t before = settle(bed).told.messages;
        for (int i = 0; i < ROUNDS; i++) {
            if (way->posted)
                post(bed, 0, way->text);
            else
                ask(bed, way->text);
        }
        uint64_t told = settle(bed).told.messages - before;
        if (told != (uint64_t)ROUNDS * way->messages[column])
            fail_msg("%s%s: %llu messages for %d requests, not %u each",
                     way->posted ? "posted " : "", way->text, (unsigned long long)told, ROUNDS,
                     way->messages[column]);
    }
    bed_stop(bed);
}

int main(int argc, char **argv)
{
    static const uint64_t spin_ns = 200000;
    static const struct bed_property properties[] = {
        {"system calls and wake-ups are those that were made", calls_and_wakes_are_told, NULL},
        {"the same, where who finds nothing looks out for a while", calls_and_wakes_are_told,
         &spin_ns},
        {"as many messages as the work takes", messages_are_told, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
