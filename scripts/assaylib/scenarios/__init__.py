# SPDX-License-Identifier: MIT
"""Scenarios: questions about servers under load, each a small TOML file that can be copied
(bench/scenarios/), run by `assay run --scenario`.

To add a kind of scenario, write one module here, name it in KINDS, and ship a file of it:

    KEYS                                 which keys its file may have (keys.py); checked before all else
    check(scenario)                      what no single key tells: raise scenario.wrong(KEY, WHY)
    starts(scenario, row)                if its processes are not started as the file says: stand.Start, each
                                         different one; the programs are asked whether they take it (names.py)
    families(scenario, built)            what is measured: made with plans.family(); a member is a model (or a
                                         row of it: Scenario.rows), or MODEL@SETTING; every member gets a process
                                         in every round, in random order
    pilot(build, family, say)            if rates follow from what this machine can do: (family, {}); discarded
                                         processes, whose results are fixed in family.load (plans.closed_hz helps)
    measure(build, family, member, seed, padding)
                                         one process: stand.stand() starts server, downstream and load. Returns
                                         {"metrics": …, "gates": …} (readings.py, gates.of) and, raw enough to be
                                         judged again, "points" or "timeline"; "server": what server.stop() said of
                                         its process. Raise rig.Failure for why there is no result, and
                                         stand.TooBusy where that is nobody's fault but the machine's
    answer(outcome)                      sentences, the answer first; without enough rounds no interval
    answered(outcome)                    does any of them claim something that was measured? "No ranking" does not
    tables(outcome)                      blocks.Table; the first is also printed in the terminal
    pictures(outcome)                    charts.Chart, whose data are in one of the tables
    parts(outcome)                       if parts of a process have gates of their own: those parts as families
    FAULTS                               gate → how it is said, if a server of this kind must not fail more than those
                                         that none may (gates/faults.py): such a process counts as failed

An outcome (outcome.py) is a scenario with its lines, judged. Plan, store, discards, resuming and checks of
the machine are those of every run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import gates, machine
from ..plan import Built, Family
from ..programs import Build, Finished
from ..rig import Failure
from . import capacity, connections, fixed_rate, lifecycle, map, mixed, overload, scenario, slow_downstream
from .scenario import Scenario
from .stand import TooBusy

#: A kind's name in a file → its module.
KINDS: dict[str, ModuleType] = {
    "capacity": capacity,
    "fixed-rate": fixed_rate,
    "overload": overload,
    "slow-downstream": slow_downstream,
    "mixed": mixed,
    "connections": connections,
    "lifecycle": lifecycle,
    "map": map,
}


def load(name: str, rounds: int | None = None) -> Scenario:
    """Reads and checks a file, or one of those shipped; UsageError with file and key."""
    return parse(scenario.find(name), rounds)


def parse(path: Path, rounds: int | None = None) -> Scenario:
    content, sha256 = scenario.read(path)
    kind = KINDS[scenario.kind_of(path, content, KINDS)]
    found = scenario.with_rounds(scenario.parse(path, content, sha256, kind.KEYS), rounds)
    if hasattr(kind, "check"):
        kind.check(found)
    return found


def is_one(family: Family) -> bool:
    """Is this family of a scenario?"""
    return "scenario" in family.load


def kind_of(family: Family) -> ModuleType:
    return KINDS[family.load["scenario"]["kind"]]


def families(wanted: Scenario, built: Built) -> list[Family]:
    return list(KINDS[wanted.kind].families(wanted, built))


def pilot(
    build: Build, family: Family, say: Callable[[str], None]
) -> tuple[Family, dict[str, str]]:
    kind = kind_of(family)
    return kind.pilot(build, family, say) if hasattr(kind, "pilot") else (family, {})


def measure(
    build: Build, family: Family, member: str, *, seed: int, padding: int
) -> dict[str, dict[str, Any]]:
    """One process; what goes into its line."""
    began, watch = time.monotonic(), machine.Watch()
    result: dict[str, Any] = {"status": "ok", "reason": None, "metrics": {}, "gates": {}}
    finished: Finished | None = None
    try:
        if family.note:
            raise Failure(family.note)
        kind = kind_of(family)
        result |= kind.measure(build, family, member, seed, padding)
        finished = result.pop("server", None)
        wrong = (gates.of_server(each.get("gates") or {}, getattr(kind, "FAULTS", None))
                 for each in (result, *result.get("points", [])))  # fmt: skip
        result |= next(filter(None, wrong), {})
    except TooBusy as why:
        result["gates"] = {"machine_kept_up": {"value": str(why), "limit": "all of it", "scope": "all", "ok": False}}
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    seconds = round(time.monotonic() - began, 3)
    return {member: {**result, "seconds": seconds, "covariates": watch.covariates(finished)}}
