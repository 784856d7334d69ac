// SPDX-License-Identifier: MIT
// The program around the benchmarks: options, the choice of cases, the run, the results.
#include "gbench_cases.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <regex.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

using gbench::bench_case;
using gbench::block;

namespace
{

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

const char *program_name = "gbench";

struct usage_error {
    std::string what;
};

struct options {
    bool help = false, list = false;
    std::string json, iterations, filter;
    uint64_t repetitions = 1;
    std::vector<std::string> library; // argv of the library's own flags
};

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

bool parse_count(std::string_view text, int64_t &value)
{
    const char *end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    return result.ec == std::errc() && result.ptr == end && value > 0;
}

// The value of `--name VALUE` or `--name=VALUE`, or nothing if argv[i] is another option.
bool take_value(const char *name, int argc, char **argv, int &i, std::string &value)
{
    const std::size_t len = std::strlen(name);
    if (std::strncmp(argv[i], name, len) != 0)
        return false;
    if (argv[i][len] == '=') {
        value = argv[i] + len + 1;
    } else if (argv[i][len] != '\0') {
        return false;
    } else if (i + 1 < argc) {
        value = argv[++i];
    } else {
        throw usage_error{std::string(name) + ": needs a value"};
    }
    if (value.empty())
        throw usage_error{std::string(name) + ": needs a value"};
    return true;
}

bool take_program_flag(const struct gbench_program &program, int argc, char **argv, int &i)
{
    for (const struct gbench_flag *flag = program.flags; flag && flag->name; flag++) {
        if (!flag->value) {
            if (std::strcmp(argv[i], flag->name) == 0) {
                *flag->text = "";
                return true;
            }
            continue;
        }
        const char *given = argv[i];
        std::string value;
        if (take_value(flag->name, argc, argv, i, value)) {
            *flag->text = argv[i] == given ? given + std::strlen(flag->name) + 1 : argv[i];
            return true;
        }
    }
    return false;
}

// Values that libbenchmark would replace silently, or answer with its help text and exit code 0.
std::string checked_library_flag(const std::string &flag, options &options)
{
    const std::size_t equal = flag.find('=');
    const std::string name = flag.substr(0, equal);
    const std::string value = equal == std::string::npos ? "" : flag.substr(equal + 1);
    const auto one_of = [&](std::initializer_list<const char *> words) {
        std::string known;
        for (const char *word : words) {
            if (value == word)
                return;
            known += (known.empty() ? "" : ", ") + std::string(word);
        }
        throw usage_error{name + ": " + value + ": expected one of " + known};
    };
    if (name == "--benchmark_format" || name == "--benchmark_out_format")
        one_of({"console", "json", "csv"});
    if (name == "--benchmark_time_unit")
        one_of({"ns", "us", "ms", "s"});
    if (name == "--benchmark_repetitions") {
        int64_t count = 0;
        if (!parse_count(value, count) || count > 1000000)
            throw usage_error{name + ": " + value + ": expected a number from 1 to 1000000"};
        options.repetitions = static_cast<uint64_t>(count);
    }
    if (name == "--benchmark_min_time") {
        char *end = nullptr;
        const double seconds = std::strtod(value.c_str(), &end);
        const std::string unit = end;
        if (GBENCH_MIN_TIME_HAS_UNIT && unit == "x")
            return flag;
        if (end == value.c_str() || !(seconds > 0) || !std::isfinite(seconds) ||
            (unit != "" && unit != "s"))
            throw usage_error{name + ": " + value +
                              ": expected seconds (for fixed counts there is --iterations FILE)"};
        return name + "=" + value.substr(0, value.size() - unit.size()) +
               (GBENCH_MIN_TIME_HAS_UNIT ? "s" : "");
    }
    return flag;
}

options parse(int argc, char **argv, const struct gbench_program &program)
{
    options options;
    for (int i = 1; i < argc; i++) {
        const std::string arg = argv[i];
        if (arg == "--help" || arg == "-h")
            options.help = true;
        else if (arg == "--list")
            options.list = true;
        else if (take_value("--json", argc, argv, i, options.json) ||
                 take_value("--iterations", argc, argv, i, options.iterations) ||
                 take_program_flag(program, argc, argv, i))
            continue;
        else if (arg.rfind("--benchmark_filter=", 0) == 0)
            options.filter = arg.substr(std::strlen("--benchmark_filter="));
        else if (arg.rfind("--benchmark_", 0) == 0 || arg.rfind("--v=", 0) == 0)
            options.library.push_back(checked_library_flag(arg, options));
        else
            throw usage_error{arg + ": unknown option (see --help)"};
    }
    if (options.list && !options.json.empty())
        throw usage_error{"--json: has no effect with --list"};
    if (options.list && !options.iterations.empty())
        throw usage_error{"--iterations: has no effect with --list"};
    return options;
}

void print_help(const struct gbench_program &program)
{
    std::printf("%s\n\nUsage: %s [option]...\n\n", program.summary, program_name);
    const auto row = [](const std::string &flag, const char *help) {
        std::printf("  %-28s %s\n", flag.c_str(), help);
    };
    for (const struct gbench_flag *flag = program.flags; flag && flag->name; flag++)
        row(std::string(flag->name) + (flag->value ? std::string(" ") + flag->value : ""),
            flag->help);
    row("--list", "print the case ids, one a line, and exit");
    row("--json FILE", "write every block of every case to FILE, once all are done");
    row("--iterations FILE", "{\"case id\": n, ...}: fixed iterations per block for these cases");
    row("--help", "this text");
    std::printf("\nOptions of Google Benchmark, among them:\n");
    row("--benchmark_filter=REGEX", "run the cases whose id matches (-REGEX: does not match)");
    row("--benchmark_repetitions=N", "blocks per case");
    row("--benchmark_min_time=S", "seconds a block, where --iterations does not fix the count");
    row("--benchmark_enable_random_interleaving=true", "draw the order of all blocks");
    row("--benchmark_format=FORMAT", "console, json or csv on standard output");
    row("--benchmark_out=FILE", "the same into FILE (--benchmark_out_format=FORMAT)");
    std::printf("\nExit code: 0 good, 1 a benchmark failed, 2 usage, 3 the environment refused.\n");
}

// The filter is matched here, against the ids: the library would match against names to which it
// has added suffixes, and says nothing when none matches.
void choose(const std::string &filter)
{
    auto &cases = gbench::the_registry().cases;
    const bool negative = !filter.empty() && filter[0] == '-';
    const std::string text = negative ? filter.substr(1) : filter;
    const bool all = text.empty() || text == "all";
    regex_t regex;
    const int error = regcomp(&regex, text.c_str(), REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        char why[128];
        regerror(error, &regex, why, sizeof why);
        throw usage_error{"--benchmark_filter: " + filter + ": " + why};
    }
    bool any = false;
    for (auto &bench : cases) {
        bench->chosen = (all || regexec(&regex, bench->id.c_str(), 0, nullptr, 0) == 0) != negative;
        any = any || bench->chosen;
    }
    regfree(&regex);
    if (!any)
        throw usage_error{"--benchmark_filter: " + filter + ": matches no case (see --list)"};
}

std::string read_file(const std::string &path)
{
    std::FILE *file = std::fopen(path.c_str(), "r");
    if (!file)
        throw usage_error{path + ": " + std::strerror(errno)};
    std::string text;
    char chunk[4096];
    std::size_t len;
    while ((len = std::fread(chunk, 1, sizeof chunk, file)) > 0)
        text.append(chunk, len);
    const bool bad = std::ferror(file) != 0;
    std::fclose(file);
    if (bad)
        throw usage_error{path + ": cannot be read"};
    return text;
}

// One flat JSON object of whole numbers. Ids hold no characters that JSON escapes.
class iterations_file
{
  public:
    explicit iterations_file(const std::string &path) : path_(path), text_(read_file(path))
    {
    }

