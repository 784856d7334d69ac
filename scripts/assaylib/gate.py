# SPDX-License-Identifier: MIT
"""gate: has something become slower from one run to the next? For a CI job: exit 1 on a proven
regression, 0 if there is none, 4 if one could have been missed.

A regression is proven if the whole interval of a ratio's move lies beyond the limit, or beyond the
case's margin in either run where that is wider (what the same code compiled once more may do is no
regression), at a level that holds for all gated cases together (Bonferroni): of many jobs without a
regression, one in twenty at most stops a merge. A case is blind if its interval is missing or so wide
that a slow-down of twice the limit might not have been proven. The baseline of a family cannot be gated by itself: if it
becomes slower, all others become faster against it, and that is said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import UsageError, twice
from .intervals import ALPHA

SAME = ("environment", "build")  # programs and libraries are what may have become slower
BLIND = 4


def limit_of(text: str) -> float:
    """"5%" or "5" as a share. UsageError."""
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 < percent <= 1000:
        raise UsageError(f"--slower-than {text}: expected a percentage, such as 5%")
    return percent / 100


def main(base: Path, new: Path, *, slower_than: str, only: str | None, anyway: bool) -> int:
    limit = limit_of(slower_than)
    both = twice.read((base, new), SAME, anyway=anyway)
    cases = twice.only(both.cases, only)
    alpha = 2 * ALPHA / len(cases)  # one-sided: the interval's other end claims nothing
    for difference in both.differences:
        print(f"differs     {difference}")
    for family in both.apart:
        print(f"not gated   {family}")
    slower, blind = [], []
    for case in cases:
        found = _times(case, alpha)
        needed = 1 + max(limit, case.delta)
        if found is None:
            blind.append(case)
            print(f"blind       {case.name}: no interval: {_why(case)}")
        elif found.low > needed:
            slower.append(case)
            print(f"SLOWER      {case.name}: {found} × the time it took, against its baseline")
        elif (1 + 2 * limit) * found.low / found.middle <= needed:
            blind.append(case)
            print(f"blind       {case.name}: {found} × the time it took; margin {100 * case.delta:.1f} %")
    for note in _baselines(cases, limit, alpha):
        print(f"note        {note}")
    print(
        f"{len(cases)} cases: {len(slower)} proven slower by more than {100 * limit:g} %; in"
        f" {len(blind)} a slow-down of {200 * limit:g} % could have gone unseen"
    )
    return 1 if slower else BLIND if blind else 0


@dataclass(frozen=True)
class Times:
    """The second run's ratio to the baseline over the first's, as time: above 1 is slower."""

    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


def _times(case: twice.Case, alpha: float) -> Times | None:
    shift = case.moved(alpha)
    if shift is None or shift.interval is None:
        return None
    low, high = shift.interval
    return Times(math.exp(-high), math.exp(-shift.estimate), math.exp(-low))


def _why(case: twice.Case) -> str:
    reasons = [c.why_not for c in (case.first, case.second) if c.why_not]
    counts = [len(c.estimate.values) for c in (case.first, case.second) if c.estimate]
    return "; ".join(reasons) or f"{' and '.join(map(str, counts))} processes are too few for so many cases"


def _baselines(cases: list[twice.Case], limit: float, alpha: float) -> Iterator[str]:
    """All of a family faster by more than the limit: more likely its baseline is slower."""
    families: dict[str, list[twice.Case]] = {}
    for case in cases:
        families.setdefault(f"{case.family}:{case.first.metric}", []).append(case)
    for name, members in families.items():
        found = [_times(case, alpha) for case in members]
        if all(times is not None and times.high < 1 / (1 + limit) for times in found):
            baseline = members[0].first.baseline
            yield f"{name}: all are faster against {baseline}: has {baseline} become slower?"
