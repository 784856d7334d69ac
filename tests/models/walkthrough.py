#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the model out of models/README.md, as a reader would, and holds it to what is said there.

    walkthrough.py README SOURCE FIND_EXTRA
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LINES_MOST = 150
SAVED_AS = re.compile(r"save this as `(\w+\.c)`")
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> int:
    readme, source, find_extra = sys.argv[1:]
    text = Path(readme).read_text(encoding="utf-8")
    names, blocks = SAVED_AS.findall(text), BLOCK.findall(text)
    if len(names) != 1 or len(blocks) != 1 or names[0] != Path(source).name:
        print(f"{readme}: expected one model, saved as {Path(source).name}: {names}", file=sys.stderr)
        return 1
    lines = blocks[0].count("\n")
    if lines > LINES_MOST:
        print(f"{readme}: the model has {lines} lines, at most {LINES_MOST} are promised", file=sys.stderr)
        return 1
    # In a folder of its own, since every .c beside it would be taken for a model.
    path = Path(source).with_suffix(".d") / names[0]
    path.parent.mkdir(exist_ok=True)
    path.write_text(blocks[0], encoding="utf-8")
    if subprocess.run([sys.executable, find_extra, path.parent], check=False).returncode != 0:
        return 1
    Path(source).write_text(blocks[0], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
