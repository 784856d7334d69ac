/* SPDX-License-Identifier: MIT */
#include "bed.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const unsigned thread_counts[] = {1, 3};

static const char *volatile running = "";

static void give_up(int signal)
{
    (void)signal;
    static const char what[] = "\ncontract: no end after its time: ";
    ssize_t written = write(2, what, sizeof what - 1);
    written = write(2, running, strlen(running));
    written = write(2, "\n", 1);
    (void)written;
    _exit(1);
}

unsigned bed_scale(unsigned count)
{
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define BED_SANITIZED
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(BED_SANITIZED)
    return count < 10 ? count : (count + 9) / 10;
#else
    return count;
#endif
}

static int count_entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

int bed_count_fds(void)
{
    return count_entries("/proc/self/fd");
}

int bed_count_tasks(void)
{
    return count_entries("/proc/self/task");
}

bool bed_wait_tasks(int wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (bed_count_tasks() <= wanted)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %d threads, there are %d\n", wanted, bed_count_tasks());
    return false;
}

void bed_sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

bool bed_wait_int(_Atomic int *value, int wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (atomic_load(value) == wanted)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %d, it is %d\n", wanted, atomic_load(value));
    return false;
}

struct model_stats bed_stats(struct bed *bed)
{
    struct model_stats stats = {0};
    bed->model->stats(bed->run, &stats);
    return stats;
}

bool bed_wait_in_flight(struct bed *bed, uint32_t wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (bed_stats(bed).in_flight == wanted)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %u in flight, there are %u\n", wanted, bed_stats(bed).in_flight);
    return false;
}

bool bed_wait_turns(struct bed *bed, uint64_t wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (atomic_load(&bed->probe.turns) >= wanted)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %llu turns\n", (unsigned long long)wanted);
    return false;
}

bool bed_wait_accepted(struct bed *bed, uint64_t wanted)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (bed_stats(bed).connections >= wanted)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %llu connections\n", (unsigned long long)wanted);
    return false;
}

bool bed_wait_no_connections(struct bed *bed)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (bed_stats(bed).connections_open == 0)
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "%u connections are still open\n", bed_stats(bed).connections_open);
    return false;
}

void bed_start(struct bed *bed)
{
    bed->run = NULL;
    bed->port = 0;
    atomic_store(&bed->probe.turns, 0);
    int error = bed->model->start(&bed->config, &bed->run, &bed->port);
    if (error) {
        bed->run = NULL;
        fail_msg("start: %s", strerror(-error));
    }
    assert_non_null(bed->run);
    if (bed->config.listen)
        assert_int_not_equal(bed->port, 0);
}

void bed_start_with_service(struct bed *bed)
{
    assert_int_equal(service_start(&bed->service), 0);
    bed->service_runs = true;
    bed->config.downstream = bed->service.address;
    bed_start(bed);
}

/* A request is refused before it is accepted (the limit) or after (TURN_REJECT). */
void bed_check_books(const struct bed *bed)
{
    assert_true(bed->final.requests >= bed->final.answered);
    assert_true(bed->final.requests <= bed->final.answered + bed->final.rejected);
}

static void *stop_main(void *arg)
{
    struct bed *bed = arg;
    bed->stop_lost = bed->model->stop(bed->run, &bed->final);
    atomic_store(&bed->stop_ended, 1);
    return NULL;
}

void bed_begin_stop(struct bed *bed)
{
    posted_return_all(bed);
    atomic_store(&bed->stop_ended, 0);
    assert_int_equal(pthread_create(&bed->stop_thread, NULL, stop_main, bed), 0);
    bed->stopping = true;
}

void bed_stop(struct bed *bed)
{
    bed_begin_stop(bed);
    bed_end_stop(bed);
}

