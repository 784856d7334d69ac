/* SPDX-License-Identifier: MIT */
/* Contract: what is inside the door, and from when to when: to the unit, in both directions. */
#include "bed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { OTHER = 9 }; /* the client who comes when there is no room */

/* Can another request be read while one is inside? Else one thread has it. */
static bool reads_on(const struct bed *bed)
{
    return bed_expected_overlap(bed, 2) > 1;
}

/* Only one may be inside. */
static void start(struct bed *bed)
{
    bed->config.queue_limit = 1;
    bed->config.offload_threads = 2;
    bed_start(bed);
    bed_open(bed, 0);
    bed_open(bed, OTHER);
}

/* The one that is inside keeps both doors shut. True: who asked at the other door hears later. */
static bool expect_full(struct bed *bed)
{
    static struct posted posted;
    bool waits = bed->config.on_full == MODEL_WAIT;
    posted_init(&posted, bed, 1, "#one too many");
    assert_int_equal(posted_post(&posted, bed), waits ? -EAGAIN : 0);
    assert_true(waits || posted_is(&posted, 503, NULL));
    posted_finish(&posted, bed);
    if (waits)
        assert_true(client_post(&bed->clients[OTHER], "#one too many"));
    bool owed = waits || !bed_ask_when_full(bed, OTHER, reads_on(bed));
    assert_int_equal(bed_stats(bed).in_flight, 1);
    return owed;
}

static void expect_at_last(struct bed *bed)
{
    if (bed->config.on_full == MODEL_WAIT)
        assert_true(client_expect(&bed->clients[OTHER], 200, "#one too many"));
    else
        bed_hear_at_last(bed, OTHER);
}

/* Whoever has seen the reply finds nobody inside. */
static void expect_room(struct bed *bed)
{
    static struct posted posted;
    assert_int_equal(bed_stats(bed).in_flight, 0);
    posted_init(&posted, bed, 1, "#room");
    assert_int_equal(posted_post(&posted, bed), 0);
    assert_true(posted_is(&posted, 200, "#room"));
    posted_finish(&posted, bed);
}

/* A request is inside wherever it is on its way: it waits, in its cell or the next one, it is
 * offloaded, or those are whom it called; whichever door it came through. */
static void on_its_way(struct bed *bed)
{
    static const char *const programs[] = {
        "@0g#",       "@0f1g#",     "@0z7#",        "@0f2z7#",
        "@0c1{g}q0#", "@0o{z7}q0#", "@0c1{f2g}q0#", "@0c1{c2{z7}q0}q0#",
    };
    static struct posted posted;
    bed->config.on_full = bed->arg ? MODEL_WAIT : MODEL_REJECT;
    start(bed);
    for (size_t i = 0; i < 2 * sizeof programs / sizeof programs[0]; i++) {
        const char *program = programs[i / 2];
        bool posts = i % 2;
        atomic_store(&bed->probe.gate, false);
        if (posts) {
            posted_init(&posted, bed, 0, program);
            assert_int_equal(posted_post(&posted, bed), 0);
        } else {
            assert_true(client_post(&bed->clients[0], program));
        }
        assert_true(
            bed_wait_int(strchr(program, 'z') ? &bed->probe.offloading : &bed->probe.gated, 1));
        bool owed = expect_full(bed);
        bed_open_gate(bed);
        if (posts) {
            assert_true(posted_is(&posted, 200, program));
            posted_finish(&posted, bed);
        } else {
            assert_true(client_expect(&bed->clients[0], 200, program));
        }
        if (owed)
            expect_at_last(bed);
        expect_room(bed);
    }
    bed_stop(bed);
}

/* What nobody waits for is outside: a called cell that is late, a message. */
static void left_behind(struct bed *bed)
{
    static const char *const programs[][2] = {{"@0c1{g+}q20a", "-110:"},
                                              {"@0c1{g+}!#", "@0c1{g+}!#"}};
    start(bed);
    for (unsigned i = 0; i < 2; i++) {
        atomic_store(&bed->probe.gate, false);
        assert_true(client_post(&bed->clients[0], programs[i][0]));
        assert_true(client_expect(&bed->clients[0], 200, programs[i][1]));
        assert_int_equal(bed_stats(bed).in_flight, 0);
        if (reads_on(bed)) {
            assert_true(client_post(&bed->clients[OTHER], "#room"));
            assert_true(client_expect(&bed->clients[OTHER], 200, "#room"));
        }
        assert_int_equal(atomic_load(&bed->probe.additions), i);
        bed_open_gate(bed);
        for (int ms = 0; atomic_load(&bed->probe.additions) <= i; ms++) {
            assert_true(ms < BED_WAIT_MS);
            bed_sleep_ms(1);
        }
    }
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 0);
}

/* A peer that sends no more, or is gone, does not take its request out. */
static void peers_leave(struct bed *bed)
{
    bool owed;
    start(bed);
    assert_true(client_post(&bed->clients[0], "@0g#"));
    assert_true(bed_wait_int(&bed->probe.gated, 1));
    shutdown(bed->clients[0].fd, SHUT_WR);
    assert_true(client_settle(&bed->clients[0]));
    owed = expect_full(bed);
    bed_open_gate(bed);
    assert_true(client_expect(&bed->clients[0], 200, "@0g#"));
    assert_true(client_expect_end(&bed->clients[0], false));
    if (owed)
        expect_at_last(bed);
    expect_room(bed);

    atomic_store(&bed->probe.gate, false);
    bed_open(bed, 1);
    assert_true(client_post(&bed->clients[1], "@0g#"));
    assert_true(bed_wait_int(&bed->probe.gated, 1));
    client_reset(&bed->clients[1]);
    owed = expect_full(bed);
    bed_open_gate(bed);
    if (owed)
        expect_at_last(bed);
    assert_true(bed_wait_in_flight(bed, 0));
    expect_room(bed);
    bed_stop(bed);
}

