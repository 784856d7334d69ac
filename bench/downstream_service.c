/* SPDX-License-Identifier: MIT */
#include "downstream_service.h"

#include "clock.h"
#include "model.h"
#include "process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct downstream_shared *downstream_share(void)
{
    void *shared = mmap(NULL, sizeof(struct downstream_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

int downstream_serve(const struct downstream_config *config,
                     void (*listening)(uint16_t port, void *arg), void *arg)
{
    const struct model_config model_config = {
        .workload = &delay_workload,
        .setup = &config->shared->book,
        .cells = 1,
        .threads = 1,
        .cpus = config->cpus,
        .queue_limit = 1000000,
        .on_full = MODEL_REJECT,
        .listen = config->listen,
        .content_type = "application/octet-stream",
        .max_body_bytes = (size_t)1 << 30,
        .io_timeout_ns = 60 * CLOCK_NS_PER_S,
        .drain_ns = 10 * CLOCK_NS_PER_S,
        .downstream_connections = 1,
    };
    /* A loop holds any number of waiting requests on one thread. */
    const struct model *model = model_find("event_loop");
    struct model_run *run;
    uint16_t port;
    int err = model ? model->start(&model_config, &run, &port) : -ENOSYS;
    if (err != 0)
        return err;
    listening(port, arg);
    process_await_stop();
    struct model_stats stats;
    config->shared->lost += model->stop(run, &stats);
    config->shared->connections += stats.connections;
    return 0;
}

void downstream_say(const char *name, const char *address, uint16_t port)
{
    int host = (int)(strrchr(address, ':') - address);
    printf("%s on %.*s:%" PRIu16 "\n", name, host, address, port);
    fflush(stdout);
}
