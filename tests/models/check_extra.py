#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What -Dextra_models says to folders that are not whole, and that a whole one is in every table.

    check_extra.py MESON SOURCE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = '/* mine_model */ const struct model %s_model = {\n    .name = "%s",\n};\n'
MINE = '#include "model.h"\n\n' + MODEL % ("mine", "mine")

# Name of the case, the files, and what the output must hold; None: it is taken.
Case = tuple[str, dict[str, str], "list[str] | None"]
CASES: list[Case] = [
    ("whole", {"mine.c": MINE, "mine.h": "", "notes.txt": ""}, None),
    ("two", {"mine.c": MINE, "b2_x.c": MODEL % ("b2_x", "b2_x")}, None),
    ("empty", {"mine.h": ""}, ["extra: there is no NAME.c"]),
    ("taken", {"actor.c": MODEL % ("actor", "actor")}, ["extra/actor.c:1: there is a model actor already"]),
    ("reserved", {"thread_pool_copy.c": MINE}, ["thread_pool_copy.c:1: thread_pool_copy is reserved"]),
    ("no word", {"my-model.c": MINE, "Mine.c": MINE, "2nd.c": MINE},
     ["extra/my-model.c:1: a model's name", "extra/Mine.c:1: a model's name", "extra/2nd.c:1: a model's"]),
    ("nothing", {"mine.c": "int unused;\n"}, ["extra/mine.c:1: no model mine: it has to define"]),
    ("comment", {"mine.c": "/* const struct model mine_model = { */\n"}, ["extra/mine.c:1: no model mine"]),
    ("declared", {"mine.c": "extern const struct model mine_model;\n"}, ["extra/mine.c:1: no model mine"]),
    ("another", {"mine.c": MINE.replace("mine_model =", "yours_model =")},
     ["extra/mine.c:3: no model mine", "it defines yours_model"]),
    ("static", {"mine.c": MINE.replace("const", "static const")}, ["extra/mine.c:3: mine_model is static"]),
    ("misnamed", {"mine.c": MINE.replace('"mine"', '"main"')}, ['extra/mine.c:4: .name is "main"', '"mine"']),
]  # fmt: skip


def fault_of(case: Case, folder: Path, command: list[str]) -> str | None:
    """What is wrong with the outcome of one case, or None. The command ends before the folder."""
    name, files, words = case
    extra = folder / name.replace(" ", "_") / "extra"
    extra.mkdir(parents=True)
    for file, text in files.items():
        (extra / file).write_text(text)
    done = subprocess.run([*command, str(extra), "inline", "actor"], capture_output=True, text=True, check=False)
    if words is None:
        models = sorted(Path(file).stem for file in files if file.endswith(".c"))
        good = done.returncode == 0 and done.stdout.split() == models
        return None if good else f"{name}: refused: {done.stderr}"
    missing = [word for word in words if word not in done.stderr]
    return f"{name}: does not say {missing}:\n{done.stderr}" if missing or done.returncode != 1 else None


def no_folder(folder: Path, command: list[str]) -> str | None:
    done = subprocess.run([*command, str(folder / "no")], capture_output=True, text=True, check=False)
    good = done.returncode == 1 and f"extra_models: there is no folder {folder}/no" in done.stderr
    return None if good else f"no folder: {done.stderr}"


def configured(meson: str, source: str, folder: Path) -> list[str]:
    """A real run of Meson over the folder that is whole, named relative to the source."""
    build, extra = str(folder / "build"), folder / "whole" / "extra"
    option = f"-Dextra_models={os.path.relpath(extra.resolve(), Path(source).resolve())}"
    done = subprocess.run([meson, "setup", option, build, source], capture_output=True, text=True, check=False)
    faults = []
    if done.returncode != 0:
        return [f"whole: refused:\n{done.stdout}{done.stderr}"]
    table = Path(build, "models", "model_table.inc").read_text()
    targets = json.loads(Path(build, "meson-info", "intro-targets.json").read_text())
    sources = {file for target in targets for part in target["target_sources"] for file in part["sources"]}
    tests = {test["name"] for test in json.loads(Path(build, "meson-info", "intro-tests.json").read_text())}
    if "MODEL(mine)" not in table.split():
        faults.append(f"not in the table: {table}")
    if str(extra.resolve() / "mine.c") not in {str(Path(file).resolve()) for file in sources}:
        faults.append(f"not compiled: {sorted(sources)}")
    if not {"contract start mine", "contract stop mine"} <= tests:
        faults.append(f"not tested: {sorted(tests)}")
    return faults


def main() -> int:
    meson, source = sys.argv[1:]
    finder = [sys.executable, f"{source}/models/find_extra.py"]
    with tempfile.TemporaryDirectory() as folder:
        found = [fault_of(case, Path(folder), finder) for case in CASES]
        found.append(no_folder(Path(folder), finder))
        faults = [fault for fault in found if fault] + configured(meson, source, Path(folder))
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