/* Of a pipeline one is inside, however many are here. */
static void pipelines_take_one(struct bed *bed)
{
    enum { MANY = 20 };
    char text[4096];
    size_t len = 0;
    if (!reads_on(bed))
        bed_skip(bed, "one thread has it");
    for (int i = 0; i < MANY; i++)
        len += client_format(text + len, sizeof text - len, "@0g#");
    bed->config.queue_limit = 2;
    bed_start(bed);
    for (int c = 0; c < 3; c++)
        bed_open(bed, c);
    assert_true(client_send(&bed->clients[0], text, len));
    assert_true(client_settle(&bed->clients[0]));
    assert_true(bed_wait_int(&bed->probe.gated, 1));
    assert_true(client_post(&bed->clients[1], "@1g#"));
    assert_true(bed_wait_int(&bed->probe.gated, 2));
    assert_int_equal(bed_stats(bed).in_flight, 2);
    assert_true(client_post(&bed->clients[2], "#one too many"));
    assert_true(client_expect(&bed->clients[2], 503, NULL));
    bed_open_gate(bed);
    assert_true(client_expect(&bed->clients[1], 200, "@1g#"));
    for (int i = 0; i < MANY; i++)
        assert_true(client_expect(&bed->clients[0], 200, "@0g#"));
    assert_int_equal(bed_stats(bed).in_flight, 0);
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 1);
}

/* Pages, and what is refused for what it is, are never inside. thread_pool gives a place to who is
 * not read yet (models/README.md): there nobody is refused for it where who is too early waits. */
static void pages(struct bed *bed)
{
    static const struct {
        const char *path;
        int status;
    } kinds[] = {{"/health", 200}, {"/metrics", 200}, {"/nowhere", 404}};
    unsigned rounds = bed_scale(60);
    bool exact = bed->waits != MODEL_WAITS_PER_THREAD && bed->waits != MODEL_WAITS_UNTOLD;
    bed->config.on_full = exact ? MODEL_REJECT : MODEL_WAIT;
    start(bed);
    for (unsigned i = 0; i < rounds; i++) {
        for (int twice = 0; twice < 2; twice++)
            assert_true(client_get(&bed->clients[OTHER], kinds[i % 3].path));
        assert_true(client_post(&bed->clients[0], "#room"));
        assert_true(client_expect(&bed->clients[0], 200, "#room"));
        for (int twice = 0; twice < 2; twice++)
            assert_true(client_expect(&bed->clients[OTHER], kinds[i % 3].status, NULL));
    }
    bed_stop(bed);
    assert_int_equal(bed->final.rejected, 0);
    assert_int_equal(bed->final.answered, rounds);
}

static void never_more(struct bed *bed, int limit)
{
    enum { MANY = 12, LONG_ENOUGH_MS = 300 };
    int refused = 0;
    atomic_store(&bed->probe.gate, false);
    atomic_store(&bed->probe.gated_max, 0);
    atomic_store(&bed->probe.in_turn_max, 0);
    bed->config.queue_limit = (uint32_t)limit;
    bed_start(bed);
    for (int c = 0; c < MANY; c++) {
        bed_open(bed, c);
        assert_true(client_post(&bed->clients[c], "g#inside"));
    }
    struct model_stats stats = {0};
    for (int ms = 0; ms < LONG_ENOUGH_MS && stats.rejected + (unsigned)limit < MANY; ms++) {
        bed_sleep_ms(1);
        stats = bed_stats(bed);
        assert_in_range(stats.in_flight, 0, limit);
        assert_in_range(atomic_load(&bed->probe.gated), 0, limit);
    }
    bed_open_gate(bed);
    for (int c = 0; c < MANY; c++) {
        struct client_reply reply;
        assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
        assert_true(reply.status == 200 || reply.status == 503);
        refused += reply.status == 503;
        client_close(&bed->clients[c]);
    }
    bed_stop(bed);
    assert_in_range(atomic_load(&bed->probe.gated_max), 1, limit);
    assert_in_range(atomic_load(&bed->probe.in_turn_max), 1, limit);
    assert_int_equal(bed->final.answered, MANY - refused);
    assert_int_equal(bed->final.rejected, refused);
    assert_true(bed->config.on_full == MODEL_REJECT || refused == 0);
}

/* Of many sockets that ask at once no more than the limit are inside, to the unit, whatever the
 * model is like: who is one too many is refused, waits, or is not even read before the gate opens
 * and its thread has time. */
static void never_more_than_the_limit(struct bed *bed)
{
    bed->config.on_full = bed->arg ? MODEL_WAIT : MODEL_REJECT;
    for (int limit = 1; limit <= 2; limit++)
        never_more(bed, limit);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"reject: on its way a request is inside", on_its_way, NULL},
        {"wait: on its way a request is inside", on_its_way, "wait"},
        {"reject: never more sockets inside than the limit", never_more_than_the_limit, NULL},
        {"wait: never more sockets inside than the limit", never_more_than_the_limit, "wait"},
        {"what nobody waits for is outside", left_behind, NULL},
        {"inside though its peer has left", peers_leave, NULL},
        {"one of a pipeline is inside", pipelines_take_one, NULL},
        {"pages are outside", pages, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