    void apply()
    {
        expect('{');
        if (peek() == '}') {
            at_++;
        } else {
            do
                entry();
            while (peek() == ',' && at_++ < text_.size());
            expect('}');
        }
        if (peek() != '\0')
            fail("nothing may follow the object");
    }

  private:
    void entry()
    {
        expect('"');
        const std::size_t end = text_.find_first_of("\"\\\n", at_);
        if (end == std::string::npos || text_[end] != '"')
            fail("expected a case id");
        const std::string id = text_.substr(at_, end - at_);
        at_ = end + 1;
        expect(':');
        peek();
        const std::size_t stop = std::min(text_.find_first_of(",} \t\r\n", at_), text_.size());
        int64_t count = 0;
        if (!parse_count(std::string_view(text_).substr(at_, stop - at_), count) ||
            count > INT64_C(1000000000))
            fail(id + ": expected a whole number from 1 to 1000000000");
        at_ = stop;
        for (auto &bench : gbench::the_registry().cases)
            if (bench->id == id) {
                bench->options.iterations = count;
                return;
            }
        fail(id + ": no such case (see --list)");
    }

    char peek()
    {
        while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]))
            at_++;
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void expect(char wanted)
    {
        if (peek() != wanted)
            fail(std::string("expected ") + wanted);
        at_++;
    }

    [[noreturn]] void fail(const std::string &what) const
    {
        const auto line =
            1 + std::count(text_.begin(), text_.begin() + static_cast<long>(at_), '\n');
        throw usage_error{path_ + ":" + std::to_string(line) + ": " + what};
    }

    const std::string path_, text_;
    std::size_t at_ = 0;
};

