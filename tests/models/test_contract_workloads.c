/* SPDX-License-Identifier: MIT */
/* Contract: every workload of workloads[] under every model, over both doors, replies checked. */
#include "bed.h"
#include "workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 4, REQUESTS = 40, POSTS = 60 };

static struct workload_setup setup; /* of the workload whose turn it is; the models only read it */

/* Where requests are of several kinds, documents say so; heavy ones are offloaded. */
static void make_setup(const struct workload *workload)
{
    char why[256];
    assert_int_equal(workload_setup_init(&setup, payload_find("order"), codecs[0], why, sizeof why),
                     0);
    setup.cpu_iterations = 2000;
    setup.messages = 5;
    setup.cells = 8; /* fewer than hops: the ring closes */
    setup.offload = true;
    if (workload_needs(workload) & WORKLOAD_NEEDS_JOURNAL)
        assert_int_equal(
            workload_setup_journal(&setup, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"), 0);
    assert_int_equal(workload_setup_mark(&setup, workload), 0);
}

static void start(struct bed *bed)
{
    make_setup(bed->arg);
    bed->config.workload = bed->arg;
    bed->config.offload_threads = 2;
    bed->config.setup = &setup;
    bed->config.cells = setup.cells;
    if (workload_needs(bed->arg) & WORKLOAD_NEEDS_DOWNSTREAM)
        bed_start_with_service(bed);
    else
        bed_start(bed);
}

/* Of the documents that were sent, those whose mark begins so. */
static uint64_t marked(const size_t *documents, size_t count, const char *mark)
{
    uint64_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = setup.body_lens[documents[i]];
        found += len >= strlen(mark) && !memcmp(setup.bodies[documents[i]], mark, strlen(mark));
    }
    return found;
}

/* Not bed_stop(): that asks the probe, which does not run here. */
static void stop(struct bed *bed, const size_t *documents, uint64_t answered)
{
    const unsigned needs = workload_needs(bed->arg);
    uint64_t calls = answered * (needs & WORKLOAD_NEEDS_FAN ? setup.fan : 1);
    if (needs & WORKLOAD_NEEDS_HITS) {
        calls -= marked(documents, answered, "hit ");
        assert_true(calls > 0 && calls < answered);
    }
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), 0);
    assert_int_equal(bed->final.answered, answered);
    assert_int_equal(bed->final.requests, answered);
    assert_int_equal(bed->final.in_flight, 0);
    assert_true(bed->final.turns >= answered);
    if (needs & WORKLOAD_NEEDS_DOWNSTREAM)
        assert_int_equal(bed->final.calls, calls);
    if (needs & WORKLOAD_NEEDS_RING)
        assert_int_equal(bed->final.turns, answered * setup.hops);
    if (needs & WORKLOAD_SENDS) {
        assert_int_equal(bed->final.sends, answered * setup.messages);
        assert_int_equal(bed->final.turns, answered * (4 + setup.messages)); /* all carried out */
    }
    if (needs & WORKLOAD_NEEDS_JOURNAL)
        assert_int_equal(bed->final.offloads, answered);
    if (needs & WORKLOAD_NEEDS_HEAVY) {
        assert_true(bed->final.offloads > 0 && bed->final.offloads < answered);
        assert_int_equal(bed->final.offloads, marked(documents, answered, "heavy "));
    }
    workload_setup_finish(&setup);
}

static size_t document_of(int connection, int request)
{
    return (size_t)(connection * 7 + request) % setup.documents;
}

static void over_sockets(struct bed *bed)
{
    if (workload_needs(bed->arg) & WORKLOAD_IN_PROCESS_ONLY)
        bed_skip(bed, "it runs in process only");
    size_t documents[CONNECTIONS * REQUESTS], sent = 0;
    start(bed);
    for (int c = 0; c < CONNECTIONS; c++) {
        bed_open(bed, c);
        for (int i = 0; i < REQUESTS; i++) { /* pipelined */
            size_t document = documents[sent++] = document_of(c, i);
            char head[128];
            int n = snprintf(head, sizeof head,
                             "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n",
                             setup.body_lens[document]);
            assert_true(client_send(&bed->clients[c], head, (size_t)n));
            assert_true(
                client_send(&bed->clients[c], setup.bodies[document], setup.body_lens[document]));
        }
    }
    for (int c = 0; c < CONNECTIONS; c++)
        for (int i = 0; i < REQUESTS; i++) {
            struct client_reply reply;
            assert_int_equal(client_reply(&bed->clients[c], &reply), 1);
            assert_true(workload_reply_ok(bed->arg, &setup, document_of(c, i), reply.status,
                                          (const uint8_t *)reply.body, reply.body_len));
        }
    stop(bed, documents, sent);
}

static void over_post(struct bed *bed)
{
    const struct workload *workload = bed->arg;
    static struct posted posts[POSTS];
    size_t documents[POSTS];
    bed->config.listen = NULL;
    start(bed);
    for (int i = 0; i < POSTS; i++) {
        size_t document = documents[i] = document_of(0, i);
        posted_init(&posts[i], bed, (uint32_t)i % setup.cells, "");
        posts[i].request->in = setup.bodies[document];
        posts[i].request->in_len = setup.body_lens[document];
        if (workload->route)
            posts[i].request->cell =
                workload->route(setup.bodies[document], setup.body_lens[document], 0, setup.cells);
    }
    for (int i = 0; i < POSTS; i++)
        assert_int_equal(posted_post(&posts[i], bed), 0);
    for (int i = 0; i < POSTS; i++) {
        assert_true(bed_wait_int(&posts[i].dones, 1));
        posted_join(&posts[i]); /* stop() comes next */
        assert_true(workload_reply_ok(workload, &setup, document_of(0, i), posts[i].status,
                                      posts[i].request->out.data, posts[i].request->out.len));
    }
    stop(bed, documents, POSTS);
    for (int i = 0; i < POSTS; i++)
        posted_finish(&posts[i], bed);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    while (workloads[count])
        count++;
    struct bed_property *properties = calloc(2 * count, sizeof *properties);
    char(*names)[64] = calloc(2 * count, sizeof *names);
    if (!properties || !names)
        return 3;
    for (size_t i = 0; i < 2 * count; i++) {
        snprintf(names[i], sizeof names[i], "%s over %s", workloads[i / 2]->name,
                 i % 2 ? "post" : "sockets");
        properties[i] =
            (struct bed_property){names[i], i % 2 ? over_post : over_sockets, workloads[i / 2]};
    }
    int exit_code = bed_main(argc, argv, properties, 2 * count);
    free(properties);
    free(names);
    return exit_code;
}
