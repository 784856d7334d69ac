#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the payloads in a folder, one a line, for meson.build: every NAME.proto with its NAME.json.

Exits 1 with a sentence if the folder does not exist, a partner is missing, or a name would not do.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# What Meson, protoc and protoc-gen-c spell alike: order, line_item, sensor2.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")


def faults(folder: Path, names: list[str]) -> list[str]:
    """What is wrong with the folder, one sentence each."""
    found = []
    for name in names:
        if not NAME.fullmatch(name):
            found.append(f"{folder / name}: a payload's name is lower-case words joined by _")
        for suffix in (".proto", ".json"):
            if not (folder / (name + suffix)).is_file():
                found.append(f"payload {name}: there is no {folder / (name + suffix)}")
    return found


def main() -> int:
    folder = Path(sys.argv[1]).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        print(f"extra_payloads: {folder}: not an absolute path of a folder", file=sys.stderr)
        return 1
    names = sorted({path.stem for path in folder.iterdir() if path.suffix in (".proto", ".json")})
    wrong = faults(folder, names)
    if not names:
        wrong.append(f"extra_payloads: {folder}: there is no NAME.proto with its NAME.json")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print("\n".join(names))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
