// SPDX-License-Identifier: MIT
#include "gbench_cases.h"

#include <benchmark/benchmark.h>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <exception>

using gbench::bench_case;
using gbench::block;

struct gbench_state {
    benchmark::State *library;
    bench_case *owner;
    bool begun, ended, failed;
    bool library_loop; // the body runs the library's own loop
    int64_t begin_ns, end_ns;
    int64_t begin_cpu_ns, end_cpu_ns;
    bool own_time; // own_ns counts
    double own_ns;
    std::array<double, gbench::max_counters> counters;
};

namespace
{

int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

// Keys that the library's JSON reporter writes itself: a counter of that name would be a second
// key, and parsers would silently take one of the two.
bool is_library_key(const char *name)
{
    static const char *const keys[] = {
        "name",
        "family_index",
        "per_family_instance_index",
        "run_name",
        "run_type",
        "repetitions",
        "threads",
        "repetition_index",
        "iterations",
        "real_time",
        "cpu_time",
        "time_unit",
        "aggregate_name",
        "aggregate_unit",
        "label",
        "big_o",
        "cpu_coefficient",
        "real_coefficient",
        "rms",
        "bytes_per_second",
        "items_per_second",
        "error_occurred",
        "error_message",
        "skipped",
        "skip_message",
        "allocs_per_iter",
        "max_bytes_used",
        "net_heap_growth",
        "total_allocated_bytes",
    };
    for (const char *key : keys)
        if (std::strcmp(key, name) == 0)
            return true;
    return false;
}

// The same in the context, whose keys differ from version to version.
bool is_library_context(const char *key)
{
    static const char *const keys[] = {
        "date",         "host_name",           "executable",         "num_cpus",
        "mhz_per_cpu",  "cpu_scaling_enabled", "aslr_enabled",       "caches",
        "load_avg",     "library_version",     "library_build_type", "json_schema_version",
        "libbenchmark", "clock_cost_ns",
    };
    for (const char *known : keys)
        if (std::strcmp(known, key) == 0)
            return true;
    return false;
}

// How often the body really runs: an injected slow-down of P percent is that many more turns of
// the same loop, which still reports n.
int64_t real_iterations(const bench_case &bench, int64_t n)
{
    // Half goes to even, as it does for the harness, which computes the truth from n.
    return n + std::lrint(static_cast<double>(n) * bench.options.slow_percent / 100.0);
}

// Adds a finished thread's part; the last one commits the block.
void commit(gbench_state &state)
{
    bench_case &bench = *state.owner;
    std::lock_guard<std::mutex> guard(bench.lock);
    if (bench.finished == 0) {
        bench.running = block{};
        bench.running.begin_ns = state.begin_ns;
        bench.running.iterations = state.library->max_iterations;
    }
    if (state.begin_ns < bench.running.begin_ns)
        bench.running.begin_ns = state.begin_ns;
    const double cpu_ns = static_cast<double>(state.end_cpu_ns - state.begin_cpu_ns);
    bench.running.ns +=
        state.own_time ? state.own_ns : static_cast<double>(state.end_ns - state.begin_ns);
    bench.running.cpu_ns += state.own_time ? 0 : cpu_ns; // of that part it is not known
    for (std::size_t i = 0; i < gbench::max_counters; i++)
        bench.running.counters[i] += state.counters[i];
    if (++bench.finished < bench.threads())
        return;
    bench.finished = 0;
    bench.blocks[bench.committed++ % bench.blocks.size()] = bench.running;
}

void run(benchmark::State &library, bench_case &bench) noexcept
{
    gbench_state state{};
    state.library = &library;
    state.owner = &bench;
    try {
        bench.function(&state, bench.arg);
    } catch (const std::exception &error) {
        gbench_fail(&state, error.what());
    } catch (...) {
        gbench_fail(&state, "the body threw an exception");
    }
    if (state.library_loop) {
        state.end_ns = gbench::now_ns();
        state.end_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        if (!state.failed && library.iterations() < library.max_iterations)
            gbench_fail(&state, "the loop was left early (break or return)");
    } else if (!state.begun) {
        if (!state.failed)
            gbench_fail(&state, "the body never entered its loop");
    } else if (!state.ended) {
        if (!state.failed)
            gbench_fail(&state, "the loop was left early (break or return)");
        gbench_end(&state); // keeps the barrier of the other threads balanced
    }
    commit(state);
}

} // namespace

