/* SPDX-License-Identifier: MIT */
/* libFuzzer's door to one decoder: FUZZ_CODEC is its name. scripts/fuzz builds and runs them all.
 */
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static const struct codec *codec;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    codec = codec_find(FUZZ_CODEC);
    if (!codec || !fuzz_set_up()) {
        fprintf(stderr, "fuzz: %s: cannot be set up\n", FUZZ_CODEC);
        exit(1);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    fuzz_input(codec, input, len);
    return 0;
}
