#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs protoc-gen-c on one schema, for meson.build, which wants all output files in one folder.

    schema_c.py PROTOC PROTOC_GEN_C FOLDER VIRTUAL FLAT OUTDIR

google/protobuf/timestamp.proto becomes OUTDIR/google_protobuf_timestamp.pb-c.c and .h.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^#include "(.*\.pb-c\.h)"$', re.MULTILINE)


def main() -> int:
    protoc, plugin, folder, virtual, flat, outdir = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run([protoc, f"--plugin=protoc-gen-c={plugin}", f"--c_out={scratch}",
                               f"--proto_path={folder}", virtual], check=False)
        if done.returncode != 0:
            return done.returncode
        for suffix in (".pb-c.c", ".pb-c.h"):
            code = (Path(scratch) / virtual).with_suffix(suffix).read_text(encoding="utf-8")
            code = INCLUDE.sub(lambda name: f'#include "{name[1].replace("/", "_")}"', code)
            (Path(outdir) / (flat + suffix)).write_text(code, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
