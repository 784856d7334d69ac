/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int options_error(const struct options *options, const char *what, const char *why, ...)
{
    char line[1024];
    va_list args;
    va_start(args, why);
    vsnprintf(line, sizeof line, why, args);
    va_end(args);
    /* One line, whatever somebody put into an argument. */
    for (char *c = line; *c; c++) {
        if (*c > 0 && *c < ' ')
            *c = '?';
    }
    fprintf(stderr, "%s: %s: %s\n", options->program, what, line);
    return EXIT_USAGE;
}

static struct options_entry *find(const struct options *options, const char *name, size_t len)
{
    for (struct options_entry *e = options->entries; e->name; e++) {
        if (strlen(e->name) == len && memcmp(e->name, name, len) == 0)
            return e;
    }
    return NULL;
}

bool options_given(const struct options *options, const char *name)
{
    const struct options_entry *e = find(options, name, strlen(name));
    return e && e->given;
}

int options_refuse(const struct options *options, const char *name, const char *when)
{
    if (!options_given(options, name))
        return OPTIONS_GO_ON;
    return options_error(options, name, "has no effect %s", when);
}

int options_require(const struct options *options, const char *name, const char *when)
{
    if (options_given(options, name))
        return OPTIONS_GO_ON;
    return options_error(options, name, "is needed%s%s", *when ? " " : "", when);
}

static int set_count(const struct options *options, const struct options_entry *e, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || (double)value < e->min ||
        (double)value > e->max)
        return options_error(options, e->name, "\"%s\" is not a whole number from %.0f to %.0f",
                             text, e->min, e->max);
    *(uint64_t *)e->value = value;
    return OPTIONS_GO_ON;
}

static int set_number(const struct options *options, const struct options_entry *e,
                      const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < e->min || value > e->max)
        return options_error(options, e->name, "\"%s\" is not a number from %g to %g", text, e->min,
                             e->max);
    *(double *)e->value = value;
    return OPTIONS_GO_ON;
}

static int set(const struct options *options, struct options_entry *e, const char *text)
{
    if (e->given && e->kind != OPTION_TEXTS)
        return options_error(options, e->name, "is given twice");
    e->given = true;
    struct options_texts *texts = e->value;
    switch (e->kind) {
    case OPTION_FLAG:
        *(bool *)e->value = true;
        break;
    case OPTION_TEXT:
        *(const char **)e->value = text;
        break;
    case OPTION_TEXTS:
        if (texts->count == sizeof texts->items / sizeof *texts->items)
            return options_error(options, e->name, "is given more than %zu times", texts->count);
        texts->items[texts->count++] = text;
        break;
    case OPTION_COUNT:
        return set_count(options, e, text);
    case OPTION_NUMBER:
        return set_number(options, e, text);
    }
    return OPTIONS_GO_ON;
}

static void print_default(const struct options_entry *e)
{
    if (e->kind == OPTION_TEXT && *(const char **)e->value)
        printf(" [%s]", *(const char **)e->value);
    else if (e->kind == OPTION_COUNT)
        printf(" [%llu]", (unsigned long long)*(uint64_t *)e->value);
    else if (e->kind == OPTION_NUMBER && !isnan(*(double *)e->value))
        printf(" [%g]", *(double *)e->value);
}

static void print_help(const struct options *options)
{
    printf("%s: %s\n\nusage: %s [option ...]\n\n", options->program, options->summary,
           options->program);
    for (const struct options_entry *e = options->entries; e->name; e++) {
        int width = printf("  %s %s", e->name, e->operand ? e->operand : "");
        printf("%*s%s", width < 34 ? 34 - width : 1, "", e->help);
        print_default(e);
        putchar('\n');
    }
    printf("  %-32s%s\n", "--help", "this text; the values in brackets are the defaults");
}

int options_parse(const struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0) {
            print_help(options);
            return EXIT_GOOD;
        }
        size_t len = strcspn(arg, "=");
        struct options_entry *e = find(options, arg, len);
        if (!e)
            return options_error(options, arg, "no such option (--help lists them)");
        const char *text = NULL;
        if (e->kind == OPTION_FLAG && arg[len])
            return options_error(options, e->name, "takes no value");
        if (arg[len])
            text = arg + len + 1;
        else if (e->kind != OPTION_FLAG && !(text = argv[++i]))
            return options_error(options, e->name, "needs a value (%s)", e->operand);
        int code = set(options, e, text);
        if (code != OPTIONS_GO_ON)
            return code;
    }
    if (!options_given(options, "--list"))
        return OPTIONS_GO_ON;
    for (const struct options_entry *e = options->entries; e->name; e++) {
        if (e->given && strcmp(e->name, "--list") != 0)
            return options_error(options, e->name, "has no effect with --list");
    }
    return OPTIONS_GO_ON;
}