void bed_end_stop(struct bed *bed)
{
    pthread_join(bed->stop_thread, NULL);
    bed->stopping = false;
    bed->run = NULL;
    assert_int_equal(bed->stop_lost, 0);
    if (atomic_load(&bed->probe.faults))
        fail_msg("workload.h: %s", atomic_load(&bed->probe.fault));
    assert_int_equal(atomic_load(&bed->probe.overlaps), 0);
    assert_int_equal(atomic_load(&bed->probe.cells_opened), atomic_load(&bed->probe.cells_closed));
    assert_int_equal(bed->final.turns, atomic_load(&bed->probe.turns));
    assert_int_equal(bed->final.in_flight, 0);
    bed_check_books(bed);
    assert_int_equal(bed->final.connections_open, 0);
}

void bed_open(struct bed *bed, int client)
{
    if (!client_open(&bed->clients[client], bed->port))
        fail_msg("client %d: connect: %s", client, strerror(errno));
}

void bed_open_gate(struct bed *bed)
{
    atomic_store(&bed->probe.gate, true);
}

void bed_skip(const struct bed *bed, const char *why)
{
    print_message("%s: not asked: %s\n", bed->name, why);
    skip();
}

unsigned bed_expected_overlap(const struct bed *bed, unsigned requests)
{
    if (bed->waits == MODEL_WAITS_UNBOUND || bed->waits == MODEL_WAITS_PER_CONNECTION)
        return requests;
    unsigned most = bed->waits == MODEL_WAITS_PER_THREAD ? bed->threads : 1;
    return requests < most ? requests : most;
}

unsigned bed_expected_posted_overlap(const struct bed *bed, unsigned requests)
{
    if (bed->waits == MODEL_WAITS_ALONE)
        return requests;
    if (bed->waits == MODEL_WAITS_PER_CONNECTION)
        return requests < bed->threads ? requests : bed->threads;
    return bed_expected_overlap(bed, requests);
}

bool bed_is_overlap(const struct bed *bed, int value, int expected)
{
    return bed->waits == MODEL_WAITS_UNTOLD ? value >= expected : value == expected;
}

bool bed_wait_overlap(const struct bed *bed, _Atomic int *value, int expected)
{
    for (int ms = 0; ms < BED_WAIT_MS; ms++) {
        if (bed_is_overlap(bed, atomic_load(value), expected))
            return true;
        bed_sleep_ms(1);
    }
    fprintf(stderr, "waited for %d at once, there are %d\n", expected, atomic_load(value));
    return false;
}

bool bed_ask_when_full(struct bed *bed, int client, bool reads_on)
{
    enum { QUIET_MS = 100 };
    assert_true(client_post(&bed->clients[client], "#one too many"));
    if (!reads_on && client_silent(&bed->clients[client], QUIET_MS))
        return false;
    assert_true(client_expect(&bed->clients[client], 503, NULL));
    return true;
}

void bed_hear_at_last(struct bed *bed, int client)
{
    struct client_reply reply;
    assert_int_equal(client_reply(&bed->clients[client], &reply), 1);
    assert_true(reply.status == 200 || reply.status == 503);
}

static int set_up(void **state)
{
    struct bed *bed = *state;
    running = bed->name;
    signal(SIGALRM, give_up);
    alarm(BED_PATIENCE_S);
    bed->fds = bed_count_fds();
    bed->tasks = bed_count_tasks();
    memset(&bed->probe, 0, sizeof bed->probe);
    bed->config = (struct model_config){
        .workload = &probe_routed,
        .setup = &bed->probe,
        .cells = 4,
        .threads = bed->threads,
        .queue_limit = 1000,
        .on_full = MODEL_REJECT,
        .listen = "127.0.0.1:0",
        .content_type = "text/plain",
        .max_body_bytes = 1 << 20,
        .io_timeout_ns = 120000000000u,
        .drain_ns = 240000000000u,
        .downstream_connections = 4,
        .call_timeout_ns = 120000000000u,
    };
    return 0;
}

static void run_property(void **state)
{
    struct bed *bed = *state;
    bed->property(bed);
    bed->ended = true;
}

/* Also after a failure: the next test starts clean, or its own failure would say nothing. What is
 * left behind then is told, and is no failure of its own: cmocka would tell of that alone. */
