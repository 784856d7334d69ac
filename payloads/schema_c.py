#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs protoc-gen-c on one schema, for meson.build, which wants all output files in one folder.

    schema_c.py PROTOC PROTOC_GEN_C FOLDER VIRTUAL FLAT OUTDIR

google/protobuf/timestamp.proto becomes OUTDIR/google_protobuf_timestamp.pb-c.c and .h. Services are left
out, and defaults are spelt so that C reads them: infinities, NaN, INT64_MIN, ??.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rewrite import without_services

INCLUDE = re.compile(r'^#include "(.*\.pb-c\.h)"$', re.MULTILINE)
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
    lines = (default_as_c(line) if "__default_value" in line or line.startswith("    , ") else line
             for line in code.splitlines(keepends=True))
    return INCLUDE.sub(lambda name: f'#include "{name[1].replace("/", "_")}"', "".join(lines))


def main() -> int:
    protoc, plugin, folder, virtual, flat, outdir = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        known = Path(scratch) / "set"
        done = subprocess.run([protoc, "--include_imports", f"--descriptor_set_out={known}",
                               f"--proto_path={folder}", virtual], check=False)
        if done.returncode == 0:
            known.write_bytes(without_services(known.read_bytes()))
            done = subprocess.run([protoc, f"--plugin=protoc-gen-c={plugin}", f"--c_out={scratch}",
                                   f"--descriptor_set_in={known}", virtual], check=False)
        if done.returncode != 0:
            return done.returncode
        for suffix in (".pb-c.c", ".pb-c.h"):
            code = (Path(scratch) / virtual).with_suffix(suffix).read_text(encoding="utf-8")
            (Path(outdir) / (flat + suffix)).write_text(as_c(code), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
