// SPDX-License-Identifier: MIT
// The program around the benchmarks: options, the choice of cases, the run, the results.
#include "gbench_options.h"

#include <benchmark/benchmark.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using gbench::bench_case;
using gbench::options;
using gbench::usage_error;

namespace
{

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

const char *program_name = "gbench";

void complain(const std::string &what)
{
    std::fprintf(stderr, "%s: %s\n", program_name, what.c_str());
}

// Every flag of the library has an environment variable that sets it silently, read before main().
// So it is not enough to unset them: the program starts anew without them.
void drop_benchmark_environment(char **argv)
{
    std::vector<std::string> names;
    for (char **entry = environ; *entry; entry++)
        if (std::strncmp(*entry, "BENCHMARK_", 10) == 0)
            names.emplace_back(*entry, std::strcspn(*entry, "="));
    if (names.empty())
        return;
    for (const std::string &name : names) {
        complain("ignoring " + name + " of the environment");
        unsetenv(name.c_str());
    }
    std::fflush(nullptr);
    execv("/proc/self/exe", argv);
    complain(std::string("BENCHMARK_* is set and a fresh start is not possible: ") +
             std::strerror(errno));
    std::exit(EXIT_REFUSED);
}

// Better to learn of a folder that cannot be written before the run than after it.
void check_writable(const std::string &path)
{
    struct stat info;
    const bool special = stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
    if (special && S_ISDIR(info.st_mode))
        throw usage_error{"--json: " + path + ": " + std::strerror(EISDIR)};
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    // What is no regular file (/dev/stdout) is written in place, anything else replaced.
    if (access((special ? path : folder).c_str(), W_OK) != 0)
        throw usage_error{"--json: " + path + ": " + std::strerror(errno)};
}

void add_build_context()
{
    gbench_context("build_type", GBENCH_BUILD_TYPE);
    gbench_context("sanitizers", GBENCH_SANITIZERS);
    gbench_context("compiler", GBENCH_COMPILER);
    gbench_context("library_build_type_note",
                   "library_build_type tells how libbenchmark was built; Debian's says debug "
                   "because it lacks NDEBUG, which the loop measured here does not touch");
}

std::vector<bench_case *> chosen_cases()
{
    std::vector<bench_case *> chosen;
    for (auto &bench : gbench::the_registry().cases)
        if (bench->chosen)
            chosen.push_back(bench.get());
    return chosen;
}

void round_up(bench_case &bench)
{
    int64_t &count = bench.options.iterations;
    const int64_t unit =
        count > 0 && bench.options.multiple_of ? bench.options.multiple_of(bench.arg) : 1;
    if (unit > 1)
        count = (count + unit - 1) / unit * unit;
}

void run_with_library(const options &options, const std::vector<bench_case *> &chosen)
{
    std::vector<std::string> words = {program_name};
    words.insert(words.end(), options.library.begin(), options.library.end());
    std::vector<char *> argv;
    for (std::string &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    int argc = static_cast<int>(words.size());
    benchmark::Initialize(&argc, argv.data());
    if (argc > 1)
        throw usage_error{std::string(argv[1]) + ": not understood by Google Benchmark " +
                          GBENCH_LIBRARY_VERSION};
    // Not library_version: the library itself writes that since 1.8.4.
    benchmark::AddCustomContext("libbenchmark", GBENCH_LIBRARY_VERSION);
    for (const auto &entry : gbench::the_registry().context)
        benchmark::AddCustomContext(entry.first, entry.second);
    for (bench_case *bench : chosen) {
        round_up(*bench);
        bench->blocks.resize(options.repetitions); // nothing is allocated between two blocks
        gbench::register_with_library(*bench);
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}

int report(const options &options, const std::vector<bench_case *> &chosen)
{
    int code = EXIT_GOOD;
    for (const bench_case *bench : chosen)
        if (!bench->error.empty()) {
            complain(bench->id + ": " + bench->error);
            code = EXIT_FAILED;
        }
    if (options.json.empty())
        return code;
    const std::string text = gbench::results_json(program_name, chosen);
    const int error = gbench_write_file(options.json.c_str(), text.data(), text.size());
    if (error < 0) {
        complain("--json: " + options.json + ": " + std::strerror(-error));
        return EXIT_FAILED;
    }
    return code;
}

int run_program(int argc, char **argv, const struct gbench_program &program)
{
    const struct options options = gbench::parse_options(argc, argv, program);
    if (options.help) {
        gbench::print_help(program_name, program);
        return EXIT_GOOD;
    }
    add_build_context();
    const int code = program.prepare();
    if (code != 0)
        return code;
    for (const std::string &misuse : gbench::the_registry().misuse)
        complain(misuse);
    if (!gbench::the_registry().misuse.empty())
        return EXIT_FAILED;

    gbench::choose_cases(options.filter);
    const std::vector<bench_case *> chosen = chosen_cases();
    const int refused = program.check ? program.check(options.list) : 0;
    if (refused != 0)
        return refused;
    if (options.list) {
        for (const bench_case *bench : chosen)
            std::printf("%s\n", bench->id.c_str());
        return EXIT_GOOD;
    }
    if (!options.iterations.empty())
        gbench::read_iterations(options.iterations);
    if (!options.json.empty())
        check_writable(options.json);
    run_with_library(options, chosen);
    return report(options, chosen);
}

} // namespace

bool gbench_chosen(const char *part) noexcept
{
    for (const auto &bench : gbench::the_registry().cases)
        if (bench->chosen && bench->id.find(part) != std::string::npos)
            return true;
    return false;
}

int gbench_main(int argc, char **argv, const struct gbench_program *program) noexcept
{
    const char *slash = std::strrchr(argv[0], '/');
    program_name = slash ? slash + 1 : argv[0];
    drop_benchmark_environment(argv);
    try {
        return run_program(argc, argv, *program);
    } catch (const usage_error &error) {
        complain(error.what);
        return EXIT_USAGE;
    } catch (const std::exception &error) {
        complain(error.what());
        return EXIT_FAILED;
    }
}
