/* SPDX-License-Identifier: MIT */
/* proto3's JSON mapping for what JSON has no exact type for: 64-bit integers, the three numbers
 * that are none, bytes, keys of maps. Shared by the corpus reader and the JSON codecs. */
#ifndef ASSAY_JSON_SCALAR_H
#define ASSAY_JSON_SCALAR_H

#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_INTEGER_MAX = 22 }; /* "-9223372036854775808" with its NUL */

/* value in decimal, with a NUL, into JSON_INTEGER_MAX bytes; returns the length. */
size_t json_print_signed(char *text, int64_t value);
size_t json_print_unsigned(char *text, uint64_t value);

/* -?[0-9]+ into the slot of an integer kind or enum, exactly; -EBADMSG for other text, -ERANGE for
 * what the kind cannot hold. */
int json_parse_integer(const char *text, size_t len, enum plan_kind kind, void *slot);

/* A map entry's key as a JSON string's text: the entry's own string, a word, or decimal digits in
 * text, which has room for JSON_INTEGER_MAX bytes. map is the field that holds the entry. */
const char *json_print_key(const struct plan_field *map, const ProtobufCMessage *entry, char *text);
/* And back into the entry: 0, -EBADMSG (also for another spelling of a number, "007" or "-0"),
 * -ERANGE, -ENOMEM. */
int json_parse_key(const struct plan_field *map, const char *text, size_t len,
                   ProtobufCMessage *entry, ProtobufCAllocator *allocator);

/* "NaN", "Infinity" or "-Infinity"; print returns NULL for a finite value. */
const char *json_print_special(double value);
bool json_parse_special(const char *text, size_t len, double *value);

/* Base64 with padding: needs (len + 2) / 3 * 4 + 1 bytes, writes a NUL. */
void json_print_base64(char *text, const uint8_t *data, size_t len);
/* Either alphabet, padding optional, as the mapping asks; data has room for len / 4 * 3 + 2 bytes.
 * -EBADMSG for anything else. */
int json_parse_base64(const char *text, size_t len, uint8_t *data, size_t *data_len);

#ifdef __cplusplus
}
#endif

#endif
