/* SPDX-License-Identifier: MIT */
/* Contract: what a request has others do: calls of cells, gathered; one-way messages; new cells;
 * offloaded pieces. */
#include "bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(struct bed *bed)
{
    bed->config.offload_threads = 2;
    bed_start_with_service(bed);
}

/* Through both doors, from cell 0. */
static void expect(struct bed *bed, const char *program, const char *reply)
{
    static struct posted posted;
    char routed[64];
    snprintf(routed, sizeof routed, "@0%s", program);
    posted_init(&posted, bed, 0, program);
    assert_int_equal(posted_post(&posted, bed), 0);
    if (!posted_is(&posted, 200, reply))
        fail_msg("posted: %s", program);
    posted_finish(&posted, bed);
    if (bed->clients[0].fd <= 0)
        bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], routed));
    if (!client_expect(&bed->clients[0], 200, reply))
        fail_msg("sent: %s", program);
}

/* One reply after the other, commas between. Time is not the test's: where the pattern has a '~'
 * before a reply, whoever was to give it may also have been too late. */
static bool is_like(const char *text, const char *pattern)
{
    static const char late[] = "-110:"; /* -ETIMEDOUT */
    for (;; text++, pattern++) {
        size_t len = strcspn(text, ","), wanted = strcspn(pattern, ",");
        bool lenient = *pattern == '~';
        bool same = len == wanted - lenient && !memcmp(text, pattern + lenient, len);
        if (!same && !(lenient && len == strlen(late) && !memcmp(text, late, len)))
            return false;
        text += len;
        pattern += wanted;
        if (!*text || !*pattern)
            return *text == *pattern;
    }
}

static void expect_like(struct client *client, const char *program, const char *pattern)
{
    struct client_reply reply;
    assert_true(client_post(client, program));
    assert_int_equal(client_reply(client, &reply), 1);
    assert_int_equal(reply.status, 200);
    char *text = strndup(reply.body, reply.body_len);
    bool like = is_like(text, pattern);
    if (!like)
        fprintf(stderr, "%s: expected %s, got %s\n", program, pattern, text);
    free(text);
    assert_true(like);
}

static void gathers(struct bed *bed)
{
    start(bed);
    expect(bed, "c1{@1n}c2{@2b3}h{three}q0a", "200:0,200:aaa,200:three");
    expect(bed, "h{a}h{b}h{}h{error}h{e}h{f}q0a", "200:a,200:b,200:,500:error,200:e,200:f");
    expect(bed, "c3{w2b1}c3{w1b2}c3{b0}q0a", "200:a,200:aa,200:");
    expect(bed, "c1{s418#}c1{x}c2{@2s204b0}q600000a", "418:s418#,503:,204:");
    expect(bed, "q0a", "");
    expect(bed, "c1{}q0c1{b1}h{x}q0w1h{y}q0a", "200:y");
    bed_stop(bed);
    assert_int_equal(bed->final.calls, 2 * 9);
    assert_int_equal(bed->final.requests, 12);
    assert_int_equal(bed->final.answered, 12);
    assert_int_equal(bed->final.rejected, 0);
}

static void nested(struct bed *bed)
{
    start(bed);
    expect(bed, "c1{c2{c3{@3b1}q0a}c1{b2}q0a}c2{b3}q0a", "200:200:200:a,200:aa,200:aaa");
    expect(bed, "c0{c0{c0{c0{b1}q0a}q0a}q0a}q0a", "200:200:200:200:a"); /* of itself */
    expect(bed, "c1{h{x}c2{h{y}q0a}q0a}q0a", "200:200:x,200:200:y");
    expect(bed, "f2c1{f3c2{f0@0b1}q0a}q0a", "200:200:a");
    bed_stop(bed);
}

/* A child goes on elsewhere, and its answer is the one that it gives there. */
static void children_move_on(struct bed *bed)
{
    start(bed);
    expect(bed, "c1{f2f3+f1+f3n}q0a", NULL);
    expect(bed, "c1{w1f2w1f3n}c2{f3+w1n}q0a", NULL);
    expect(bed, "c1{f3n}q0a", "200:4");
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 6);
}

static void without_state(struct bed *bed)
{
    bed->config.workload = &probe_plain;
    start(bed);
    expect(bed, "c1{b1}c7{w1b2}o{b3}h{four}q0a", "200:a,200:aa,200:aaa,200:four");
    expect(bed, "c1{c2{b1}q0a}q0a", "200:200:a");
    expect(bed, "c1{+}o{+}c3{w1+}!a", "0:,0:,0:");
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 6);
    assert_int_equal(bed->final.sends, 6);
}

