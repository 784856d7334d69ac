/* SPDX-License-Identifier: MIT */
/* Contract: a cell is never in two turns at once, and whoever waits does not occupy it. */
#include "bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 400 };

static void post_many(struct bed *bed, struct posted *posts, unsigned count,
                      void (*text_of)(unsigned i, char *text, size_t cap))
{
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        text_of(i, text, sizeof text);
        posted_init(&posts[i], bed, i % bed->config.cells, text);
    }
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(posted_post(&posts[i], bed), 0);
    for (unsigned i = 0; i < count; i++)
        assert_true(posted_is(&posts[i], 200, posts[i].text));
}

static void finish_many(struct bed *bed, struct posted *posts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(atomic_load(&posts[i].dones), 1);
        posted_finish(&posts[i], bed);
    }
}

static void crowd_text(unsigned i, char *text, size_t cap)
{
    snprintf(text, cap, "d+d %s #%u", i % 7 ? "" : "w1+d", i);
}

/* Many requests, one cell. */
static void one_turn_at_a_time(struct bed *bed)
{
    static struct posted posts[MOST];
    unsigned count = bed_scale(MOST);
    bed->config.cells = 1;
    bed_start(bed);
    post_many(bed, posts, count, crowd_text);
    static struct posted counter;
    posted_init(&counter, bed, 0, "n");
    assert_int_equal(posted_post(&counter, bed), 0);
    char total[24];
    snprintf(total, sizeof total, "%llu", (unsigned long long)atomic_load(&bed->probe.additions));
    assert_true(posted_is(&counter, 200, total));
    bed_stop(bed);
    finish_many(bed, posts, count);
    posted_finish(&counter, bed);
    assert_int_equal(atomic_load(&bed->probe.in_turn_max), 1);
}

/* Chains that meet each other head-on, and a cell that forwards to itself. */
static void chain_text(unsigned i, char *text, size_t cap)
{
    static const char *const chains[] = {"+f1+f2+f3+f0",  "+f3+f2+f1+f0", "+f0d+f0+f0",
                                         "+f1+f0+f1d+f0", "f2w1+f3w1+f0", "+f3f3f3d+"};
    snprintf(text, cap, "%s#%u", chains[i % 6], i);
}

static void chains_cross(struct bed *bed)
{
    static struct posted posts[MOST];
    unsigned count = bed_scale(MOST);
    bed_start(bed);
    post_many(bed, posts, count, chain_text);
    uint64_t in_cells = 0;
    for (uint32_t cell = 0; cell < bed->config.cells; cell++) {
        static struct posted counter;
        posted_init(&counter, bed, cell, "n");
        assert_int_equal(posted_post(&counter, bed), 0);
        assert_true(posted_is(&counter, 200, NULL));
        bytes_append(&counter.request->out, "", 1); /* a string */
        char digits[24] = "";
        memcpy(digits, counter.request->out.data, counter.request->out.len);
        in_cells += strtoull(digits, NULL, 10);
        posted_finish(&counter, bed);
    }
    assert_int_equal(in_cells, atomic_load(&bed->probe.additions));
    bed_stop(bed);
    finish_many(bed, posts, count);
}

/* A chain is as many turns as it has links, whoever runs it, and needs no stack for them. */
static void long_chain(struct bed *bed)
{
    enum { LINKS = 20000 };
    static char text[LINKS * 3 + 8];
    bed->config.cells = 2;
    bed_start(bed);
    static struct posted posted;
    posted_init(&posted, bed, 0, "");
    for (int i = 0; i < LINKS; i++)
        memcpy(text + i * 3, i % 2 ? "f0+" : "f1+", 3);
    memcpy(text + (size_t)LINKS * 3, "#", 2);
    posted.request->in = (const uint8_t *)text;
    posted.request->in_len = strlen(text);
    assert_int_equal(posted_post(&posted, bed), 0);
    assert_true(posted_is(&posted, 200, text));
    bed_stop(bed);
    posted_finish(&posted, bed);
    assert_int_equal(bed->final.turns, LINKS + 1);
}

static void turns_are_counted(struct bed *bed)
{
    bed_start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "w1w1f1f2w1#6 turns"));
    assert_true(client_expect(&bed->clients[0], 200, "w1w1f1f2w1#6 turns"));
    bed_stop(bed);
    assert_int_equal(bed->final.turns, 6);
}

