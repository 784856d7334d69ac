/* SPDX-License-Identifier: MIT */
/* Contract: when drain_ns runs out, stop() says how many it lost, tells those who can be told, and
 * still leaves nothing running. */
#include "bed.h"

#include <errno.h>

static void gives_up_on_posts(struct bed *bed)
{
    enum { REQUESTS = 4 };
    static struct posted posts[REQUESTS];
    if (bed->waits == MODEL_WAITS_ALONE || bed->waits == MODEL_WAITS_UNTOLD)
        bed_skip(bed, "post() may run on the caller's thread, and cannot be taken from under it");
    bed->config.drain_ns = 100000000;
    bed_start(bed);
    for (int i = 0; i < REQUESTS; i++) {
        posted_init(&posts[i], bed, (uint32_t)i, "g#never");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    assert_true(
        bed_wait_overlap(bed, &bed->probe.gated, (int)bed_expected_posted_overlap(bed, REQUESTS)));
    struct model_run *run = bed->run;
    bed->run = NULL;
    uint64_t lost = bed->model->stop(run, &bed->final);
    assert_int_equal(lost, REQUESTS);
    assert_int_equal(bed->final.answered, 0);
    assert_true(bed_wait_tasks(bed->tasks));
    for (int i = 0; i < REQUESTS; i++) { /* they are ours again, and we were told */
        assert_int_equal(atomic_load(&posts[i].dones), 1);
        assert_int_equal(posts[i].status, 503);
        posted_finish(&posts[i], bed);
    }
}

static void gives_up_on_sockets(struct bed *bed)
{
    bed->config.drain_ns = 100000000;
    bed_start(bed);
    unsigned inside = bed_expected_overlap(bed, 3);
    for (unsigned c = 0; c < inside; c++) {
        bed_open(bed, (int)c);
        assert_true(client_post(&bed->clients[c], "g#never"));
    }
    assert_true(bed_wait_overlap(bed, &bed->probe.gated, (int)inside));
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), inside);
    assert_true(bed_wait_tasks(bed->tasks));
    for (unsigned c = 0; c < inside; c++) {
        struct client_reply reply; /* cut off, or told that it is refused */
        int got = client_reply(&bed->clients[c], &reply);
        assert_true(got != 1 || reply.status == 503);
    }
}

/* A call that would take ten minutes: stop() does not wait for its deadline. */
static void gives_up_on_calls(struct bed *bed)
{
    bed->config.drain_ns = 100000000;
    bed_start_with_service(bed);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "k600000a#stall"));
    assert_true(bed_wait_int(&bed->service.requests, 1));
    struct model_run *run = bed->run;
    bed->run = NULL;
    assert_int_equal(bed->model->stop(run, &bed->final), 1);
    assert_true(bed_wait_tasks(bed->tasks + 1)); /* the service's own */
}

/* Who is told so and asks again at once, is refused, or told once more. */
struct asker {
    const struct bed *bed;
    struct model_run *run;
    struct posted posted;
    int told, answer;
};

static void ask_again(struct request *request)
{
    struct asker *asker = request->arg;
    if (asker->told++ == 0)
        asker->answer = asker->bed->model->post(asker->run, request);
}

static void gives_up_on_who_asks_again(struct bed *bed)
{
    static struct asker asker;
    if (bed->waits == MODEL_WAITS_ALONE || bed->waits == MODEL_WAITS_UNTOLD)
        bed_skip(bed, "as above");
    bed->config.drain_ns = 50000000;
    bed_start(bed);
    asker = (struct asker){.bed = bed, .run = bed->run};
    posted_init(&asker.posted, bed, 0, "g#");
    struct request *request = asker.posted.request;
    request->done = ask_again;
    request->arg = &asker;
    assert_int_equal(bed->model->post(bed->run, request), 0);
    assert_true(bed_wait_int(&bed->probe.gated, 1));
    bed->run = NULL;
    assert_int_equal(bed->model->stop(asker.run, &bed->final), 1);
    assert_true(asker.answer == 0 || asker.answer == -ESHUTDOWN);
    assert_int_equal(asker.told, 1 + (asker.answer == 0));
    assert_int_equal(request->status, 503);
    posted_finish(&asker.posted, bed);
}

static void *open_gate_late(void *arg)
{
    bed_sleep_ms(500);
    bed_open_gate(arg);
    return NULL;
}

/* Pieces in line behind one that takes its time: those are not begun any more. */
static void gives_up_on_pieces(struct bed *bed)
{
    enum { PIECES = 3 };
    static struct posted posts[PIECES];
    pthread_t opener;
    if (!(bed->model->uses & MODEL_OFFLOAD_THREADS) || bed->waits == MODEL_WAITS_UNTOLD)
        bed_skip(bed, "there is no line of what is offloaded");
    bed->config.drain_ns = 50000000;
    bed->config.offload_threads = 1;
    bed_start(bed);
    for (int i = 0; i < PIECES; i++) {
        posted_init(&posts[i], bed, (uint32_t)i, "z1#piece");
        assert_int_equal(posted_post(&posts[i], bed), 0);
    }
    assert_true(bed_wait_int(&bed->probe.offloading, 1));
    assert_int_equal(pthread_create(&opener, NULL, open_gate_late, bed), 0);
    struct model_run *run = bed->run;
    bed->run = NULL;
    uint64_t lost = bed->model->stop(run, &bed->final);
    pthread_join(opener, NULL);
    if (lost == PIECES) /* else the gate was open before */
        assert_int_equal(atomic_load(&bed->probe.offloaded), 1);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(atomic_load(&posts[i].dones), 1);
        posted_finish(&posts[i], bed);
    }
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"stop gives up after drain_ns (posts)", gives_up_on_posts, NULL},
        {"stop gives up after drain_ns (sockets)", gives_up_on_sockets, NULL},
        {"stop gives up after drain_ns (calls)", gives_up_on_calls, NULL},
        {"stop gives up after drain_ns (pieces)", gives_up_on_pieces, NULL},
        {"stop gives up on who asks again", gives_up_on_who_asks_again, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
