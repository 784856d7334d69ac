# SPDX-License-Identifier: MIT
"""Two runs of the same cases: what differs between their conditions, and by how much each ratio to
the baseline has moved from one to the other. A machine's own speed moves absolute times more than most
changes of a program do; those of the baselines are for gate to judge, beside their floors'."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import RefusedError, UsageError, environment, judge, store
from .families import Family, Judgement
from .shifts import Shift, shift
from .verdicts import Comparison

#: What a family's `load` says of the run that it came out of, rather than of its conditions.
FOUND = ("blocks", "blocks_s", "pilot_closed_hz", "rate_hz", "rig_hz")
#: Of a service's rate, which follows from what its pilot could do at most: saturated throughput repeats to
#: 10 or 15 % (METHOD 4). Members of a family have the same rate, far below what any of them could do.
RATE_TOLERANCE = 0.15
RATELESS = ("closed_hz",)  # metrics that do not depend on that rate


@dataclass(frozen=True)
class Case:
    """A member against its baseline in one metric, in both runs."""

    family: str
    first: Comparison
    second: Comparison
    alpha: float  #: simultaneous over the family, as its verdicts are
    delta: float  #: the wider of the two margins: 0.03 is 3 %

    @property
    def name(self) -> str:
        return f"{self.family}/{self.first.member}:{self.first.metric}"

    def moved(self, alpha: float | None = None) -> Shift | None:
        """Of the log advantage over the baseline, second over first; None: not in both."""
        a, b = self.first.estimate, self.second.estimate
        return shift(a.values, b.values, alpha or self.alpha) if a and b else None

    def why_blind(self) -> str:
        """Of a case without an interval."""
        reasons = [c.why_not for c in (self.first, self.second) if c.why_not]
        counts = [len(c.estimate.values) for c in (self.first, self.second) if c.estimate]
        return "; ".join(reasons) or f"{' and '.join(map(str, counts))} processes are too few for so many cases"


@dataclass(frozen=True)
class Apart:
    """A family, or one case of it, that cannot be held against the other run."""

    name: str
    why: str
    added: bool = False  #: the first run did not have it
    cases: tuple[str, ...] = ()  #: by their names

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"

    def matches(self, pattern: str | None) -> bool:
        """As only() asks it of a case."""
        wanted = re.compile(pattern or "")
        return any(map(wanted.search, self.cases or (self.name,)))


@dataclass
class Twice:
    """What two runs have in common."""

    cases: list[Case]
    apart: list[Apart]  #: what is not the same thing in both, and why
    differences: list[str]  #: between their conditions, although the comparison was wanted
    families: dict[str, tuple[Family, Family]] = field(default_factory=dict)  #: of the cases


def read(folders: tuple[Path, Path], parts: tuple[str, ...], *, anyway: bool) -> Twice:
    """UsageError if it is one run twice; RefusedError if the runs' conditions differ in one of these
    parts, and not wanted anyway."""
    loaded = [store.load(folder) for folder in folders]
    if loaded[0][1].lines and loaded[0][1].lines == loaded[1][1].lines:
        raise UsageError(f"{folders[0]} and {folders[1]}: the same samples, so that nothing could differ")
    told = [conditions(run) for run, _ in loaded]
    differences = [d for part in parts for d in differing(told[0][part], told[1][part], part)]
    if differences and not anyway:
        lines = "".join(f"\n  {difference}" for difference in differences)
        raise RefusedError(f"the runs differ in more than time (--anyway goes on nevertheless):{lines}")
    twice = pair(*(judge.judge(run, samples.every) for run, samples in loaded))
    twice.differences = differences
    return twice


def conditions(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A run's fingerprint, in parts."""
    build = dict(run["build"])
    programs = build.pop("programs", {})
    return {
        "environment": {k: v for k, v in run["environment"].items() if k not in environment.VOLATILE},
        "build": build,
        "programs": programs,
        "libraries": run.get("libraries") or {},
    }


def differing(first: Any, second: Any, where: str) -> Iterator[str]:
    """Every leaf that is not the same in both, by its path."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted({*first, *second}):
            yield from differing(first.get(key), second.get(key), f"{where}.{key}")
    elif first != second:
        yield f"{where}: {_brief(first)} | {_brief(second)}"


def apart(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """In what machine or build the second run is not that of the first; nothing is said of runs that did
    not record it."""
    if "build" not in first or "build" not in second:
        return []
    told = [conditions(run) for run in (first, second)]
    return [d for part in ("environment", "build") for d in differing(told[0][part], told[1][part], part)]


def _brief(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text


def pair(first: Judgement, second: Judgement) -> Twice:
    twice = Twice([], [], [])
    others = {family.id: family for family in second.families}
    for family in first.families:
        other = others.pop(family.id, None)
        if other is None:
            twice.apart.append(_alone(family, "only in the first run"))
        elif why := _why_apart(family, other):
            twice.apart.append(_alone(family, why))
        else:
            twice.families[family.id] = family, other
            _pair(family, other, twice)
    twice.apart += [_alone(family, "only in the second run", added=True) for family in others.values()]
    return twice


def _alone(family: Family, why: str, added: bool = False) -> Apart:
    names = [f"{family.id}/{c.member}:{c.metric}" for c in family.comparisons]
    return Apart(family.id, why, added, tuple(names))


def _why_apart(a: Family, b: Family) -> str:
    if a.baseline != b.baseline:
        return f"its baseline is {a.baseline} in one run and {b.baseline} in the other"
    loads = [family.plan.get("load") or {} for family in (a, b)]
    set_for = [{k: v for k, v in load.items() if k not in FOUND} for load in loads]
    return "; ".join(differing(*set_for, "load"))


def _pair(a: Family, b: Family, twice: Twice) -> None:
    """Adds a family's cases, and those that are not in both runs or not at the same rate."""
    rates = [float((family.plan.get("load") or {}).get("rate_hz") or 0) for family in (a, b)]
    moved = abs(rates[0] - rates[1]) > RATE_TOLERANCE * max(rates)
    for first in a.comparisons:
        second, name = b.compared(first.member, first.metric), f"{a.id}/{first.member}:{first.metric}"
        if second is None:
            twice.apart.append(Apart(name, "only in the first run"))
        elif moved and first.metric not in RATELESS:
            why = f"{rates[0]:.0f} requests/s in one run and {rates[1]:.0f} in the other"
            twice.apart.append(Apart(name, why))
        else:
            delta = max(family.deltas.get(first.metric, 0.0) for family in (a, b))
            twice.cases.append(Case(a.id, first, second, min(a.alpha, b.alpha), delta))
    for second in b.comparisons:
        if a.compared(second.member, second.metric) is None:
            name = f"{a.id}/{second.member}:{second.metric}"
            twice.apart.append(Apart(name, "only in the second run", added=True))


def only(twice: Twice, pattern: str | None) -> tuple[list[Case], list[Apart]]:
    """The cases whose name matches, and what is not in both runs. UsageError if nothing does."""
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise UsageError(f"--only {pattern}: not a regular expression: {error}") from None
    found = [case for case in twice.cases if wanted.search(case.name)]
    apart = [each for each in twice.apart if each.matches(pattern)]
    if not found and not apart:
        raise UsageError("no case is in both runs" if pattern is None else f"--only {pattern}: matches no case of both runs")
    return found, apart