namespace gbench
{

int64_t now_ns()
{
    return clock_ns(CLOCK_MONOTONIC);
}

registry &the_registry()
{
    static registry one;
    return one;
}

void register_with_library(bench_case &bench)
{
    auto *entry = benchmark::RegisterBenchmark(
        bench.id.c_str(), [&bench](benchmark::State &library) { run(library, bench); });
    // Wall time decides: the thread that runs the body may sleep while a model works for it.
    entry->UseRealTime()->Unit(benchmark::kNanosecond);
    if (bench.threads() > 1)
        entry->Threads(bench.threads());
    if (bench.options.iterations > 0)
        entry->Iterations(bench.options.iterations);
}

} // namespace gbench

void gbench_register(const char *name, gbench_function *function, void *arg,
                     const struct gbench_options *options) noexcept
{
    gbench::registry &registry = gbench::the_registry();
    if (!registry.ids.insert(name).second) {
        registry.misuse.push_back(std::string(name) + ": registered twice");
        return;
    }
    auto bench = std::make_unique<bench_case>();
    bench->id = name;
    bench->function = function;
    bench->arg = arg;
    if (options)
        bench->options = *options;
    registry.cases.push_back(std::move(bench));
}

void gbench_context(const char *key, const char *value) noexcept
{
    gbench::registry &registry = gbench::the_registry();
    for (const auto &known : registry.context)
        if (known.first == key) {
            registry.misuse.push_back(std::string("context ") + key + ": set twice");
            return;
        }
    if (is_library_context(key)) {
        registry.misuse.push_back(std::string("context ") + key + ": is the library's own key");
        return;
    }
    registry.context.emplace_back(key, value);
}

int64_t gbench_begin(struct gbench_state *state) noexcept
{
    if (state->begun) {
        gbench_fail(state, "the body has more than one loop");
        return 0;
    }
    state->begun = true;
    benchmark::State &library = *state->library;
    const int64_t n = library.max_iterations;
    int64_t real = real_iterations(*state->owner, n);
    if (state->owner->options.slow_percent > 0 && real == n) {
        // The library's trial runs begin with one iteration: they may, a recorded count may not.
        if (state->owner->options.iterations > 0)
            gbench_fail(state, "too few iterations to inject this slow-down");
        real++;
    }
    if (!library.KeepRunningBatch(n)) {
        state->ended = true;
        return 0;
    }
    state->begin_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    state->begin_ns = gbench::now_ns();
    return real;
}

void gbench_end(struct gbench_state *state) noexcept
{
    if (state->ended)
        return;
    state->ended = true;
    state->end_ns = gbench::now_ns();
    state->end_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    state->library->KeepRunningBatch(state->library->max_iterations);
}

void gbench_fail(struct gbench_state *state, const char *why) noexcept
{
    state->failed = true;
    {
        std::lock_guard<std::mutex> guard(state->owner->lock);
        if (state->owner->error.empty())
            state->owner->error = *why ? why : "failed";
    }
    state->library->SkipWithError(why);
}

void gbench_bytes(struct gbench_state *state, int64_t per_iteration) noexcept
{
    // The library divides by the wall time, since every case is registered with UseRealTime.
    state->library->SetBytesProcessed(per_iteration * state->library->max_iterations);
}

void gbench_counter(struct gbench_state *state, const char *name, double value,
                    enum gbench_counter_kind kind) noexcept
{
    if (is_library_key(name)) {
        gbench_fail(state, (std::string(name) + ": a counter must not be called like a key of the "
                                                "library")
                               .c_str());
        return;
    }
    if (!std::isfinite(value)) { // JSON has no word for it
        gbench_fail(state, (std::string(name) + ": the counter is not a finite number").c_str());
        return;
    }
    std::size_t index = 0;
    {
        std::lock_guard<std::mutex> guard(state->owner->lock);
        auto &known = state->owner->counters;
        while (index < known.size() && known[index].name != name)
            index++;
        if (index == known.size() && index < gbench::max_counters)
            known.push_back({name, kind});
    }
    if (index == gbench::max_counters) {
        gbench_fail(state, "too many counters");
        return;
    }
    state->counters[index] = value;
    const auto flags = kind == GBENCH_RATE            ? benchmark::Counter::kIsRate
                       : kind == GBENCH_PER_ITERATION ? benchmark::Counter::kAvgIterations
                                                      : benchmark::Counter::kDefaults;
    state->library->counters[name] = benchmark::Counter(value, flags);
}

void gbench_own_time(struct gbench_state *state, double ns) noexcept
{
    state->own_time = true;
    state->own_ns = ns;
}

int gbench_thread(const struct gbench_state *state) noexcept
{
    return state->library->thread_index();
}

void *gbench_library_state(struct gbench_state *state) noexcept
{
    state->library_loop = true;
    state->begin_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    state->begin_ns = gbench::now_ns();
    return state->library;
}
