/* SPDX-License-Identifier: MIT */
/* What gbench.cc (inside a benchmark) and gbench_main.cc (around all of them) share. C++ only. */
#ifndef ASSAY_GBENCH_CASES_H
#define ASSAY_GBENCH_CASES_H

#include "gbench.h"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace gbench
{

inline constexpr std::size_t max_counters = 8;

/* One repetition of one case: a stretch of iterations without a break. */
struct block {
    int64_t begin_ns = 0;   /* CLOCK_MONOTONIC when the first of its threads entered the loop */
    double ns = 0;          /* in the loop, summed over threads */
    double cpu_ns = 0;      /* the same in CPU time of those threads */
    int64_t iterations = 0; /* per thread, as reported */
    std::array<double, max_counters> counters{}; /* summed over threads */
};

struct counter_name {
    std::string name;
    gbench_counter_kind kind;
};

struct bench_case {
    std::string id;
    gbench_function *function = nullptr;
    void *arg = nullptr;
    gbench_options options{};
    bool chosen = false; /* the filter lets it run */

    /* Protects what follows: the threads of one run add up their parts. */
    std::mutex lock;
    std::string error; /* the first one; empty: none */
    std::vector<counter_name> counters;
    block running;
    int finished = 0; /* threads that have added their part to running */

    /* The last blocks.size() blocks. The library's trial runs come before the repetitions that it
     * reports, so the last ones are those. */
    std::vector<block> blocks;
    uint64_t committed = 0;

    int threads() const
    {
        return options.threads > 0 ? options.threads : 1;
    }
};

struct registry {
    std::vector<std::unique_ptr<bench_case>> cases;
    std::unordered_set<std::string> ids; /* of the cases */
    std::vector<std::pair<std::string, std::string>> context;
    std::vector<std::string> misuse; /* by the program's author; reported, then exit code 1 */
};

registry &the_registry();
int64_t now_ns();

/* Hands a case to the library. */
void register_with_library(bench_case &bench);

/* What --json FILE holds. */
std::string results_json(const char *program_name, const std::vector<bench_case *> &chosen);

} // namespace gbench

#endif
