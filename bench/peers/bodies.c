/* SPDX-License-Identifier: MIT */
/* Prints the encoded documents of a payload, one a line, in hexadecimal: for a client that counts
 * its requests, which load does not. */
#include "names.h"
#include "options.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    const char *payload_name = "order", *codec_name = "protobuf_c";
    struct options_entry entries[] = {
        OPTIONS_TEXT("--payload", "NAME", &payload_name, "type of the messages"),
        OPTIONS_TEXT("--codec", "NAME", &codec_name, "their encoding"),
        {0},
    };
    struct options options = {"bodies", "prints encoded documents in hexadecimal", entries};
    int code = options_parse(&options, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    const struct payload *payload = names_payload(&options, payload_name);
    const struct codec *codec = payload ? names_codec(&options, codec_name) : NULL;
    if (!codec)
        return EXIT_USAGE;
    struct workload_setup setup;
    char why[256] = "";
    if (workload_setup_init(&setup, payload, codec, why, sizeof why) != 0)
        return options_error(&options, "--payload", "%s", why);
    for (size_t i = 0; i < setup.corpus.count; i++) {
        for (size_t j = 0; j < setup.body_lens[i]; j++)
            printf("%02x", setup.bodies[i][j]);
        putchar('\n');
    }
    workload_setup_finish(&setup);
    return ferror(stdout) || fflush(stdout) ? EXIT_FAILED : EXIT_GOOD;
}
