/* SPDX-License-Identifier: MIT */
/* Contract: calls, messages, new cells and offloaded pieces all at once, while replies keep their
 * order, clients vanish and the model stops. */
#include "bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(struct bed *bed)
{
    bed->config.offload_threads = 2;
    if (bed->arg)
        bed->config.spin_ns = *(const uint64_t *)bed->arg;
    bed_start_with_service(bed);
}

/* drain_ns runs out with children, messages and late ones under way: nothing is left behind. */
static void gives_up(struct bed *bed)
{
    static const char *const programs[] = {"@0c1{g}c2{c3{g}q0}q0a", "@1c2{g}!g", "@2c3{g}q20g"};
    bed->config.drain_ns = 100000000;
    bed_start(bed);
    unsigned inside = bed_expected_overlap(bed, 3);
    for (unsigned c = 0; c < inside; c++) {
        bed_open(bed, (int)c);
        assert_true(client_post(&bed->clients[c], programs[c]));
    }
    assert_true(bed_wait_in_flight(bed, inside));
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), inside);
    assert_true(bed_wait_tasks(bed->tasks));
    assert_int_equal(atomic_load(&bed->probe.cells_opened), atomic_load(&bed->probe.cells_closed));
    assert_int_equal(atomic_load(&bed->probe.frames_used), atomic_load(&bed->probe.frames_closed));
}

/* All of it at once, on few cells, from many: never two turns in one cell, and all is done. */
static void chaos(struct bed *bed)
{
    static const struct {
        const char *program;
        int additions;
    } kinds[] = {
        {"c1{+d+}c2{+w1+}c3{d+}q0a", 5},     {"c0{+}c0{w1+}c0{d+}!c1{+}q0+a", 5},
        {"c1{c2{c3{+}q0+}q0+}o{+}q0+a", 5},  {"z1+c2{z1+}q0+a", 3},
        {"c1{w3+}c2{+}q1+c1{+}q0a", 4},      {"h{x}c3{f1d+f2+}q0h{y}q0+a", 3},
        {"f1+o{+f2d+}c2{+}!c3{+d+}!f0+", 7}, {"c1{+h{stall}q3+}c1{+}q1+a", 4},
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0], MOST = 400 };
    static struct posted posts[MOST];
    unsigned count = bed_scale(MOST);
    uint64_t additions = 0;
    bed_open_gate(bed);
    start(bed);
    for (unsigned i = 0; i < count; i++) {
        posted_init(&posts[i], bed, i % 4, kinds[i % KINDS].program);
        additions += (uint64_t)kinds[i % KINDS].additions;
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    for (unsigned i = 0; i < count; i++)
        assert_true(posted_is(&posts[i], 200, NULL));
    bed_stop(bed);
    assert_int_equal(bed->final.answered, count);
    assert_int_equal(atomic_load(&bed->probe.additions), additions);
    for (unsigned i = 0; i < count; i++)
        posted_finish(&posts[i], bed);
}

/* Requests of a connection end in very different ways, and are answered in order. */
static void in_order(struct bed *bed)
{
    static const char *const programs[] = {"@1c1{w3b1}c2{b2}q0a",
                                           "@2b4",
                                           "@3o{w1b1}c0{w1+}!b5",
                                           "@0z3w2b6",
                                           "@1h{seven}q0a",
                                           "@2c3{z1f2w1b1}q0a",
                                           "@3c1{g}q2a",
                                           "@0b8",
                                           "@1x",
                                           "@2c2{+}!w1c2{b3}q0a"};
    enum { PROGRAMS = sizeof programs / sizeof programs[0], CONNECTIONS = 4, REQUESTS = 40 };
    static const char *const replies[PROGRAMS] = {
        "200:a,200:aa", "aaaa",  "aaaaa",    "aaaaaa", "200:seven",
        "200:a",        "-110:", "aaaaaaaa", "",       "200:aaa"};
    bed_open_gate(bed);
    start(bed);
    for (int c = 0; c < CONNECTIONS; c++) {
        bed_open(bed, c);
        for (int i = 0; i < REQUESTS; i++)
            assert_true(client_post(&bed->clients[c], programs[(c + i) % PROGRAMS]));
    }
    for (int c = 0; c < CONNECTIONS; c++)
        for (int i = 0; i < REQUESTS; i++) {
            int kind = (c + i) % PROGRAMS;
            /* With the gate open the child may be there in time. */
            assert_true(client_expect(&bed->clients[c], kind == 8 ? 503 : 200,
                                      kind == 6 ? NULL : replies[kind]));
        }
    bed_stop(bed);
}

