# SPDX-License-Identifier: MIT
"""Names in a scenario's file that only the programs know: whoever misspells one is told before anything
runs, with the file and the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..programs import Build
from .scenario import Scenario

IN_PROCESS = "in process only"  #: so ends the line of a workload that no server has
LISTS = {"workload": "workloads", "payload": "payloads", "codec": "codecs"}


def check(build: Build, wanted: Sequence[Scenario]) -> None:
    """UsageError for one that `serve --list` does not have."""
    lines = build.cases("serve")
    known = of_list(lines)
    in_process = {line.split()[0] for line in lines if line.endswith(IN_PROCESS)}
    for scenario in wanted:
        for where, given in (("server", scenario.server), *_classes(scenario)):
            for key, names in LISTS.items():
                value = given.get(key)
                if value is not None and names in known and value not in known[names]:
                    listed = ", ".join(known[names])
                    raise scenario.wrong(f"{where}.{key}", f'"{value}" is not built (there are {listed})')
                if key == "workload" and value in in_process:
                    raise scenario.wrong(f"{where}.{key}", f'"{value}" runs {IN_PROCESS}: there is nothing to be asked')


def _classes(scenario: Scenario) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"load.classes[{i}]", each) for i, each in enumerate(scenario.classes)]


def of_list(lines: Sequence[str]) -> dict[str, list[str]]:
    """Heading → names, each the first word of a line."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in lines:
        if line in ("models", *LISTS.values()):
            names = found.setdefault(line, [])
        else:
            names.append(line.split()[0])
    return found
