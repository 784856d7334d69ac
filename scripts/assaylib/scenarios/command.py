# SPDX-License-Identifier: MIT
"""`assay run --scenario`: a run like any other, of the tier `scenario`, that ends with its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import RefusedError, UsageError, record, run, store
from ..programs import Build
from . import sections
from .outcome import outcomes


def main(build: Build, root: Path, request: run.Request) -> int:
    code = run.start(build, root, request)
    return show(request.reports / str(request.id)) if code in (0, 1) else code


def resume(build: Build, root: Path, folder: Path, *, force: bool) -> int:
    code = run.resume(build, root, folder, force=force)
    return show(folder) if code in (0, 1) else code


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    if store.read_run(folder)["tier"] != store.SCENARIO_TIER:
        raise UsageError(f"{folder}: not of scenarios")
    return store.sound(folder)


def show(folder: Path) -> int:
    """A table each, and the folder as the last line; refused where no process of any scenario counts."""
    facts, samples = read(folder)
    found = outcomes(facts, samples)
    for outcome in found:
        print(sections.text(outcome), end="\n\n")
    print(folder)
    code = record.exit_code(samples.lines)
    if code == 0 and all(outcome.all_discarded for outcome in found):
        record.say("assay: every process was discarded: this machine is too busy to measure")
        return RefusedError.exit_code
    return code
