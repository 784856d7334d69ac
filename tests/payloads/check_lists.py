#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every NAME.proto in payloads/ must be in payload_names, and every listed one be there, with at least
16 documents, or 4 if they are large.

    check_lists.py FOLDER NAME...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    folder, listed = Path(sys.argv[1]), set(sys.argv[2:])
    there = {path.stem for path in folder.glob("*.proto")}
    documents = {path.stem for path in folder.glob("*.json")}
    faults = [f"{folder / name}.proto: not in payload_names" for name in sorted(there - listed)]
    faults += [f"{folder / name}.proto: listed, and not there" for name in sorted(listed - there)]
    faults += [f"{folder / name}.json: without its other half"
               for name in sorted(there ^ documents)]
    for name in sorted(there & documents):
        # One document alone would be learnt by the branch predictor.
        if len(json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))) < 2:
            faults.append(f"{folder / name}.json: a corpus needs 2 documents that differ, better 16")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