static int tear_down(void **state)
{
    struct bed *bed = *state;
    atomic_store(&bed->probe.gate, true);
    if (bed->service_runs)
        service_release(&bed->service);
    for (size_t i = 0; i < sizeof bed->clients / sizeof bed->clients[0]; i++)
        client_close(&bed->clients[i]);
    for (struct posted *posted = bed->posts; posted; posted = posted->next)
        posted_join(posted);
    if (bed->stopping)
        pthread_join(bed->stop_thread, NULL);
    else if (bed->run)
        bed->model->stop(bed->run, NULL);
    bed->stopping = false;
    bed->run = NULL;
    while (bed->posts)
        posted_finish(bed->posts, bed);
    if (bed->service_runs)
        service_stop(&bed->service);
    bed->service_runs = false;
    alarm(0);
    bed_wait_tasks(bed->tasks);
    int fds = bed_count_fds(), tasks = bed_count_tasks();
    if (fds == bed->fds && tasks <= bed->tasks)
        return 0;
    fprintf(stderr, "%s: left behind%s: %d descriptors, %d threads\n", bed->name,
            bed->ended ? "" : " after a failure", fds - bed->fds, tasks - bed->tasks);
    return bed->ended ? -1 : 0;
}

static void add(struct bed *bed, struct CMUnitTest *test, const struct model *model,
                unsigned threads, const struct bed_property *property)
{
    char name[160];
    snprintf(name, sizeof name, "%s/%u: %s", model->name, threads, property->name);
    *bed = (struct bed){.name = strdup(name),
                        .model = model,
                        .waits = model->waits,
                        .threads = threads,
                        .property = property->test,
                        .arg = property->arg};
    *test = (struct CMUnitTest){.name = bed->name,
                                .test_func = run_property,
                                .setup_func = set_up,
                                .teardown_func = tear_down,
                                .initial_state = bed};
}

static void *tell_id(void *arg)
{
    *(pid_t *)arg = (pid_t)syscall(SYS_gettid);
    return NULL;
}

/* Thread sanitizer starts a thread of its own with our first: before anything is counted. Ours is
 * in /proc for a moment after it was joined. */
static bool start_first_thread(void)
{
    pthread_t first;
    pid_t id = 0;
    char path[64];
    if (pthread_create(&first, NULL, tell_id, &id) != 0 || pthread_join(first, NULL) != 0)
        return false;
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)id);
    for (int ms = 0; ms < BED_WAIT_MS && access(path, F_OK) == 0; ms++)
        bed_sleep_ms(1);
    return true;
}

int bed_main(int argc, char **argv, const struct bed_property *properties, size_t count)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    if (only && !model_find(only)) {
        fprintf(stderr, "%s: unknown model '%s'\n", argv[0], only);
        return 2;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]); /* with * and ?, e.g. "*split*" */

    if (!start_first_thread())
        return 3;
    size_t models_count = 0;
    while (models[models_count])
        models_count++;
    size_t most = models_count * 2 * count;
    struct bed *beds = calloc(most, sizeof *beds);
    struct CMUnitTest *tests = calloc(most, sizeof *tests);
    if (!beds || !tests)
        return 3;
    size_t n = 0;
    for (size_t m = 0; m < models_count; m++) {
        if (only && strcmp(models[m]->name, only) != 0)
            continue;
        /* One request at a time needs one thread. */
        size_t kinds = models[m]->waits == MODEL_WAITS_ALONE ? 1 : 2;
        for (size_t t = 0; t < kinds; t++)
            for (size_t p = 0; p < count; p++, n++)
                add(&beds[n], &tests[n], models[m], thread_counts[t], &properties[p]);
    }
    int failed = _cmocka_run_group_tests("contract", tests, n, NULL, NULL);
    bool asked = false; /* of anything that applies to these models */
    for (size_t i = 0; i < n; i++) {
        asked |= beds[i].ended;
        free((char *)(uintptr_t)beds[i].name);
    }
    free(beds);
    free(tests);
    return failed ? 1 : asked ? 0 : BED_ALL_SKIPPED;
}