/* Clients vanish while what they asked for is under way everywhere. */
static void resets(struct bed *bed)
{
    static const char *const programs[] = {"@0c1{w3+}c2{g+}q0a", "@1z1+",
                                           "@2c3{g+}o{w1+}!w5a", "@3c0{g}q1b300000",
                                           "@0h{hold}c1{+}q20a", "@1o{z2+}q0a"};
    enum { PROGRAMS = sizeof programs / sizeof programs[0] };
    start(bed);
    for (int round = 0; round < 4; round++) {
        for (unsigned c = 0; c < PROGRAMS; c++) {
            bed_open(bed, (int)c);
            assert_true(client_post(&bed->clients[c], programs[c]));
        }
        bed_sleep_ms(round * 3);
        for (unsigned c = 0; c < PROGRAMS; c++)
            client_reset(&bed->clients[c]);
        bed_open_gate(bed);
        assert_true(bed_wait_in_flight(bed, 0));
        bed_open(bed, 0);
        assert_true(client_post(&bed->clients[0], "@2c1{b1}q0a"));
        assert_true(client_expect(&bed->clients[0], 200, "200:a"));
        client_close(&bed->clients[0]);
        atomic_store(&bed->probe.gate, false);
    }
    bed_open_gate(bed);
    assert_true(bed_wait_no_connections(bed));
    bed_stop(bed);
}

/* stop() in the midst of it: who was answered had his work done, in full, and all of it is over. */
static void under_fire(struct bed *bed)
{
    static const struct {
        const char *program;
        uint64_t additions;
    } kinds[] = {{"@0c1{+w2+}c2{+}q0+a", 4},
                 {"@1c1{w2+}o{+c2{w1+}!}c3{+}!a", 4},
                 {"@2z1+c3{z2+}q0a", 2},
                 {"@3+c0{w4+}q1+a", 3}};
    enum { CONNECTIONS = 6, REQUESTS = 30, KINDS = 4 };
    bed_open_gate(bed);
    start(bed);
    for (int c = 0; c < CONNECTIONS; c++) {
        bed_open(bed, c);
        for (int i = 0; i < REQUESTS; i++)
            assert_true(client_post(&bed->clients[c], kinds[(c + i) % KINDS].program));
    }
    bed_begin_stop(bed);
    uint64_t additions = 0, answered = 0;
    for (int c = 0; c < CONNECTIONS; c++) {
        struct client_reply reply;
        for (int i = 0; client_reply(&bed->clients[c], &reply) == 1; i++) {
            assert_int_equal(reply.status, 200);
            additions += kinds[(c + i) % KINDS].additions;
            answered++;
        }
    }
    bed_end_stop(bed);
    assert_int_equal(bed->final.answered, answered);
    assert_int_equal(atomic_load(&bed->probe.additions), additions);
}

int main(int argc, char **argv)
{
    static const uint64_t spin_ns = 300000;
    static const struct bed_property properties[] = {
        {"replies in order, however they come about", in_order, NULL},
        {"clients reset with all of it under way", resets, NULL},
        {"stop in the midst of all of it", under_fire, NULL},
        {"stop gives up on all of it", gives_up, NULL},
        {"all of it at once", chaos, NULL},
        {"all of it at once, spinning", chaos, &spin_ns},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
