/* SPDX-License-Identifier: MIT */
/*
 * Contract: equal work. The same requests in the same order make every model do what the floor
 * does: as many turns, calls, messages and pieces, the same bytes in every reply.
 */
#include "bed.h"
#include "workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS = 24, AT_ONCE = 40 };

struct work {
    uint64_t requests, answered, rejected, turns, calls, call_errors, sends, offloads;
    uint64_t bytes_out, checksum; /* of those that were made one after the other */
};

extern const struct model inline_model; /* the floor; models[] need not have it */

static struct workload_setup setup; /* of the workload whose turn it is */

static void take_note(struct work *work, int status, const uint8_t *reply, size_t len)
{
    work->bytes_out += len;
    work->checksum = (work->checksum ^ (uint64_t)status) * 1099511628211u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        work->checksum = (work->checksum ^ reply[i]) * 1099511628211u;
}

static size_t document_of(int request)
{
    return (size_t)request * 7 % setup.documents;
}

static void prepare(struct posted *posted, struct bed *bed, int i)
{
    const struct workload *workload = bed->config.workload;
    size_t document = document_of(i);
    posted_init(posted, bed, (uint32_t)i % setup.cells, "");
    posted->request->in = setup.bodies[document];
    posted->request->in_len = setup.body_lens[document];
    if (workload->route)
        posted->request->cell =
            workload->route(setup.bodies[document], setup.body_lens[document], 0, setup.cells);
}

/* Where requests are of several kinds they say so themselves: is each answered as it should be? */
static void check(const struct bed *bed, size_t document, int status, const void *reply, size_t len)
{
    const unsigned several = WORKLOAD_NEEDS_STORE_MIX | WORKLOAD_NEEDS_HEAVY | WORKLOAD_NEEDS_HITS;
    if (workload_needs(bed->arg) & several)
        assert_true(workload_reply_ok(bed->arg, &setup, document, status, reply, len));
}

static void by_post(struct bed *bed, struct work *work)
{
    static struct posted posts[AT_ONCE];
    for (int i = 0; i < REQUESTS; i++) {
        prepare(&posts[0], bed, i);
        assert_int_equal(posted_post(&posts[0], bed), 0);
        assert_true(bed_wait_int(&posts[0].dones, 1));
        const struct bytes *out = &posts[0].request->out;
        check(bed, document_of(i), posts[0].status, out->data, out->len);
        take_note(work, posts[0].status, out->data, out->len);
        posted_finish(&posts[0], bed);
    }
    for (int i = 0; i < AT_ONCE; i++)
        prepare(&posts[i], bed, i);
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(posted_post(&posts[i], bed), 0);
    for (int i = 0; i < AT_ONCE; i++)
        assert_true(bed_wait_int(&posts[i].dones, 1));
    for (int i = 0; i < AT_ONCE; i++) {
        const struct bytes *out = &posts[i].request->out;
        check(bed, document_of(i), posts[i].status, out->data, out->len);
        posted_finish(&posts[i], bed);
    }
}

static void by_socket(struct bed *bed, struct work *work)
{
    struct client *client = &bed->clients[0];
    bed_open(bed, 0);
    for (int i = 0; i < REQUESTS; i++) {
        struct client_reply reply;
        char head[128];
        size_t document = document_of(i);
        int n =
            snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n",
                     setup.body_lens[document]);
        assert_true(client_send(client, head, (size_t)n));
        assert_true(client_send(client, setup.bodies[document], setup.body_lens[document]));
        assert_int_equal(client_reply(client, &reply), 1);
        check(bed, document, reply.status, reply.body, reply.body_len);
        take_note(work, reply.status, (const uint8_t *)reply.body, reply.body_len);
    }
    client_close(client);
}

static struct work measure(struct bed *bed)
{
    struct work work = {0};
    bed_start(bed);
    by_post(bed, &work);
    if (!(workload_needs(bed->arg) & WORKLOAD_IN_PROCESS_ONLY))
        by_socket(bed, &work);
    struct model_run *run = bed->run;
    bed->run = NULL; /* not bed_stop(): that asks the probe, which does not run here */
    assert_int_equal(bed->model->stop(run, &bed->final), 0);
    const struct model_stats *final = &bed->final;
    work.requests = final->requests;
    work.answered = final->answered;
    work.rejected = final->rejected;
    work.turns = final->turns;
    work.calls = final->calls;
    work.call_errors = final->call_errors;
    work.sends = final->sends;
    work.offloads = final->offloads;
    return work;
}

static void make_setup(const struct workload *workload, bool offload)
{
    char why[256];
    assert_int_equal(workload_setup_init(&setup, payload_find("order"), codecs[0], why, sizeof why),
                     0);
    setup.cpu_iterations = 2000;
    setup.messages = 5;
    setup.cells = 8;
    setup.offload = offload;
    if (workload_needs(workload) & WORKLOAD_NEEDS_JOURNAL)
        assert_int_equal(
            workload_setup_journal(&setup, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"), 0);
    assert_int_equal(workload_setup_mark(&setup, workload), 0);
}

static struct work compare(struct bed *bed, bool offload)
{
    static struct bed floor;
    make_setup(bed->arg, offload);
    bed->config.workload = bed->arg;
    bed->config.setup = &setup;
    bed->config.cells = setup.cells;
    bed->config.queue_limit = 100000;
    if (workload_needs(bed->arg) & WORKLOAD_NEEDS_DOWNSTREAM) {
        assert_int_equal(service_start(&bed->service), 0);
        bed->service_runs = true;
        bed->config.downstream = bed->service.address;
    }
    floor = *bed;
    floor.model = &inline_model;
    floor.waits = MODEL_WAITS_ALONE;
    struct work right = measure(&floor), done = measure(bed);
    assert_true(done.requests >= REQUESTS + AT_ONCE);
    assert_int_equal(done.requests, right.requests);
    assert_int_equal(done.answered, right.answered);
    assert_int_equal(done.rejected, right.rejected);
    assert_int_equal(done.turns, right.turns);
    assert_int_equal(done.calls, right.calls);
    assert_int_equal(done.call_errors, right.call_errors);
    assert_int_equal(done.sends, right.sends);
    assert_int_equal(done.offloads, right.offloads);
    assert_int_equal(done.bytes_out, right.bytes_out);
    assert_int_equal(done.checksum, right.checksum);
    workload_setup_finish(&setup);
    return done;
}

static void same_work(struct bed *bed)
{
    compare(bed, false);
}

static void same_work_offloaded(struct bed *bed)
{
    struct work done = compare(bed, true);
    assert_true(done.offloads > 0 && done.offloads < done.answered);
}

int main(int argc, char **argv)
{
    size_t count = 0, most = 0;
    while (workloads[most])
        most++;
    struct bed_property *properties = calloc(2 * most, sizeof *properties);
    if (!properties)
        return 3;
    for (size_t i = 0; i < most; i++) {
        const struct workload *workload = workloads[i];
        properties[count++] = (struct bed_property){workload->name, same_work, workload};
        if (workload_needs(workload) & WORKLOAD_NEEDS_HEAVY)
            properties[count++] =
                (struct bed_property){"its heavy ones offloaded", same_work_offloaded, workload};
    }
    int exit_code = bed_main(argc, argv, properties, count);
    free(properties);
    return exit_code;
}
