/* SPDX-License-Identifier: MIT */
/* codec_bench --list-codecs: what a report has to know about each codec, as JSON. */
#include "codec_check.h"

#include <stdio.h>

static void write_name(const char *key, const char *value)
{
    printf(value ? ",\"%s\":\"%s\"" : ",\"%s\":null", key, value);
}

static void write_flag(const char *key, bool value)
{
    printf(",\"%s\":%s", key, value ? "true" : "false");
}

int codec_list(void)
{
    fputs("{\"schema\":1,\"codecs\":[", stdout);
    for (size_t i = 0; i == 0 || codecs[i - 1]; i++) {
        /* Behind the table what stands beside it in single rows. */
        const struct codec *codec = codecs[i] ? codecs[i] : &cjson_unformatted_codec;
        printf("%s\n{\"name\":\"%s\"", i ? "," : "", codec->name);
        write_name("label", codec->label);
        write_name("format", codec->format);
        write_name("library", codec->library);
        write_name("version", codec->version());
        write_name("shape", codec->shape);
        write_flag("ours", codec->ours);
        write_flag("own_structs", codec->own != NULL);
        write_flag("encodes", codec->encode != NULL);
        write_flag("decodes", codec->decode != NULL);
        write_flag("builds", codec->tree && codec->tree->build);
        write_flag("checks", codec->check != NULL);
        write_flag("parses", codec->tree && codec->tree->parse);
        write_flag("reads", codec->read != NULL);
        const struct codec *source = codec_source(codec);
        write_name("reads_bytes_of", source ? source->name : NULL);
        putchar('}');
    }
    puts("\n]}");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