static void no_downstream(struct bed *bed)
{
    char reply[32];
    snprintf(reply, sizeof reply, "%d:,200:a", -ECONNREFUSED);
    bed_start(bed);
    expect(bed, "h{x}c1{b1}q0a", reply);
    bed_stop(bed);
    assert_int_equal(bed->final.calls, 0);
}

/* Far more targets than connections, threads and cells, again and again: all are there. */
static void many_targets(struct bed *bed)
{
    enum { ROUNDS = 20, TARGETS = 60 };
    static char program[TARGETS * 8 + 8], reply[TARGETS * 8];
    start(bed);
    static struct posted posted;
    posted_init(&posted, bed, 0, "");
    for (int round = 0; round < ROUNDS; round++) {
        size_t at = 0, end = 0;
        for (int i = 0; i < TARGETS; i++) {
            bool down = (i + round) % 3 == 0;
            at += (size_t)sprintf(program + at, down ? "h{b%d}" : "c%d{b%d}", down ? 2 : i % 4, 2);
            end += (size_t)sprintf(reply + end, "%s200:%s", i ? "," : "", down ? "b2" : "aa");
        }
        sprintf(program + at, "q0a");
        posted.request->in = (const uint8_t *)program;
        posted.request->in_len = strlen(program);
        atomic_store(&posted.dones, 0);
        assert_int_equal(posted_post(&posted, bed), 0);
        assert_true(posted_is(&posted, 200, reply));
    }
    bed_stop(bed);
    posted_finish(&posted, bed);
    assert_int_equal(bed->final.calls, ROUNDS * TARGETS / 3);
    assert_true(atomic_load(&bed->service.open_max) <= 4);
}

/* The deadline passes: who is there is heard, who is not has -ETIMEDOUT, and is finished later. */
static void late_child(struct bed *bed)
{
    start(bed);
    bed_open(bed, 0);
    expect_like(&bed->clients[0], "@0c1{g+#late}c2{b1}h{stall}q40a", "-110:,~200:a,-110:");
    assert_int_equal(atomic_load(&bed->probe.additions), 0);
    bed_open_gate(bed);
    expect_like(&bed->clients[0], "@0c1{b2}q0a", "200:aa");
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 1);
}

/* More late children than there is room for: requests that come then are served all the same. */
static void late_ones_leave_room(struct bed *bed)
{
    struct client_reply reply;
    bed->config.queue_limit = 2;
    start(bed);
    for (int c = 0; c < 4; c++)
        bed_open(bed, c);
    assert_true(client_post(&bed->clients[0], "@0c1{w300}q5a"));
    assert_true(
        client_post(&bed->clients[1], "@0c1{w300}c2{w300}c3{w300}c1{w300}c2{w300}c3{w300}q5a"));
    for (int c = 0; c < 2; c++) {
        assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
        assert_int_equal(reply.status, 200);
    }
    for (int c = 2; c < 4; c++)
        assert_true(client_post(&bed->clients[c], "@0#"));
    for (int c = 2; c < 4; c++) {
        assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
        assert_int_equal(reply.status, 200);
    }
    bed_stop(bed);
    assert_int_equal(bed->final.answered, 4);
}

/* Two deadlines, one within the other: the first to pass counts for whoever set it. */
static void late_grandchild(struct bed *bed)
{
    start(bed);
    bed_open(bed, 0);
    bed_open(bed, 1);
    expect_like(&bed->clients[0], "@0c1{c2{g+}q20a}c3{b1}q600000a", "200:-110:,200:a");
    bed_open_gate(bed);
    expect_like(&bed->clients[0], "@0#", "@0#"); /* where one thread does all: after the late one */
    atomic_store(&bed->probe.gate, false);
    expect_like(&bed->clients[1], "@0c1{+c2{g+}q600000+}c3{b1}q30a", "-110:,~200:a");
    bed_open_gate(bed);
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 4);
}

/* Whoever timed out asks again, while the late ones of before are still under way. */
static void asks_again(struct bed *bed)
{
    start(bed);
    bed_open(bed, 0);
    expect_like(&bed->clients[0], "@0c1{g+}q5c1{g+}c2{g+}q5c3{+g+}c2{b1}q5c1{g+}c3{g+}c2{b1}q5a",
                "-110:,-110:,~200:a");
    bed_begin_stop(bed);
    bed_sleep_ms(20);
    assert_int_equal(atomic_load(&bed->stop_ended), 0); /* the late ones are waited for */
    bed_open_gate(bed);
    bed_end_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 7);
}

