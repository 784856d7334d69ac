/* SPDX-License-Identifier: MIT */
/* Models without sockets: model/WORKLOAD/MEMBER, through post() in a closed loop. */
#include "closed_loop.h"
#include "gbench.h"
#include "inject.h"
#include "model_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct model thread_pool_copy_model; /* its source, compiled a second time */

static struct closed_loop_world world;

/* What is registered; lives as long as the process. */
static struct closed_loop *cases;
static size_t cases_len;

/* Of all turns, those of the thread that ran most: 1 if one did everything. */
static double busiest_share(const struct closed_loop_cost *cost)
{
    double most = 0;
    for (int i = 0; i < MODEL_STATS_THREADS; i++)
        most = cost->turns_of[i] > most ? cost->turns_of[i] : most;
    return cost->turns > 0 ? most / cost->turns : 0;
}

static void block(struct gbench_state *state, void *arg)
{
    struct closed_loop *loop = arg;
    if (!closed_loop_ready(loop)) {
        gbench_fail(state, loop->why);
        return;
    }
    struct closed_loop_cost cost;
    closed_loop_cost_begin(loop, &cost);
    const int64_t n = gbench_begin(state);
    if (n == 0)
        return;
    closed_loop_run(loop, n);
    gbench_end(state);
    closed_loop_cost_end(loop, &cost);
    if (!closed_loop_good(loop)) {
        gbench_fail(state, loop->why);
        return;
    }
    gbench_counter(state, "turns_per_request", cost.turns, GBENCH_PER_ITERATION);
    gbench_counter(state, "busiest_thread_share", busiest_share(&cost), GBENCH_TOTAL);
    gbench_counter(state, "messages_per_request", cost.messages, GBENCH_PER_ITERATION);
    gbench_counter(state, "wakeups_per_request", cost.wakeups, GBENCH_PER_ITERATION);
    gbench_counter(state, "syscalls_per_request", cost.syscalls, GBENCH_PER_ITERATION);
    gbench_counter(state, "context_switches_per_request", cost.switches, GBENCH_PER_ITERATION);
    gbench_counter(state, "cpu_ns_per_request", cost.cpu_ns, GBENCH_PER_ITERATION);
    gbench_counter(state, "documents", (double)loop->documents->setup.documents, GBENCH_TOTAL);
}

/* Every block takes whole rounds over the corpus: documents differ in what they ask for. */
static int64_t documents_of(void *arg)
{
    struct closed_loop *loop = arg;
    const struct closed_loop_setup *documents =
        closed_loop_documents(loop->world, loop->workload, loop->offload);
    return documents && !*documents->why ? (int64_t)documents->setup.documents : 1;
}

/* A family: a workload, and whether its heavy requests are offloaded. */
struct family {
    const struct workload *workload;
    bool offload;
};

static void add(const struct family *family, const char *member, const struct model *model,
                int slow_percent)
{
    struct closed_loop *loop = &cases[cases_len++];
    *loop = (struct closed_loop){
        .world = &world, .model = model, .workload = family->workload, .offload = family->offload};
    char name[256];
    snprintf(name, sizeof name, "model/%s%s/%s", family->workload->name,
             family->offload ? "_offloaded" : "", member);
    const struct gbench_options options = {
        .multiple_of = documents_of,
        .slow_percent = slow_percent,
    };
    gbench_register(name, block, loop, &options);
}

static void add_family(const struct family *family, const struct inject *inject)
{
    for (size_t i = 0; models[i]; i++) {
        add(family, models[i]->name, models[i], 0);
        if (strcmp(models[i]->name, MODEL_BASELINE) != 0)
            continue;
        add(family, MODEL_BASELINE ".same", models[i], 0);
        add(family, MODEL_BASELINE ".copy", &thread_pool_copy_model, 0);
        for (size_t s = 0; s < inject->count; s++) {
            char member[64];
            snprintf(member, sizeof member, "slow." MODEL_BASELINE ".%d", inject->percents[s]);
            add(family, member, models[i], inject->percents[s]);
        }
    }
}

static void add_families(const struct workload *workload, const struct inject *inject)
{
    const unsigned needs = workload_needs(workload);
    if (needs & WORKLOAD_NEEDS_DOWNSTREAM) /* that takes a socket */
        return;
    if (needs & WORKLOAD_NEEDS_JOURNAL && !world.journal)
        return;
    add_family(&(struct family){workload, false}, inject);
    if (needs & WORKLOAD_NEEDS_HEAVY)
        add_family(&(struct family){workload, true}, inject);
}

static int prepare(void)
{
    struct inject inject;
    const int code = model_options_read(&world, &inject);
    if (code != 0)
        return code;

    size_t model_count = 0, workload_count = 0;
    while (models[model_count])
        model_count++;
    while (workloads[workload_count])
        workload_count++;
    /* Each with and without offloading at most; … and the baseline's same, copy and slow ones. */
    cases = calloc(2 * workload_count * (model_count + 2 + inject.count), sizeof *cases);
    if (!cases) {
        fprintf(stderr, "model_bench: out of memory\n");
        return 1;
    }
    for (size_t i = 0; i < workload_count; i++)
        add_families(workloads[i], &inject);
    return 0;
}

/* Stops every model that was started; 1 if one of them lost a request on the way. */
static int stop_all(void)
{
    int code = 0;
    for (size_t i = 0; i < cases_len; i++) {
        const uint64_t lost = closed_loop_stop(&cases[i]);
        if (lost == 0)
            continue;
        fprintf(stderr, "model_bench: model/%s/%s: %llu requests were lost at stop\n",
                cases[i].workload->name, cases[i].model->name, (unsigned long long)lost);
        code = 1;
    }
    closed_loop_world_finish(&world);
    free(cases);
    return code;
}

int main(int argc, char **argv)
{
    static const struct gbench_program program = {
        .summary = "model_bench: what a request costs in each concurrency model, without sockets.\n"
                   "\n"
                   "Cases are model/WORKLOAD/MEMBER; an iteration is one request. 16 requests are\n"
                   "in flight: an answer hands over the next one, and the client sleeps until a\n"
                   "block is done. Replies are checked.",
        .flags = model_options_flags,
        .prepare = prepare,
        .check = model_options_check,
    };
    const int code = gbench_main(argc, argv, &program);
    const int stopped = stop_all();
    return code ? code : stopped;
}
