/* SPDX-License-Identifier: MIT */
/* The load generator: one thread, any HTTP/1.1 server. */
#include "load_report.h"

#include "parts/cpus.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why, int code)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    return code;
}

static int run(struct load_options *load, struct connections *connections, struct output *output)
{
    const struct target *target = &load->target;
    bool head = strcmp(load->method, "HEAD") == 0;
    int err = connections_init(connections, load->connections, &target->address,
                               target->address_len, load->known_workload != NULL, head);
    if (err != 0)
        return fail("--connections", strerror(-err), EXIT_ENVIRONMENT);
    size_t open = connections_open(connections, load->config.timeout_ns);
    if (open < load->connections) {
        char why[256];
        int error = connections->last_error;
        snprintf(why, sizeof why, "%zu of %zu connections opened: %s", open,
                 (size_t)load->connections, error ? strerror(error) : "no answer in time");
        return fail(target->host, why, EXIT_ENVIRONMENT);
    }
    struct load_result result;
    err = load_run(&load->config, connections, &result);
    if (err == 0) {
        load_report_print(load, &result);
        load_report_write(output, load, &result);
    }
    bool good = err == 0 && load_report_good(load, &result);
    load_result_finish(&result);
    if (err != 0)
        return fail("--rate", strerror(-err), EXIT_ENVIRONMENT);
    err = output_close(output);
    if (err != 0)
        return fail("--json", strerror(-err), EXIT_ENVIRONMENT);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct load_options load;
    struct output output = {0};
    struct connections connections = {.epoll = -1, .timer = -1};
    struct watch watched;
    int err;
    int code = load_options_read(&load, argc, argv);
    if (code != OPTIONS_GO_ON)
        goto out;
    code = EXIT_USAGE;
    if (load.config.watch_pid && watch_read(&watched, load.config.watch_pid) != 0)
        fail("--watch-pid", "no such process", EXIT_USAGE);
    else if (load.cpus && cpus_pin_self(load.cpus) != 0)
        fprintf(stderr, "load: --cpus: \"%s\" is not a list of CPUs that this process may use\n",
                load.cpus);
    else if ((err = output_open(&output, load.json)) != 0)
        fprintf(stderr, "load: --json: %s: %s\n", load.json, strerror(-err));
    else {
        process_prepare();
        code = run(&load, &connections, &output);
    }
out:
    connections_finish(&connections);
    output_discard(&output);
    load_options_finish(&load);
    return code;
}
