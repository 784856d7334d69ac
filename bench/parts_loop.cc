// SPDX-License-Identifier: MIT
#include "parts_loop.h"

#include <benchmark/benchmark.h>

static benchmark::State &library(struct gbench_state *state)
{
    return *static_cast<benchmark::State *>(gbench_library_state(state));
}

void parts_loop_cpp_range_for(struct gbench_state *state, void *)
{
    for (auto _ : library(state))
        GBENCH_CLOBBER();
}

void parts_loop_cpp_keep_running(struct gbench_state *state, void *)
{
    benchmark::State &own = library(state);
    while (own.KeepRunning())
        GBENCH_CLOBBER();
}

bool parts_loop_keep_running(void *library_state)
{
    return static_cast<benchmark::State *>(library_state)->KeepRunning();
}
