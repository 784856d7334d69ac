/* SPDX-License-Identifier: MIT */
/*
 * cJSON's encode as most of its users write it: cJSON_PrintUnformatted, whose text is memory of the
 * library's own, and from there a copy to where it is wanted. Only a row beside cjson.c, which
 * prints into the caller's buffer at once.
 */
#include "codec.h"

#include "field.h"
#include "json_scalar.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cjson_make.inc"

static int tree_print(const union codec_hold *hold, uint8_t *dst, size_t cap, size_t *len)
{
    return print_unformatted(hold->tree, dst, cap, len);
}

static const struct codec_tree phases = {
    .build = tree_build,
    .print = tree_print,
    .drop_built = tree_drop,
};

const struct codec cjson_unformatted_codec = {
    .name = "cjson_unformatted",
    .label = "cJSON, PrintUnformatted",
    .format = "JSON",
    .library = "cJSON",
    .content_type = "application/json",
    .version = cJSON_Version,
    .encode = encode,
    .tree = &phases,
};
