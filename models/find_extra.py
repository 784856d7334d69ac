#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the models in a folder, one a line, for meson.build: every NAME.c, which has to define
NAME_model. Headers may lie beside them.

    find_extra.py FOLDER TAKEN ...      (TAKEN: names of models in the tree)

Exits 1 with a sentence per fault, "FILE:LINE: …", if there is no such folder, it holds no model, a
name would not do, or a file does not define its model.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A C identifier once _model is behind it, and a word on the command line and in the report.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# What the build itself calls so: the second copy of thread_pool.
RESERVED = ("thread_pool_copy",)
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
DEFINED = r"\bconst\s+struct\s+model\s+{}\s*=\s*\{{"
ANY_MODEL = re.compile(DEFINED.format(r"(\w+)_model"))
MODEL_NAME = re.compile(r'\.name\s*=\s*"([^"\n]*)"')


def blanked(text: str, keep_strings: bool = False) -> str:
    """The text without comments, every line where it was."""

    def blank(found: re.Match[str]) -> str:
        if keep_strings and found[0].startswith('"'):
            return found[0]
        return re.sub(r"[^\n]", " ", found[0])

    return NOT_CODE.sub(blank, text)


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def definition_fault(path: Path) -> str | None:
    """What is wrong with the model in a file, if that can be seen without compiling it."""
    name = path.stem
    text = path.read_text(encoding="utf-8", errors="replace")
    code = blanked(text)
    found = re.search(DEFINED.format(re.escape(name) + "_model"), code)
    if not found:
        others = [(line_of(code, other.start()), other[1]) for other in ANY_MODEL.finditer(code)]
        where, there = others[0] if others else (1, "")
        hint = f"; it defines {there}_model" if there else ""
        return (f"{path}:{where}: no model {name}: it has to define `const struct model {name}_model "
                f"= {{ … }};`{hint}")
    if re.search(r"\bstatic\s+\Z", code[: found.start()]):
        return f"{path}:{line_of(code, found.start())}: {name}_model is static: the table cannot name it"
    body = blanked(text, keep_strings=True)[found.end():].partition("};")[0]
    told = MODEL_NAME.search(body)
    if told and told[1] != name:
        line = line_of(text, found.end() + told.start())
        return f'{path}:{line}: .name is "{told[1]}": it has to be that of the file, "{name}"'
    return None


def fault_of(path: Path, taken: list[str]) -> str | None:
    """What is wrong with a file, or None."""
    name = path.stem
    if not NAME.fullmatch(name):
        return f"{path}:1: a model's name is lower-case words and digits, joined by _"
    if name in taken:
        return f"{path}:1: there is a model {name} already"
    if name in RESERVED:
        return f"{path}:1: {name} is reserved for the build's own use"
    return definition_fault(path)


def find(folder: Path, taken: list[str]) -> tuple[list[str], list[str]]:
    """The models' names, and what is wrong."""
    if not folder.is_dir():
        return [], [f"extra_models: there is no folder {folder} (a relative path counts from the root of "
                    "the source)"]
    paths = sorted(folder.glob("*.c"))
    if not paths:
        return [], [f"extra_models: {folder}: there is no NAME.c"]
    faults = [fault for path in paths if (fault := fault_of(path, taken))]
    return [path.stem for path in paths], faults


def main() -> int:
    names, wrong = find(Path(sys.argv[1]), sys.argv[2:])
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print("\n".join(names))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
