/* SPDX-License-Identifier: MIT */
/*
 * Run by the build: does every payload's corpus fit its schema? Says which file, line and field if
 * not (exit 1), else writes the file that its argument names.
 */
#include "payload.h"
#include "plan.h"

#include <stdio.h>

static int check(const struct payload *payload)
{
    char why[512] = "out of memory";
    struct plan *plan = NULL;
    struct corpus corpus = {0};
    int error = plan_create(&plan, payload, why, sizeof(why));
    if (error == 0)
        error = corpus_load(&corpus, payload, NULL, why, sizeof(why));
    if (error != 0)
        fprintf(stderr, "payload %s: %s\n", payload->name, why);
    corpus_finish(&corpus);
    plan_destroy(plan);
    return error;
}

int main(int argc, char **argv)
{
    int faults = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: check_corpora STAMP\n");
        return 2;
    }
    for (const struct payload *payload = payloads; payload->name != NULL; payload++)
        faults += check(payload) != 0;
    if (faults > 0)
        return 1;
    FILE *stamp = fopen(argv[1], "we");
    if (stamp == NULL || fclose(stamp) != 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
