/* SPDX-License-Identifier: MIT */
/*
 * The command line of serve, load and downstream: a table of options, whose values hold their
 * defaults before the parse. Takes "--name value" and "--name=value". Every message names the
 * option. These functions print; what they return is meant to be returned from main().
 */
#ifndef ASSAY_OPTIONS_H
#define ASSAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum options_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS,  /* struct options_texts: may be given several times */
    OPTION_COUNT,  /* uint64_t, from min to max */
    OPTION_NUMBER, /* double, from min to max */
};

struct options_texts {
    const char *items[16];
    size_t count;
};

struct options_entry {
    const char *name;    /* "--threads" */
    const char *operand; /* "N", as --help prints it; NULL for a flag */
    enum options_kind kind;
    void *value;
    double min, max;
    const char *help;
    bool given; /* set by the parse */
};

/* Entries of the table. */
#define OPTIONS_FLAG(name, value, help)                                                            \
    {                                                                                              \
        name, NULL, OPTION_FLAG, value, 0, 0, help, false                                          \
    }
#define OPTIONS_TEXT(name, operand, value, help)                                                   \
    {                                                                                              \
        name, operand, OPTION_TEXT, value, 0, 0, help, false                                       \
    }
#define OPTIONS_TEXTS(name, operand, value, help)                                                  \
    {                                                                                              \
        name, operand, OPTION_TEXTS, value, 0, 0, help, false                                      \
    }
#define OPTIONS_COUNT(name, operand, value, min, max, help)                                        \
    {                                                                                              \
        name, operand, OPTION_COUNT, value, min, max, help, false                                  \
    }
#define OPTIONS_NUMBER(name, operand, value, min, max, help)                                       \
    {                                                                                              \
        name, operand, OPTION_NUMBER, value, min, max, help, false                                 \
    }

struct options {
    const char *program;
    const char *summary;
    struct options_entry *entries; /* ends with a NULL name */
};

enum { EXIT_GOOD, EXIT_FAILED, EXIT_USAGE, EXIT_ENVIRONMENT };
#define OPTIONS_GO_ON (-1)

/* OPTIONS_GO_ON, EXIT_GOOD (--help was given and printed) or EXIT_USAGE. */
int options_parse(const struct options *options, int argc, char **argv);
bool options_given(const struct options *options, const char *name);

/* EXIT_USAGE if the option was given: it has no effect `when` ("with --workload echo"). */
int options_refuse(const struct options *options, const char *name, const char *when);
/* EXIT_USAGE if the option was not given: it is needed `when`. */
int options_require(const struct options *options, const char *name, const char *when);
/* Prints "PROGRAM: what: why"; returns EXIT_USAGE. */
__attribute__((format(printf, 3, 4))) int options_error(const struct options *options,
                                                        const char *what, const char *why, ...);

#endif
