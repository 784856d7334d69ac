#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every NAME.proto in payloads/ must be in payload_names, and every listed one be there.

    check_lists.py FOLDER NAME...
"""

from __future__ import annotations

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
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
