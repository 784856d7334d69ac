/* SPDX-License-Identifier: MIT */
/* What is no message in a corpus: numbers, booleans, enums, strings, bytes. */
#ifndef ASSAY_CORPUS_SCALAR_H
#define ASSAY_CORPUS_SCALAR_H

#include "json_reader.h"
#include "plan.h"

/* The next value, of the field's kind, into an empty slot, from the heap; false: the reader has
 * failed and says why. */
bool corpus_read_scalar(struct json_reader *reader, const struct plan_field *field, void *slot);

#endif
