#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs protoc's C++ generator on one schema, for meson.build, which wants all output in one folder.

    schema_cc.py PROTOC FOLDER VIRTUAL FLAT OUTDIR

shared/money.proto becomes OUTDIR/shared_money.pb.cc and .h. What google/protobuf holds is in the library.
No name of the schema is in the code as it is: fields are known by number, packages and messages by names
made up from theirs (rewrite.py), and so nothing there can be called as a macro, a function of libc (a
namespace `time`) or another function of its class is.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rewrite import without_names

INCLUDE = re.compile(r'^#include "(?!google/protobuf/)(.*\.pb\.h)"$', re.MULTILINE)


def main() -> int:
    protoc, folder, virtual, flat, outdir = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        known = Path(scratch) / "set"
        done = subprocess.run([protoc, "--include_imports", f"--descriptor_set_out={known}",
                               f"--proto_path={folder}", virtual], check=False)
        if done.returncode == 0:
            known.write_bytes(without_names(known.read_bytes()))
            done = subprocess.run([protoc, f"--cpp_out={scratch}", f"--descriptor_set_in={known}",
                                   virtual], check=False)
        if done.returncode != 0:
            return done.returncode
        for suffix in (".pb.cc", ".pb.h"):
            code = (Path(scratch) / virtual).with_suffix(suffix).read_text(encoding="utf-8")
            code = INCLUDE.sub(lambda name: f'#include "{name[1].replace("/", "_")}"', code)
            (Path(outdir) / (flat + suffix)).write_text(code, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
