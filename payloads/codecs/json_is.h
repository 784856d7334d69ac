/* SPDX-License-Identifier: MIT */
/* What a value of JSON is, for json_from_tree.inc. */
#ifndef ASSAY_JSON_IS_H
#define ASSAY_JSON_IS_H

enum json_is {
    JSON_IS_NULL,
    JSON_IS_BOOL,
    JSON_IS_SIGNED,   /* an integer that an int64_t holds */
    JSON_IS_UNSIGNED, /* an integer that a uint64_t holds */
    JSON_IS_REAL,
    JSON_IS_STRING,
    JSON_IS_ARRAY,
    JSON_IS_OBJECT,
    JSON_IS_BEYOND, /* an integer of which the library kept only that it is too large */
};

#endif
