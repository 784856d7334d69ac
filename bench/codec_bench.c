/* SPDX-License-Identifier: MIT */
/* codec_bench: what each operation of each codec costs on each payload. */
#include "codec_cases.h"

#include <stdio.h>

static const char *inject_text; /* --inject */
static const char *fidelity_is_another_mode, *list_codecs_is_another_mode,
    *list_operations_is_another_mode;

static int prepare(void)
{
    if (fidelity_is_another_mode) {
        fprintf(stderr, "codec_bench: --fidelity: takes no other option than --json FILE\n");
        return 2;
    }
    if (list_codecs_is_another_mode) {
        fprintf(stderr, "codec_bench: --list-codecs: takes no other option\n");
        return 2;
    }
    if (list_operations_is_another_mode) {
        fprintf(stderr, "codec_bench: --list-operations: takes no other option\n");
        return 2;
    }
    struct inject inject;
    if (inject_parse(inject_text, &inject) != 0) {
        fprintf(stderr, "codec_bench: --inject: %s: %s\n", inject_text, INJECT_EXPECTED);
        return 2;
    }
    for (size_t i = 0; codecs[i]; i++) {
        char key[64], value[96];
        snprintf(key, sizeof key, "%s_version", codecs[i]->name);
        snprintf(value, sizeof value, "%s %s", codecs[i]->library, codecs[i]->version());
        gbench_context(key, value);
    }
    const int err = codec_cases_register(&inject);
    if (err != 0)
        fprintf(stderr, "codec_bench: %s\n", strerror(-err));
    return err != 0;
}

/* An option that none of the cases cares for is a mistake. */
static int check(bool list)
{
    (void)list;
    if (!inject_text || gbench_chosen("/slow."))
        return 0;
    fprintf(stderr, "codec_bench: --inject: has no effect on the cases that the filter lets run\n");
    return 2;
}

/* --fidelity --json FILE: another mode, without a clock. */
static const char *fidelity_path(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--fidelity") == 0 && strcmp(argv[2], "--json") == 0)
        return argv[3];
    if (argc == 4 && strcmp(argv[1], "--json") == 0 && strcmp(argv[3], "--fidelity") == 0)
        return argv[2];
    return NULL;
}

static int list_operations(void)
{
    for (const struct codec_operation *operation = codec_operations; operation->name; operation++)
        printf("%-16s %s\n", operation->name, operation->help);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct gbench_flag flags[] = {
        {"--inject", "PERCENT[,...]",
         "add slow." CODEC_BASELINE
         ".PERCENT: a slow-down of known size, to see whether it is found",
         &inject_text},
        {"--fidelity", NULL,
         "no clock: encode, decode, compare; values changed and sizes as JSON (to --json FILE)",
         &fidelity_is_another_mode},
        {"--list-operations", NULL, "no clock: the operations and what they do",
         &list_operations_is_another_mode},
        {"--list-codecs", NULL,
         "no clock: the codecs, what they can and what to call them, as JSON",
         &list_codecs_is_another_mode},
        {0},
    };
    static const struct gbench_program program = {
        .summary =
            "codec_bench: what encoding and decoding the payloads costs.\n\n"
            "Cases are codec/PAYLOAD/OPERATION/MEMBER; an iteration is one document, in turn.\n"
            "Whatever an operation takes it gives back, on the clock. memcpy.CODEC moves that\n"
            "codec's bytes: the floor. Before any timing every document is encoded, decoded and\n"
            "compared. --list-operations explains them.",
        .flags = flags,
        .prepare = prepare,
        .check = check,
    };
    if (argc == 2 && strcmp(argv[1], "--fidelity") == 0)
        return codec_fidelity(NULL);
    if (argc == 2 && strcmp(argv[1], "--list-codecs") == 0)
        return codec_list();
    if (argc == 2 && strcmp(argv[1], "--list-operations") == 0)
        return list_operations();
    const char *path = fidelity_path(argc, argv);
    return path ? codec_fidelity(path) : gbench_main(argc, argv, &program);
}
