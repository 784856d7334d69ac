#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the configuration says to payloads that are not whole: real runs of Meson.

    check_configure.py MESON SOURCE
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = 'syntax = "proto3";\npackage line_item;\nmessage LineItem {\n  int32 count = 1;\n}\n'
DOCUMENTS = '[{"count":1},{"count":2}]\n'

# Name of the case, the files, and what the output must hold; None: it must configure. What else may
# be wrong with a schema is asked of schemas.py itself, in check_schemas.py: this takes seconds.
Case = tuple[str, dict[str, str], "list[str] | None"]
CASES: list[Case] = [
    ("whole", {"line_item.proto": PROTO, "line_item.json": DOCUMENTS}, None),
    ("no corpus", {"line_item.proto": PROTO}, ["extra/line_item.proto:1: no sample", "line_item.json"]),
    ("no parse", {"line_item.proto": PROTO.replace("= 1;", "= ;"), "line_item.json": DOCUMENTS},
     ["extra/line_item.proto:4:17: Expected field number."]),
    ("taken name", {"order.proto": PROTO, "order.json": DOCUMENTS},
     ["extra/order.proto:1: there is a payload order already"]),
    ("taken rung", {"order_1k.proto": PROTO, "order_1k.json": DOCUMENTS}, ["order_1k.proto:1: a payload's"]),
]


def setup(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def fault_of(case: Case, extra: Path, reconfigure: list[str]) -> str | None:
    """What is wrong with the outcome of one case, or None."""
    name, files, words = case
    for old in extra.iterdir():
        old.unlink()
    for file, text in files.items():
        (extra / file).write_text(text)
    done = setup(reconfigure)
    output = done.stdout + done.stderr
    if words is None:
        there = "line_item" in output.partition("payloads  ")[2]
        return None if done.returncode == 0 and there else f"{name}: refused:\n{output}"
    if done.returncode == 0:
        return f"{name}: configured"
    missing = [word for word in words if word not in output]
    return f"{name}: does not say {missing}:\n{output}" if missing else None


def check(meson: str, source: str, folder: Path) -> list[str]:
    """Configures once, and then again over another content of the folder: the probes are kept. The
    folder is named relative to the source."""
    extra, build = folder / "extra", folder / "build"
    extra.mkdir()
    option = f"-Dextra_payloads={os.path.relpath(extra.resolve(), Path(source).resolve())}"
    found = [fault_of(CASES[0], extra, [meson, "setup", option, str(build), source])]
    # A field may become a map: the table that says so is made by the configuration.
    regenerates = re.search(r"^build build\.ninja: .*", (build / "build.ninja").read_text(), re.MULTILINE)
    if not regenerates or "extra/line_item.proto" not in regenerates[0]:
        found.append("a changed schema does not bring Meson to look again")
    again = [meson, "setup", "--reconfigure", option, str(build), source]
    found += [fault_of(case, extra, again) for case in CASES[1:]]
    done = setup([*again[:3], "-Dextra_payloads=no/such", *again[4:]])
    if done.returncode == 0 or f"there is no folder {source}/no/such" not in done.stdout:
        found.append(f"no folder: {done.stdout}")
    return [fault for fault in found if fault]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        faults = check(*sys.argv[1:], Path(folder))
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
