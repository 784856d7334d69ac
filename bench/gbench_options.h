/* SPDX-License-Identifier: MIT */
/* The command line of a benchmark program, and which cases it chooses. C++ only. */
#ifndef ASSAY_GBENCH_OPTIONS_H
#define ASSAY_GBENCH_OPTIONS_H

#include "gbench_cases.h"

namespace gbench
{

/* Thrown; what is the message, naming the option or the file and line. Exit code 2. */
struct usage_error {
    std::string what;
};

struct options {
    bool help = false, list = false;
    std::string json, iterations, filter;
    uint64_t repetitions = 1;
    std::vector<std::string> library; /* argv of the library's own flags, checked */
};

options parse_options(int argc, char **argv, const struct gbench_program &program);
void print_help(const char *program_name, const struct gbench_program &program);

/* Marks the cases that the filter lets run; throws if there is none. */
void choose_cases(const std::string &filter);

/* Takes the counts of --iterations FILE into the cases. */
void read_iterations(const std::string &path);

} // namespace gbench

#endif
