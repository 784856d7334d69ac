// SPDX-License-Identifier: MIT
// --json: every block of every case, and the writing of a file that is whole or not there.
#include "gbench_cases.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace gbench
{

namespace
{

std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", byte);
            out += code;
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string number(double value)
{
    if (!std::isfinite(value))
        return "null";
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value);
    return std::string(text, end.ptr);
}

// What one reading of the block clock costs: a bound for how short a block may be.
double clock_cost_ns()
{
    std::array<double, 11> costs{};
    for (double &cost : costs) {
        const int64_t begin = now_ns();
        for (int i = 0; i < 1000; i++)
            now_ns();
        cost = static_cast<double>(now_ns() - begin) / 1001;
    }
    std::nth_element(costs.begin(), costs.begin() + 5, costs.end());
    return costs[5];
}

struct placed {
    const bench_case *owner;
    const block *what;
};

// All kept blocks in the order in which they ran: a block's place is its slot.
std::vector<placed> timeline(const std::vector<bench_case *> &cases)
{
    std::vector<placed> all;
    for (const bench_case *bench : cases) {
        const std::size_t kept = std::min<uint64_t>(bench->committed, bench->blocks.size());
        for (std::size_t i = 0; bench->error.empty() && i < kept; i++)
            all.push_back({bench, &bench->blocks[i]});
    }
    std::sort(all.begin(), all.end(),
              [](const placed &a, const placed &b) { return a.what->begin_ns < b.what->begin_ns; });
    return all;
}

std::string case_json(const bench_case &bench, const std::vector<placed> &all)
{
    std::string blocks, cpu;
    std::array<double, max_counters> sums{}, latest{};
    double loop_ns = 0, iterations = 0;
    int64_t last = 0;
    std::size_t count = 0;
    for (std::size_t slot = 0; slot < all.size(); slot++) {
        if (all[slot].owner != &bench)
            continue;
        const block &block = *all[slot].what;
        const double turns = static_cast<double>(block.iterations) * bench.threads();
        const char *comma = count++ ? "," : "";
        blocks += comma + ("[" + std::to_string(slot)) + "," + number(block.ns / turns) + "]";
        cpu += comma + number(block.cpu_ns / turns);
        for (std::size_t i = 0; i < sums.size(); i++)
            sums[i] += block.counters[i];
        latest = block.counters;
        loop_ns += block.ns / bench.threads();
        iterations += turns;
        last = block.iterations;
    }
    std::string counters;
    for (std::size_t i = 0; count && i < bench.counters.size(); i++) {
        const auto kind = bench.counters[i].kind;
        const double base = kind == GBENCH_PER_ITERATION ? iterations
                            : kind == GBENCH_RATE        ? loop_ns / 1e9
                                                         : static_cast<double>(count);
        const double value = kind == GBENCH_LAST ? latest[i] : sums[i] / base;
        counters += (i ? "," : "") + quoted(bench.counters[i].name) + ":" + number(value);
    }
    const std::size_t slash = bench.id.rfind('/');
    return "{\"case\":" + quoted(bench.id) + ",\"family\":" + quoted(bench.id.substr(0, slash)) +
           ",\"error\":" + (bench.error.empty() ? "null" : quoted(bench.error)) +
           ",\"iterations\":" + std::to_string(last) +
           ",\"threads\":" + std::to_string(bench.threads()) + ",\"blocks\":[" + blocks +
           "],\"thread_cpu_ns\":[" + cpu + "],\"counters\":{" + counters + "}}";
}

int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        len -= static_cast<size_t>(written);
    }
    return 0;
}

} // namespace

std::string results_json(const char *program_name, const std::vector<bench_case *> &chosen)
{
    std::string context;
    for (const auto &entry : the_registry().context)
        context += "," + quoted(entry.first) + ":" + quoted(entry.second);
    const std::vector<placed> all = timeline(chosen);
    std::string benchmarks;
    for (const bench_case *bench : chosen)
        benchmarks += (benchmarks.empty() ? "\n" : ",\n") + case_json(*bench, all);
    return "{\"schema\":1,\"program\":" + quoted(program_name) +
           ",\"context\":{\"clock_cost_ns\":" + number(clock_cost_ns()) +
           ",\"library_version\":" + quoted(GBENCH_LIBRARY_VERSION) + context +
           "},\n\"benchmarks\":[" + benchmarks + "]}\n";
}

} // namespace gbench

int gbench_write_file(const char *path, const char *data, size_t len) noexcept
{
    struct stat info;
    // A pipe, a device, or a link such as /dev/stdout: a rename would put a file in its place.
    const bool in_place = lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
    const std::string target =
        in_place ? path : std::string(path) + ".part." + std::to_string(getpid());
    const int fd = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int error = gbench::write_all(fd, data, len);
    if (error == 0 && !in_place && fsync(fd) != 0)
        error = -errno;
    if (close(fd) != 0 && error == 0)
        error = -errno;
    if (in_place)
        return error;
    if (error == 0 && rename(target.c_str(), path) != 0)
        error = -errno;
    if (error < 0)
        unlink(target.c_str());
    return error;
}
