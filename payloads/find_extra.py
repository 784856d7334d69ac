#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the payloads in a folder, one a line, for meson.build: every NAME.proto with its NAME.json. A
.proto without one is no payload if another .proto there imports it.

Exits 1 with a sentence per fault, "FILE:LINE: …", if there is no such folder, a partner is missing, or
a name would not do.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# What Meson, protoc and protoc-gen-c spell alike: order, line_item, sensor2.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")
IMPORT = re.compile(r"""^\s*import\s*(?:public\s*|weak\s*)?["']([^"']+)["']\s*;""", re.MULTILINE)


def imported(folder: Path) -> set[str]:
    """What the schemas of a folder import."""
    found: set[str] = set()
    for path in folder.glob("*.proto"):
        found.update(IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")))
    return found


def faults(folder: Path, names: list[str]) -> list[str]:
    """What is wrong with the folder, one sentence each."""
    found = []
    for name in names:
        schema, corpus = folder / f"{name}.proto", folder / f"{name}.json"
        if not corpus.is_file():
            found.append(f"{schema}:1: no sample: there is no {corpus}, an array of documents, and "
                         f"nothing here imports {schema.name}")
        elif not schema.is_file():
            found.append(f"{corpus}:1: no schema: there is no {schema}")
        elif not NAME.fullmatch(name):
            found.append(f"{schema}:1: a payload's name is lower-case words joined by _, each beginning "
                         "with a letter")
    return found


def find(folder: Path) -> tuple[list[str], list[str]]:
    """The payloads' names, and what is wrong."""
    if not folder.is_dir():
        return [], [f"extra_payloads: there is no folder {folder} (a relative path counts from the root "
                    "of the source)"]
    shared = imported(folder)
    names = sorted({path.stem for path in folder.glob("*.json")}
                   | {path.stem for path in folder.glob("*.proto") if path.name not in shared})
    if not names:
        return [], [f"extra_payloads: {folder}: there is no NAME.proto with its NAME.json"]
    return names, faults(folder, names)


def main() -> int:
    names, wrong = find(Path(sys.argv[1]))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print("\n".join(names))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
