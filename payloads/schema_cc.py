#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs protoc's C++ generator on one schema, for meson.build.

    schema_cc.py PROTOC FOLDER VIRTUAL FLAT OUTDIR

shared/money.proto becomes OUTDIR/shared_money.pb.cc and .h. What google/protobuf holds is in the library.
No name of the schema is in the code as it is: fields are known by number, packages and messages by names
made up from theirs (rewrite.py), and so nothing there can be called as a macro, a function of libc (a
namespace `time`) or another function of its class is.
"""

from __future__ import annotations

import re
import sys

from protoc import Generator
from rewrite import without_names

CPP = Generator(out="cpp_out", suffixes=(".pb.cc", ".pb.h"), rewrite=without_names,
                include=re.compile(r'^#include "(?!google/protobuf/)(.*\.pb\.h)"$', re.MULTILINE))

if __name__ == "__main__":
    sys.exit(CPP.run(*sys.argv[1:]))
