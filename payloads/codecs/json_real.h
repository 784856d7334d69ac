/* SPDX-License-Identifier: MIT */
/* Floats and doubles in JSON, by C++17's <charconv>: the shortest text that reads back as the same
 * bits, and back. Other number formats of the locale play no part. */
#ifndef ASSAY_JSON_REAL_H
#define ASSAY_JSON_REAL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_PUT_REAL = 32 }; /* bytes that may be written */

/* Of finite values; return the end. */
char *json_put_double(char *at, double value);
char *json_put_float(char *at, float value);

/* Of text that has a JSON number's form, rounded once. 0; -EBADMSG beyond the range of the type.
 * What is too small becomes a zero of its sign. */
int json_get_double(const char *text, size_t len, double *value);
int json_get_float(const char *text, size_t len, float *value);

#ifdef __cplusplus
}
#endif

#endif
