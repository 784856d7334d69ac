# SPDX-License-Identifier: MIT
"""Runs protoc on one schema: what it knows of it, and the code that a generator makes of that."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


def describe(protoc: str, folder: Path, virtual: str, *options: str) -> tuple[bytes, str]:
    """The schema and all that it imports as a FileDescriptorSet; or nothing, and protoc's words."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set"
        done = subprocess.run(
            [protoc, "--include_imports", *options, f"--descriptor_set_out={out}", f"--proto_path={folder}",
             virtual], capture_output=True, text=True, check=False)
        return (out.read_bytes(), "") if done.returncode == 0 else (b"", done.stderr.strip())


@dataclass
class Generator:
    """One of protoc's, and what is done before and behind it."""
    out: str  # protoc's option: c_out
    suffixes: tuple[str, str]  # of the file and its header
    include: re.Pattern[str]  # of another schema's header: group 1 is its path
    rewrite: Callable[[bytes], bytes]  # the FileDescriptorSet that it sees
    options: tuple[str, ...] = ()
    spell: Callable[[str], str] = lambda code: code  # the code that it made

    def run(self, protoc: str, folder: str, virtual: str, flat: str, outdir: str) -> int:
        """shared/money.proto becomes OUTDIR/shared_money.*, as Meson wants all output in one folder.
        Returns an exit code."""
        known, words = describe(protoc, Path(folder), virtual)
        if not known:
            print(words, file=sys.stderr)
            return 1
        with tempfile.TemporaryDirectory() as scratch:
            seen = Path(scratch) / "set"
            seen.write_bytes(self.rewrite(known))
            done = subprocess.run([protoc, *self.options, f"--{self.out}={scratch}",
                                   f"--descriptor_set_in={seen}", virtual], check=False)
            for suffix in self.suffixes if done.returncode == 0 else ():
                code = (Path(scratch) / virtual).with_suffix(suffix).read_text(encoding="utf-8")
                code = self.include.sub(lambda path: f'#include "{path[1].replace("/", "_")}"', code)
                (Path(outdir) / (flat + suffix)).write_text(self.spell(code), encoding="utf-8")
        return done.returncode
