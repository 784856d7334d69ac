// SPDX-License-Identifier: MIT
#include "gbench_options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <regex.h>
#include <string_view>

namespace gbench
{

namespace
{

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
    if (name == "--benchmark_out") { // the library would exit with 1
        std::FILE *file = std::fopen(value.c_str(), "a");
        if (!file)
            throw usage_error{name + ": " + value + ": " + std::strerror(errno)};
        std::fclose(file);
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
        for (auto &bench : the_registry().cases)
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

} // namespace

options parse_options(int argc, char **argv, const struct gbench_program &program)
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
    if (options.list && !options.library.empty())
        throw usage_error{options.library[0].substr(0, options.library[0].find('=')) +
                          ": has no effect with --list"};
    const auto given = [&](const std::string &flag) {
        return std::any_of(options.library.begin(), options.library.end(),
                           [&](const std::string &arg) { return arg.rfind(flag + "=", 0) == 0; });
    };
    if (given("--benchmark_out_format") && !given("--benchmark_out"))
        throw usage_error{"--benchmark_out_format: has no effect without --benchmark_out"};
    return options;
}

void print_help(const char *program_name, const struct gbench_program &program)
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
void choose_cases(const std::string &filter)
{
    auto &cases = the_registry().cases;
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

void read_iterations(const std::string &path)
{
    iterations_file(path).apply();
}

} // namespace gbench
