#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs protoc-gen-c on one schema, for meson.build.

    schema_c.py PROTOC PROTOC_GEN_C FOLDER VIRTUAL FLAT OUTDIR

google/protobuf/timestamp.proto becomes OUTDIR/google_protobuf_timestamp.pb-c.c and .h. Services are left
out, and defaults are spelt so that C reads them: infinities, NaN, INT64_MIN, ??.
"""

from __future__ import annotations

import re
import sys

from protoc import Generator
from rewrite import without_services

#: A default of its own, or in the list that a macro …__INIT is.
SPECIAL = re.compile(r"(?<=__default_value = )(-?)(inf|nan)f?(?=;)|(?<=, )(-?)(inf|nan)f?(?=[, ])")


def spelt(found: re.Match[str]) -> str:
    sign, word = (found[1], found[2]) if found[2] else (found[3], found[4])
    return sign + {"inf": "__builtin_inf()", "nan": '__builtin_nan("")'}[word]


def default_as_c(line: str) -> str:
    if '"' in line:
        return line.replace("??", r"?\?")  # else a trigraph of C11
    line = line.replace("-9223372036854775808ll", "(-9223372036854775807ll - 1)")
    return SPECIAL.sub(spelt, line)


def as_c(code: str) -> str:
    return "".join(default_as_c(line) if "__default_value" in line or line.startswith("    , ") else line
                   for line in code.splitlines(keepends=True))


def main() -> int:
    protoc, plugin, *schema = sys.argv[1:]
    generator = Generator(out="c_out", suffixes=(".pb-c.c", ".pb-c.h"), rewrite=without_services,
                          include=re.compile(r'^#include "(.*\.pb-c\.h)"$', re.MULTILINE),
                          options=(f"--plugin=protoc-gen-c={plugin}",), spell=as_c)
    return generator.run(protoc, *schema)


if __name__ == "__main__":
    sys.exit(main())