// Better to learn of a folder that cannot be written before the run than after it.
void check_writable(const std::string &path)
{
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (access(folder.c_str(), W_OK) != 0)
        throw usage_error{"--json: " + path + ": " + std::strerror(errno)};
    struct stat info;
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
        throw usage_error{"--json: " + path + ": " + std::strerror(EISDIR)};
}

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
        const int64_t begin = gbench::now_ns();
        for (int i = 0; i < 1000; i++)
            gbench::now_ns();
        cost = static_cast<double>(gbench::now_ns() - begin) / 1001;
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
    std::array<double, gbench::max_counters> sums{};
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
        loop_ns += block.ns / bench.threads();
        iterations += turns;
        last = block.iterations;
    }
    std::string counters;
    for (std::size_t i = 0; count && i < bench.counters.size(); i++) {
        const double base = bench.counters[i].kind == GBENCH_PER_ITERATION ? iterations
                            : bench.counters[i].kind == GBENCH_RATE        ? loop_ns / 1e9
                                                                    : static_cast<double>(count);
        counters += (i ? "," : "") + quoted(bench.counters[i].name) + ":" + number(sums[i] / base);
    }
    const std::size_t slash = bench.id.rfind('/');
    return "{\"case\":" + quoted(bench.id) + ",\"family\":" + quoted(bench.id.substr(0, slash)) +
           ",\"error\":" + (bench.error.empty() ? "null" : quoted(bench.error)) +
           ",\"iterations\":" + std::to_string(last) +
           ",\"threads\":" + std::to_string(bench.threads()) + ",\"blocks\":[" + blocks +
           "],\"thread_cpu_ns\":[" + cpu + "],\"counters\":{" + counters + "}}";
}

std::string results_json(const std::vector<bench_case *> &chosen)
{
    std::string context;
    for (const auto &entry : gbench::the_registry().context)
        context += "," + quoted(entry.first) + ":" + quoted(entry.second);
    const std::vector<placed> all = timeline(chosen);
    std::string benchmarks;
    for (const bench_case *bench : chosen)
        benchmarks += (benchmarks.empty() ? "\n" : ",\n") + case_json(*bench, all);
    return "{\"schema\":1,\"program\":" + quoted(program_name) +
           ",\"context\":{\"clock_cost_ns\":" + number(clock_cost_ns()) + context +
           "},\n\"benchmarks\":[" + benchmarks + "]}\n";
}

void add_build_context()
{
    gbench_context("library_version", GBENCH_LIBRARY_VERSION);
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
    const std::string text = results_json(chosen);
    const int error = gbench_write_file(options.json.c_str(), text.data(), text.size());
    if (error < 0) {
        complain("--json: " + options.json + ": " + std::strerror(-error));
        return EXIT_FAILED;
    }
    return code;
}

int run_program(int argc, char **argv, const struct gbench_program &program)
{
    const options options = parse(argc, argv, program);
    if (options.help) {
        print_help(program);
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

    choose(options.filter);
    const std::vector<bench_case *> chosen = chosen_cases();
    if (options.list) {
        for (const bench_case *bench : chosen)
            std::printf("%s\n", bench->id.c_str());
        return EXIT_GOOD;
    }
    if (!options.iterations.empty())
        iterations_file(options.iterations).apply();
    if (!options.json.empty())
        check_writable(options.json);
    run_with_library(options, chosen);
    return report(options, chosen);
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

int gbench_write_file(const char *path, const char *data, size_t len) noexcept
{
    struct stat info;
    const bool in_place = stat(path, &info) == 0 && !S_ISREG(info.st_mode); // /dev/stdout, a pipe
    const std::string target =
        in_place ? path : std::string(path) + ".part." + std::to_string(getpid());
    const int fd = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, data, len);
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
