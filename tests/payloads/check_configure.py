#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the configuration says to payloads that are not whole: real runs of Meson.

    check_configure.py MESON SOURCE
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = 'syntax = "proto3";\npackage line_item;\nmessage LineItem {\n  int32 count = 1;\n}\n'
DOCUMENTS = '[{"count":1},{"count":2}]\n'

# Name of the case, the files, and what the output must hold; None: it must configure.
Case = tuple[str, dict[str, str], "list[str] | None"]
CASES: list[Case] = [
    ("whole", {"line_item.proto": PROTO, "line_item.json": DOCUMENTS}, None),
    ("no corpus", {"line_item.proto": PROTO}, ["line_item.proto:1: no sample", "line_item.json"]),
    ("no schema", {"line_item.json": DOCUMENTS}, ["line_item.json:1: no schema", "line_item.proto"]),
    ("no parse", {"line_item.proto": PROTO.replace("= 1;", "= ;"), "line_item.json": DOCUMENTS},
     ["extra/line_item.proto:4:17: Expected field number."]),
    ("no root", {"line_item.proto": PROTO.replace("LineItem", "Line"), "line_item.json": DOCUMENTS},
     ["line_item.proto:2: there is no message LineItem"]),
    ("no package", {"line_item.proto": PROTO.replace("line_item", "other"),
                    "line_item.json": DOCUMENTS},
     ['line_item.proto:2: must say "package line_item;"']),
    ("bad name", {"Line-Item.proto": PROTO, "Line-Item.json": DOCUMENTS},
     ["Line-Item.proto:1:", "lower-case words joined by _"]),
    ("reserved name", {"switch.proto": 'syntax = "proto3";\npackage switch;\nmessage Switch {}\n',
                       "switch.json": DOCUMENTS}, ["switch.proto:2: switch is a reserved name"]),
    ("taken name", {"order.proto": PROTO, "order.json": DOCUMENTS},
     ["extra/order.proto:1: there is a payload order already"]),
    ("taken type", {"line_item.proto": PROTO.replace("message", 'import "common.proto";\nmessage'),
                    "line_item.json": DOCUMENTS, "common.proto":
                    'syntax = "proto3";\npackage order;\n\nmessage Money {}\n'},
     ["extra/common.proto:4: there is a message order.Money in", "/order.proto already"]),
    ("empty", {}, ["there is no NAME.proto"]),
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
        return None if done.returncode == 0 else f"{name}: refused:\n{output}"
    if done.returncode == 0:
        return f"{name}: configured"
    missing = [word for word in words if word not in output]
    return f"{name}: does not say {missing}:\n{output}" if missing else None


def check(meson: str, source: str, folder: Path) -> list[str]:
    """Configures once, and then again over another content of the folder: the probes are kept."""
    extra, build = folder / "extra", folder / "build"
    extra.mkdir()
    first = setup([meson, "setup", str(build), source])
    if first.returncode != 0:
        return [first.stdout]
    again = [meson, "setup", "--reconfigure", f"-Dextra_payloads={extra}", str(build), source]
    found = [fault_of(case, extra, again) for case in CASES]
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
