/* SPDX-License-Identifier: MIT */
/* The load generator: one thread, any HTTP/1.1 server. */
#include "hgrm.h"
#include "load_report.h"

#include "parts/cpus.h"
#include "process.h"

#include <stdio.h>
#include <string.h>

static int fail(const char *what, const char *why, int code)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    return code;
}

/* Bodies are kept where they are compared. */
static bool collects(const struct load_options *load)
{
    for (size_t i = 0; i < load->class_count; i++) {
        if (load->classes[i].known_workload)
            return true;
    }
    return false;
}

static int open_connections(const struct load_options *load, struct connections *connections)
{
    const struct target *target = &load->target;
    int err = connections_init(connections, load->connections, &target->address,
                               target->address_len, collects(load));
    if (err != 0)
        return fail("--connections", strerror(-err), EXIT_ENVIRONMENT);
    connections->stamps = load->config.defer;
    size_t open = connections_open(connections, load->config.timeout_ns);
    if (open == load->connections)
        return EXIT_GOOD;
    char why[256];
    int error = connections->last_error;
    snprintf(why, sizeof why, "%zu of %zu connections opened: %s", open, (size_t)load->connections,
             error ? strerror(error) : "no answer in time");
    return fail(target->host, why, EXIT_ENVIRONMENT);
}

struct files {
    struct output json, hgrm, requests;
};

static int open_files(const struct load_options *load, struct files *files)
{
    int err = output_open(&files->json, load->json);
    if (err != 0)
        fprintf(stderr, "load: --json: %s: %s\n", load->json, strerror(-err));
    else if ((err = output_open_plain(&files->hgrm, load->hgrm)) != 0)
        fprintf(stderr, "load: --hgrm: %s: %s\n", load->hgrm, strerror(-err));
    else if ((err = output_open_plain(&files->requests, load->requests)) != 0)
        fprintf(stderr, "load: --requests: %s: %s\n", load->requests, strerror(-err));
    return err != 0 ? EXIT_USAGE : EXIT_GOOD;
}

static void write_requests(const struct load_options *load, const struct load_result *result,
                           FILE *file)
{
    const char *names[LOAD_CLASSES_MAX];
    for (size_t i = 0; i < load->class_count; i++)
        names[i] = load->classes[i].name ? load->classes[i].name : "";
    load_log_write(file, &load->log, result->from_ns, names);
}

static int write_files(const struct load_options *load, const struct load_result *result,
                       struct files *files)
{
    load_report_write(&files->json, load, result);
    if (files->hgrm.file)
        hgrm_write(files->hgrm.file, &result->all.latency);
    if (files->requests.file)
        write_requests(load, result, files->requests.file);
    int err = output_close(&files->json);
    if (err != 0)
        return fail("--json", strerror(-err), EXIT_ENVIRONMENT);
    err = output_close(&files->hgrm);
    if (err != 0)
        return fail("--hgrm", strerror(-err), EXIT_ENVIRONMENT);
    err = output_close(&files->requests);
    return err != 0 ? fail("--requests", strerror(-err), EXIT_ENVIRONMENT) : EXIT_GOOD;
}

static int run(struct load_options *load, struct connections *connections, struct files *files)
{
    int code = open_connections(load, connections);
    if (code != EXIT_GOOD)
        return code;
    connections_sleep(connections, (uint64_t)(load->settle_s * 1e9));
    struct load_result result;
    int err = load_run(&load->config, connections, &result);
    if (err == 0) {
        load_report_print(load, &result);
        load_report_warn(&result);
        code = write_files(load, &result, files);
        if (code == EXIT_GOOD && !load_report_good(load, &result))
            code = EXIT_FAILED;
    }
    load_result_finish(&result);
    const char *what = load_is_closed(load) ? "--duration" : load->steps ? "--steps" : "--rate";
    return err != 0 ? fail(what, strerror(-err), EXIT_ENVIRONMENT) : code;
}

int main(int argc, char **argv)
{
    struct load_options load;
    struct files files = {0};
    struct connections connections = {.epoll = -1, .timer = -1};
    struct watch watched;
    int code = load_options_read(&load, argc, argv);
    if (code != OPTIONS_GO_ON)
        goto out;
    code = EXIT_USAGE;
    if (load.config.watch_pid && watch_clocks(&watched, load.config.watch_pid) != 0)
        fail("--watch-pid", "no such process", EXIT_USAGE);
    else if (load.config.beside_pid && watch_clocks(&watched, load.config.beside_pid) != 0)
        fail("--beside-pid", "no such process", EXIT_USAGE);
    else if (load.cpus && cpus_pin_self(load.cpus) != 0)
        fprintf(stderr, "load: --cpus: \"%s\" is not a list of CPUs that this process may use\n",
                load.cpus);
    else if (open_files(&load, &files) == EXIT_GOOD) {
        process_prepare();
        code = run(&load, &connections, &files);
    }
out:
    connections_finish(&connections);
    output_discard(&files.json);
    output_discard(&files.hgrm);
    output_discard(&files.requests);
    load_options_finish(&load);
    return code;
}
