/* SPDX-License-Identifier: MIT */
/* Contract: what cannot start says why and leaves nothing; what has started is as it was asked. */
#include "bed.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int try_start(struct bed *bed)
{
    struct model_run *run = NULL;
    int error = bed->model->start(&bed->config, &run, &bed->port);
    if (error == 0)
        bed->model->stop(run, NULL);
    assert_int_equal(bed_count_fds(), bed->fds);
    assert_true(bed_wait_tasks(bed->tasks));
    return error;
}

static void bad_addresses(struct bed *bed)
{
    static const char *const listens[] = {"",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:65536",
                                          ":::",
                                          "127.0.0.1:http x",
                                          "127.0.0.1:-1",
                                          "300.1.1.1:0",
                                          "nowhere.invalid:0"};
    for (size_t i = 0; i < sizeof listens / sizeof listens[0]; i++) {
        bed->config.listen = listens[i];
        if (try_start(bed) >= 0)
            fail_msg("listen on '%s'", listens[i]);
    }
}

static void bad_cpus(struct bed *bed)
{
    static const char *const cpus[] = {"", "a", "1-0", "0,", "-1", "0-", "99999", "0 1", "0x1"};
    for (size_t i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
        bed->config.cpus = cpus[i];
        if (try_start(bed) >= 0)
            fail_msg("cpus '%s'", cpus[i]);
    }
}

static void bad_numbers(struct bed *bed)
{
    struct model_config good = bed->config;
    bed->config.threads = 0;
    assert_int_equal(try_start(bed), -EINVAL);
    bed->config = good;
    bed->config.queue_limit = 0;
    assert_int_equal(try_start(bed), -EINVAL);
    bed->config = good;
    bed->config.cells = 0; /* and the workload has state */
    assert_int_equal(try_start(bed), -EINVAL);
    bed->config = good;
    bed->config.downstream = "127.0.0.1:1";
    bed->config.downstream_connections = 0;
    assert_int_equal(try_start(bed), -EINVAL);
    bed->config = good;
    bed->config.downstream = "not an address";
    assert_true(try_start(bed) < 0);
}

static void cell_fails_to_open(struct bed *bed)
{
    for (int cell = 1; cell <= 4; cell++) {
        bed->probe.fail_cell = cell;
        assert_int_equal(try_start(bed), -ENOSPC);
        assert_int_equal(atomic_load(&bed->probe.cells_opened),
                         atomic_load(&bed->probe.cells_closed));
    }
    bed->probe.fail_cell = 0;
    assert_int_equal(try_start(bed), 0);
    assert_int_equal(atomic_load(&bed->probe.cells_opened), 4 + 0 + 1 + 2 + 3);
}

static void port_in_use(struct bed *bed)
{
    char listen[32];
    bed_start(bed); /* by the same model: its own way to share a port must not hide this */
    snprintf(listen, sizeof listen, "127.0.0.1:%u", bed->port);
    int fds = bed_count_fds(), tasks = bed_count_tasks();
    struct model_config second = bed->config;
    struct probe probe = {0};
    second.setup = &probe;
    second.listen = listen;
    struct model_run *run = NULL;
    int error = bed->model->start(&second, &run, NULL);
    if (error == 0)
        bed->model->stop(run, NULL);
    assert_int_equal(error, -EADDRINUSE);
    assert_int_equal(bed_count_fds(), fds);
    assert_true(bed_wait_tasks(tasks));
    assert_int_equal(atomic_load(&probe.cells_opened), atomic_load(&probe.cells_closed));
    bed_open(bed, 0); /* and the first is none the worse */
    for (int i = 0; i < 5; i++) {
        assert_true(client_post(&bed->clients[0], "#first"));
        assert_true(client_expect(&bed->clients[0], 200, "#first"));
    }
    bed_stop(bed);
    bed->config.listen = listen; /* the port is free again, though its connections linger */
    bed_start(bed);
    assert_int_equal(bed->port, atoi(strchr(listen, ':') + 1));
    bed_stop(bed);
}

