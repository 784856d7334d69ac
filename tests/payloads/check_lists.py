#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every .proto and .json in payloads/ must be some listed payload's, and every corpus hold at least two
documents.

    check_lists.py FOLDER PROTO JSON [PROTO JSON]...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    folder, *paths = [Path(word) for word in sys.argv[1:]]
    faults = [f"{path}: no payload of payload_names or payload_made"
              for path in sorted({*folder.glob("*.proto"), *folder.glob("*.json")} - set(paths))]
    for corpus in paths[1::2]:
        # One document alone would be learnt by the branch predictor.
        if len(json.loads(corpus.read_text(encoding="utf-8"))) < 2:
            faults.append(f"{corpus}: a corpus needs 2 documents that differ, better 16")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