static void sends(struct bed *bed)
{
    start(bed);
    expect(bed, "c1{w1+}c2{w1@2+}o{w2+}c3{f1f2+}!a", "0:,0:,0:,0:");
    expect(bed, "h{x}c1{+}!a", "-22:,0:"); /* downstream: there is no such thing */
    expect(bed, "!a", "");
    expect(bed, "c1{x}c1{c2{w1+}c3{+}!+}c2{c3{+}q0+}!b1", "a"); /* which send, and call, in turn */
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 2 * (4 + 1 + 5));
    assert_int_equal(bed->final.sends, 2 * (4 + 1 + 5));
    assert_int_equal(bed->final.requests, 8);
    assert_int_equal(bed->final.answered, 8);
}

/* Whatever was sent is carried out, however early stop() comes. */
static void sends_are_drained(struct bed *bed)
{
    start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "@0c1{g+}c2{g+c3{w3+}!+}o{gw2+}!a"));
    assert_true(client_expect(&bed->clients[0], 200, "0:,0:,0:"));
    bed_begin_stop(bed);
    bed_sleep_ms(20);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    assert_int_equal(atomic_load(&bed->probe.additions), 0);
    bed_open_gate(bed);
    bed_end_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), 5);
    assert_int_equal(bed->final.sends, 4);
}

static bool wait_additions(struct bed *bed, uint64_t wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (atomic_load(&bed->probe.additions) >= wanted)
            return true;
        bed_sleep_ms(1);
    }
    return false;
}

/* queue_limit messages under way, not one more, wherever they come from; then again as many. */
static void sends_are_bounded(struct bed *bed)
{
    struct client_reply reply;
    uint64_t sent = 3;
    bed->config.queue_limit = 3;
    start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "@0c1{g+}c1{g+}c2{g+}c3{g+}o{g+}!a"));
    assert_true(client_expect(&bed->clients[0], 200, "0:,0:,0:,-11:,-11:"));
    if (bed->waits == MODEL_WAITS_UNBOUND) { /* else whoever could ask is busy with them */
        bed_open(bed, 1);
        assert_true(client_post(&bed->clients[1], "@2c1{g+}o{g+}!a"));
        assert_true(client_expect(&bed->clients[1], 200, "-11:,-11:"));
    }
    for (int rounds = 0, tries = 0; rounds < 10; tries++) {
        assert_true(tries < BED_WAIT_MS);
        bed_open_gate(bed);
        assert_true(wait_additions(bed, sent));
        atomic_store(&bed->probe.gate, false);
        assert_true(client_post(&bed->clients[0], "@3c0{g+}c1{g+}o{g+}c3{g+}!a"));
        assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
        int accepted = 0;
        for (const char *at = reply.body; *at == '0' && accepted < 4; at += 3)
            accepted++;
        assert_true(accepted <= 3);
        sent += (uint64_t)accepted;
        rounds += accepted == 3;
        if (accepted < 3) /* one of before had not quite ended */
            bed_sleep_ms(1);
    }
    bed_open_gate(bed);
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), sent);
    assert_int_equal(bed->final.sends, sent);
}

/* Whoever sends for ever does not need ever more memory. */
static void spent_messages_are_used_again(struct bed *bed)
{
    enum { UNDER_WAY = 50, KEPT = 200 }; /* by each thread, at most */
    struct client_reply reply;
    bed->config.queue_limit = UNDER_WAY;
    start(bed);
    bed_open(bed, 0);
    for (unsigned i = bed_scale(3000); i > 0; i--) {
        assert_true(client_post(&bed->clients[0], "@0c1{+}!a"));
        assert_int_equal(client_reply(&bed->clients[0], &reply), 1);
    }
    bed_stop(bed);
    assert_true(bed->final.sends > 0);
    assert_true(atomic_load(&bed->probe.frames_used) <=
                (int)(UNDER_WAY + KEPT * (bed->threads + 1)));
}

/* As many cells closed as opened: bed_stop() sees to it. */
static void new_cells(struct bed *bed)
{
    char failed[64];
    start(bed);
    expect(bed, "o{+n}o{@4294967294w1+n}q0a", "200:1,200:1");
    expect(bed, "o{+o{+w1+n}q0n}q0a", "200:1");
    expect(bed, "o{f1+n}o{x}c1{f2n}q0a", NULL); /* moves on; rejects */
    expect(bed, "o{+}o{w2+}!o{+h{x}q0+}q0b1", "a");
    assert_int_equal(atomic_load(&bed->probe.cells_opened), 4 + 2 * (2 + 2 + 2 + 3));
    atomic_store(&bed->probe.fail_new, true);
    snprintf(failed, sizeof failed, "%d:,200:a", -ENOSPC);
    expect(bed, "o{+n}c1{b1}q0a", failed);
    snprintf(failed, sizeof failed, "%d:,0:", -ENOSPC);
    expect(bed, "o{+n}c1{b1}!a", failed);
    bed_stop(bed);
}

/* A piece takes its time: its cell goes on meanwhile, and no thread that has others to serve waits
 * for it. */