/* Wherever in start() descriptors run out: it says so, and nothing is left. */
static void out_of_descriptors(struct bed *bed)
{
    struct rlimit before;
    int error = -1, next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    for (unsigned more = 0; error != 0; more++) {
        struct rlimit few = {.rlim_cur = (rlim_t)next + more, .rlim_max = before.rlim_max};
        struct model_run *run = NULL;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        error = bed->model->start(&bed->config, &run, &bed->port);
        setrlimit(RLIMIT_NOFILE, &before);
        if (error == 0)
            bed->model->stop(run, NULL);
        assert_true(error <= 0 && (error == 0) == (run != NULL) && (error < 0 || more > 0));
        assert_true(more < 100);
        assert_int_equal(bed_count_fds(), bed->fds);
        assert_true(bed_wait_tasks(bed->tasks));
        assert_int_equal(atomic_load(&bed->probe.cells_opened),
                         atomic_load(&bed->probe.cells_closed));
    }
}

static void threads_are_told(struct bed *bed)
{
    bed_start(bed);
    int tasks = bed_count_tasks() - bed->tasks;
    assert_int_equal(bed_stats(bed).threads, tasks);
    assert_true(tasks >= (bed->waits == MODEL_WAITS_UNTOLD ? 1 : (int)bed->threads));
    bed_stop(bed);
    assert_true(bed_wait_tasks(bed->tasks));
    bed->config.listen = NULL;
    bed_start(bed); /* in process only: no connections, the same books */
    assert_int_equal(bed_stats(bed).threads, bed_count_tasks() - bed->tasks);
    bed_stop(bed);
}

/* Every thread of the model is where `cpus` says, and the caller is where it was. */
static void cpus_are_kept(struct bed *bed)
{
    cpu_set_t before, now;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    char list[16];
    snprintf(list, sizeof list, "%d", cpu);
    bed->config.cpus = list;
    bed_start(bed);
    unsigned pinned = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        if (sched_getaffinity(atoi(task->d_name), sizeof now, &now) == 0)
            pinned += CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now);
    }
    closedir(tasks);
    assert_true(pinned >= bed_stats(bed).threads);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_true(CPU_EQUAL(&before, &now));
    bed_stop(bed);
}

static void config_is_copied(struct bed *bed)
{
    struct model_config *config = malloc(sizeof *config);
    char *listen = strdup("127.0.0.1:0"), *type = strdup("text/plain");
    assert_non_null(config);
    *config = bed->config;
    config->listen = listen;
    config->content_type = type;
    assert_int_equal(bed->model->start(config, &bed->run, &bed->port), 0);
    memset(config, 0xee, sizeof *config);
    free(config);
    bed_open(bed, 0);
    assert_true(client_post(&bed->clients[0], "w1#copied"));
    assert_true(client_expect(&bed->clients[0], 200, "w1#copied"));
    bed_stop(bed);
    free(listen);
    free(type);
}

static void two_at_once(struct bed *bed)
{
    struct probe probe = {0};
    struct model_config second = bed->config;
    struct model_run *run = NULL;
    struct client client;
    uint16_t port = 0;
    second.setup = &probe;
    bed_start(bed);
    bed_open(bed, 0);
    assert_int_equal(bed->model->start(&second, &run, &port), 0);
    bool good = client_open(&client, port) && client_post(&client, "w2f1#b") &&
                client_post(&bed->clients[0], "f1w2#a") &&
                client_expect(&bed->clients[0], 200, "f1w2#a") &&
                client_expect(&client, 200, "w2f1#b");
    client_close(&client);
    bed->model->stop(run, NULL);
    assert_true(good);
    assert_int_equal(atomic_load(&probe.turns), 3);
    bed_stop(bed);
}

int main(int argc, char **argv)
{
    static const struct bed_property properties[] = {
        {"an address that is none", bad_addresses, NULL},
        {"cpus that are none", bad_cpus, NULL},
        {"numbers that cannot be", bad_numbers, NULL},
        {"a cell that fails to open", cell_fails_to_open, NULL},
        {"a port in use, and its reuse", port_in_use, NULL},
        {"descriptors that run out", out_of_descriptors, NULL},
        {"threads are told", threads_are_told, NULL},
        {"cpus are kept", cpus_are_kept, NULL},
        {"the configuration is copied", config_is_copied, NULL},
        {"two models at once", two_at_once, NULL},
    };
    return bed_main(argc, argv, properties, sizeof properties / sizeof properties[0]);
}
