# SPDX-License-Identifier: MIT
"""What of a scenario's file only the programs know: names, and which options go together. Whoever misspells
one, or says what has no effect, is told before anything runs, with the file and the key."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import UsageError, rig
from ..programs import Build, execute
from . import KINDS, stand
from .scenario import Scenario

IN_PROCESS = "in process only"  #: so ends the line of a workload that no server has
LISTS = {"workload": "workloads", "payload": "payloads", "codec": "codecs"}


def check(build: Build, wanted: Sequence[Scenario]) -> None:
    """UsageError for a name that `serve --list` does not have, and for what `--check` of the programs refuses."""
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
        if all(build.find(program) for program in rig.PROGRAMS):
            built = [model for model in known["models"] if model in scenario.models or not scenario.models]
            _together(build, scenario, built)


def _together(build: Build, scenario: Scenario, models: Sequence[str]) -> None:
    """Each program once with all that its processes will be started with, row by row. inline is never one."""
    kind, asked = KINDS[scenario.kind], set[tuple[str, ...]]()
    rows = [row for model in models if model != "inline" for row in scenario.rows(model)]
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        for row in rows:
            starts = kind.starts(scenario, row) if hasattr(kind, "starts") else [stand.Start(scenario)]
            for words in (words for start in starts for words in _words(build, start, row, folder)):
                if tuple(words) not in asked:
                    _ask(scenario, row, words)
                asked.add(tuple(words))


def _words(build: Build, start: stand.Start, row: str, folder: str) -> Iterator[list[str]]:
    """Command lines of one process's programs."""
    scenario, somewhere = start.scenario, "127.0.0.1:1"
    options = stand.serving(scenario, row, start.serve)
    options["journal"] = folder if options["workload"] == "journal" else None
    options["downstream"] = somewhere if scenario.downstream else None
    yield [str(build.program("serve")), *rig.argv(options)]
    if scenario.downstream:
        yield [str(build.program("downstream")), *rig.argv({**scenario.downstream, **start.downstream})]
    # A kind without [load] has closed loops alone; all others have one in the pilot at least.
    closed: dict[str, Any] = {"arrival": "closed"}
    if "maximum_connections" in scenario.steps:
        closed["connections"] = scenario.steps["maximum_connections"]
    for loop in ({"rate": 1.0}, closed) if scenario.load else (closed,):
        given = stand.loading(scenario, {"seed": 1, "warmup_s": 0.0, "duration_s": 1.0, **start.load, **loop})
        yield rig.load_words(build, {"target": f"http://{somewhere}/", **given})


#: "serve: --hops: has no effect with …", "load: --class slow: --hops: …".
_REFUSAL = re.compile(r"(?P<program>\w+): (?:--class (?P<kind>\S+): )?--(?P<option>[\w-]+): (?P<why>.*)")


def _ask(scenario: Scenario, row: str, words: Sequence[str]) -> None:
    done = execute([*words, "--check"], timeout_s=60)
    if not done.failure:
        return
    said = _REFUSAL.fullmatch(done.stderr.strip())
    if done.returncode != UsageError.exit_code or not said:
        raise UsageError(f"{scenario.where}: {done.failure}")
    raise scenario.wrong(_key(scenario, row, said), said["why"])


def _key(scenario: Scenario, row: str, said: re.Match[str]) -> str:
    """Where the file says what the program names."""
    name, model = said["option"].replace("-", "_"), scenario.options(row)["model"]
    classes = {each["name"]: where for where, each in _classes(scenario)}
    if name == "downstream":  # that there is one, or none
        return name
    if said["program"] == "downstream":
        return f"downstream.{name}"
    if said["program"] == "load" and said["kind"] in classes:
        return f"{classes[said['kind']]}.{name}"
    if said["program"] == "load" and name in scenario.load:
        return f"load.{name}"
    return f"server.{model}.{name}" if name in scenario.of_model.get(model, {}) else f"server.{name}"


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