static void waits_overlap(struct bed *bed)
{
    enum { WAITERS = 8 };
    static struct posted posts[WAITERS];
    int expected = (int)bed_expected_posted_overlap(bed, WAITERS);
    bed->config.cells = 1; /* all in one: a wait must not occupy it */
    bed_start(bed);
    for (int i = 0; i < WAITERS; i++) {
        posted_init(&posts[i], bed, 0, "+g+#waited");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    assert_true(bed_wait_overlap(bed, &bed->probe.gated, expected));
    bed_sleep_ms(30);
    assert_true(
        bed_is_overlap(bed, atomic_load(&bed->probe.gated_max), expected)); /* and not one more */
    assert_int_equal(bed_stats(bed).in_flight, WAITERS);
    bed_open_gate(bed);
    for (int i = 0; i < WAITERS; i++)
        assert_true(posted_is(&posts[i], 200, "+g+#waited"));
    bed_stop(bed);
    finish_many(bed, posts, WAITERS);
}

static void waits_overlap_on_sockets(struct bed *bed)
{
    enum { WAITERS = 8 };
    int expected = (int)bed_expected_overlap(bed, WAITERS);
    bed_start(bed);
    for (int i = 0; i < WAITERS; i++) {
        bed_open(bed, i);
        assert_true(client_post(&bed->clients[i], "@0g#waited"));
    }
    assert_true(bed_wait_overlap(bed, &bed->probe.gated, expected));
    bed_sleep_ms(30);
    assert_true(bed_is_overlap(bed, atomic_load(&bed->probe.gated_max), expected));
    bed_open_gate(bed);
    for (int i = 0; i < WAITERS; i++)
        assert_true(client_expect(&bed->clients[i], 200, "@0g#waited"));
    bed_stop(bed);
}

/* Somebody else's turn in the cell of one who waits, or who has called and not heard yet. */
static void cell_is_free(struct bed *bed, const char *occupant, bool calling)
{
    if (bed_expected_posted_overlap(bed, 2) < 2) {
        /* One worker: nobody else can have a turn. Both are answered, in order. */
        bed_open_gate(bed);
        service_release(&bed->service);
    }
    static struct posted first, second;
    posted_init(&first, bed, 2, occupant);
    posted_init(&second, bed, 2, "+n");
    assert_int_equal(posted_post(&first, bed), 0);
    if (bed_expected_posted_overlap(bed, 2) == 2)
        assert_true(bed_wait_int(calling ? &bed->service.held : &bed->probe.gated, 1));
    assert_int_equal(posted_post(&second, bed), 0);
    assert_true(posted_is(&second, 200, "2"));
    if (bed_expected_posted_overlap(bed, 2) == 2)
        assert_int_equal(atomic_load(&first.dones), 0);
    bed_open_gate(bed);
    service_release(&bed->service);
    assert_true(posted_is(&first, 200, calling ? "200:hold" : NULL));
    bed_stop(bed);
    posted_finish(&first, bed);
    posted_finish(&second, bed);
}

static void cell_is_free_during_wait(struct bed *bed)
{
    bed_start_with_service(bed);
    cell_is_free(bed, "+g#", false);
}

static void cell_is_free_during_call(struct bed *bed)
{
    bed_start_with_service(bed);
    cell_is_free(bed, "+k0a#hold", true);
}

/* Nor does a wait that will not end: here nobody could wait for a lock to come free. */
static void cell_is_free_for_good(struct bed *bed)
{
    static struct posted waits, other; /* in use as long as the wait is, if this fails */
    if (bed_expected_posted_overlap(bed, 2) < 2)
        bed_skip(bed, "no two can wait at once");
    bed->config.drain_ns = 1000000; /* stop() gives up on it at once */
    bed_start(bed);
    posted_init(&waits, bed, 2, "+w600000#");
    posted_init(&other, bed, 2, "+n");
    assert_int_equal(posted_post(&waits, bed), 0);
    assert_true(bed_wait_turns(bed, 1));
    assert_int_equal(posted_post(&other, bed), 0);
    assert_true(posted_is(&other, 200, "2"));
    assert_int_equal(atomic_load(&waits.dones), 0);
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), 1);
    assert_true(posted_is(&waits, 503, ""));
    posted_finish(&waits, bed);
    posted_finish(&other, bed);
}

/* Waits of many lengths: none is woken early (the probe checks), none is forgotten. */
static void wait_text(unsigned i, char *text, size_t cap)
{
    snprintf(text, cap, "w%uw0w%u#%u", i * 7 % 23, i % 3, i);
}

static void many_waits(struct bed *bed)
{
    static struct posted posts[MOST];
    unsigned count = bed->waits == MODEL_WAITS_UNBOUND ? bed_scale(MOST) : 30;
    bed_start(bed);
    post_many(bed, posts, count, wait_text);
    bed_stop(bed);
    finish_many(bed, posts, count);
    assert_int_equal(bed->final.turns, 4 * count);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"one turn at a time in a cell", one_turn_at_a_time, NULL},
        {"forward chains that cross", chains_cross, NULL},
        {"a chain of 20,000 cells", long_chain, NULL},
        {"turns are counted", turns_are_counted, NULL},
        {"waits overlap (post)", waits_overlap, NULL},
        {"waits overlap (sockets)", waits_overlap_on_sockets, NULL},
        {"a wait does not occupy its cell", cell_is_free_during_wait, NULL},
        {"nor one that does not end", cell_is_free_for_good, NULL},
        {"a call does not occupy its cell", cell_is_free_during_call, NULL},
        {"waits of many lengths", many_waits, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
