/* SPDX-License-Identifier: MIT */
#include "json_put.h"

#include "json_real.h"
#include "json_scalar.h"

char *json_put_real(char *at, unsigned kind, const void *value)
{
    double real = kind == PLAN_FLOAT ? (double)*(const float *)value : *(const double *)value;
    const char *special = json_print_special(real);
    if (special == NULL)
        return kind == PLAN_FLOAT ? json_put_float(at, *(const float *)value)
                                  : json_put_double(at, real);
    size_t len = strlen(special);
    *at = '"';
    memcpy(at + 1, special, len);
    at[len + 1] = '"';
    return at + len + 2;
}

char *json_put_number_closely(struct json_writer *writer, char *at, unsigned kind,
                              const void *value)
{
    char text[JSON_PUT_NUMBER];
    return json_put_raw(writer, at, text, (size_t)(json_put_number(text, kind, value) - text));
}
