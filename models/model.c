/* SPDX-License-Identifier: MIT */
/* The table of models. model_table.inc is one MODEL(name) per word of model_names in meson.build.
 */
#include "model.h"

#include <string.h>

#define MODEL(name) extern const struct model name##_model;
#include "model_table.inc"
#undef MODEL

#define MODEL(name) &name##_model,
const struct model *const models[] = {
#include "model_table.inc"
    NULL,
};
#undef MODEL

const struct model *model_find(const char *name)
{
    for (const struct model *const *model = models; *model; model++) {
        if (strcmp((*model)->name, name) == 0)
            return *model;
    }
    return NULL;
}