static void offloads(struct bed *bed)
{
    enum { PIECES = 5 };
    static struct posted pieces[PIECES], other;
    bool helpers = bed->model->uses & MODEL_OFFLOAD_THREADS;
    start(bed);
    for (int i = 0; i < PIECES; i++) {
        posted_init(&pieces[i], bed, 1, "z7 +n");
        assert_int_equal(posted_post(&pieces[i], bed), 0);
    }
    int at_once = (int)bed_expected_posted_overlap(bed, PIECES);
    assert_true(bed_wait_overlap(bed, &bed->probe.offloading, helpers ? 2 : at_once));
    bool others_run = helpers || at_once > PIECES;
    posted_init(&other, bed, 1, "+w1+n");
    assert_int_equal(posted_post(&other, bed), 0);
    if (others_run || bed->waits == MODEL_WAITS_ALONE)
        assert_true(posted_is(&other, 200, "2"));
    bed_sleep_ms(20);
    assert_true(
        bed_is_overlap(bed, atomic_load(&bed->probe.offloading_max), helpers ? 2 : at_once));
    bed_open_gate(bed);
    for (int i = 0; i < PIECES; i++)
        assert_true(posted_is(&pieces[i], 200, NULL));
    assert_true(posted_is(&other, 200, NULL));
    bed_stop(bed);
    assert_int_equal(atomic_load(&bed->probe.additions), PIECES + 2);
    assert_int_equal(bed->final.offloads, PIECES);
    if (helpers)
        assert_int_equal(bed->final.threads, bed->threads + 2);
    assert_int_equal(atomic_load(&bed->probe.elsewhere), helpers ? PIECES : 0);
    for (int i = 0; i < PIECES; i++)
        posted_finish(&pieces[i], bed);
    posted_finish(&other, bed);
}

static void offloads_everywhere(struct bed *bed)
{
    bed_open_gate(bed);
    start(bed);
    expect(bed, "z1z2w1z3 b1", "a");
    expect(bed, "f2c1{z4 b2}o{z5+z6n}q0z7a", NULL);
    expect(bed, "c1{z8+}o{f3z9+}!b3", "aaa");
    bed_stop(bed);
    assert_int_equal(bed->final.offloads, 2 * (3 + 4 + 2));
    assert_int_equal(atomic_load(&bed->probe.additions), 2 * 3);
}

static void offloads_are_drained(struct bed *bed)
{
    start(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "@0z1+n"));
    assert_true(bed_wait_int(&bed->probe.offloading, 1));
    bed_begin_stop(bed);
    bed_sleep_ms(20);
    assert_int_equal(atomic_load(&bed->stop_ended), 0);
    bed_open_gate(bed);
    assert_true(client_expect(&bed->clients[0], 200, "1"));
    bed_end_stop(bed);
}

/* Of several downstream targets each has its own fate. */
static void fates_differ(struct bed *bed)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, "~200:a,-110:,~200:a,~%d:,~500:error,~200:bye,~%d:", -EPIPE,
             -EBADMSG);
    start(bed);
    bed_open(bed, 0);
    for (int round = 0; round < 4; round++) {
        expect_like(&bed->clients[0], "h{a}h{stall}c1{b1}h{die}h{error}h{bye}h{noise}q60a",
                    pattern);
        expect_like(&bed->clients[0], "h{x}h{chunks}h{error}h{bye}q0a",
                    "200:x,200:chunks,500:error,200:bye");
    }
    bed_stop(bed);
    assert_true(bed->final.call_errors >= 4 * 3);
    assert_true(atomic_load(&bed->service.open_max) <= 4);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"calls of several targets are gathered", gathers, NULL},
        {"calls of cells that call cells", nested, NULL},
        {"children wait, forward, and answer", children_move_on, NULL},
        {"targets without state", without_state, NULL},
        {"no downstream: that target is refused", no_downstream, NULL},
        {"more targets than there is of anything", many_targets, NULL},
        {"a late child is dropped, and ends", late_child, NULL},
        {"late children leave room for others", late_ones_leave_room, NULL},
        {"of two deadlines the first counts", late_grandchild, NULL},
        {"who timed out asks again", asks_again, NULL},
        {"one-way messages", sends, NULL},
        {"one-way messages are drained at stop", sends_are_drained, NULL},
        {"one-way messages are bounded to the unit", sends_are_bounded, NULL},
        {"spent messages are used again", spent_messages_are_used_again, NULL},
        {"cells made for a message, and closed", new_cells, NULL},
        {"offloaded pieces occupy nobody else", offloads, NULL},
        {"offloaded pieces in children and messages", offloads_everywhere, NULL},
        {"offloaded pieces are drained at stop", offloads_are_drained, NULL},
        {"each downstream target has its fate", fates_differ, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
