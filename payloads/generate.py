#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the corpora: NAME.json for each payload, from one fixed seed. Most lie beside this file; the
large ones, and those of the size ladder, are made by the build.

    generate.py                       writes those that lie here
    generate.py --check               exits 1 if one of them differs from what this program makes
    generate.py --into FOLDER NAME... writes those named into FOLDER

What a payload's documents hold is in corpora/, a file each. Every number is drawn with
random.Random.random() and integer arithmetic only: both are the same in every version of Python.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Callable

from corpora.ack import make_ack
from corpora.blob import make_blob
from corpora.dice import Dice, Document
from corpora.event import make_event
from corpora.feed import make_feed
from corpora.ladder import make_order_of
from corpora.order import make_order
from corpora.telemetry import make_telemetry
from corpora.tree import make_tree

#: How many documents, and what makes one.
CORPORA: dict[str, tuple[int, Callable[[Dice], Document]]] = {
    "ack": (32, make_ack),
    "order": (32, make_order),
    "telemetry": (16, make_telemetry),
    "feed": (6, make_feed),
    "tree": (16, make_tree),
    "event": (32, make_event),
}
# Made by the build: payload_made in meson.build.
MADE: dict[str, tuple[int, Callable[[Dice], Document]]] = {
    "blob": (8, make_blob),
    "order_64": (32, make_order_of(64)),
    "order_256": (32, make_order_of(256)),
    "order_1k": (32, make_order_of(1 << 10)),
    "order_4k": (16, make_order_of(4 << 10)),
    "order_16k": (16, make_order_of(16 << 10)),
    "order_64k": (8, make_order_of(64 << 10)),
    "order_256k": (4, make_order_of(256 << 10)),
    "order_1m": (4, make_order_of(1 << 20)),
}


def corpus_text(name: str) -> str:
    """An array with one document a line."""
    count, make = (CORPORA | MADE)[name]
    dice = Dice(name)
    lines = (json.dumps(make(dice), ensure_ascii=False, separators=(",", ":")) for _ in range(count))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def stale(folder: Path) -> list[Path]:
    """The files that differ from what this program makes."""
    paths = {name: folder / f"{name}.json" for name in CORPORA}
    return [path for name, path in paths.items()
            if not path.is_file() or path.read_bytes() != corpus_text(name).encode()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the corpora of the payloads.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if one differs")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where those named go")
    parser.add_argument("names", nargs="*", metavar="NAME", help="(default: those that lie here)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(CORPORA | MADE))
    if unknown or bool(arguments.names) != bool(arguments.into):
        parser.error(f"unknown: {unknown}; known: {[*CORPORA, *MADE]}" if unknown else
                     "--into wants names, and names want --into")
    folder = Path(__file__).resolve().parent
    if arguments.check:
        found = stale(folder)
        for path in found:
            print(f"generate.py: {path}: not what generate.py makes", file=sys.stderr)
        return 1 if found else 0
    for name in arguments.names or CORPORA:
        ((arguments.into or folder) / f"{name}.json").write_bytes(corpus_text(name).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
