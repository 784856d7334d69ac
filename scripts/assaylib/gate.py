# SPDX-License-Identifier: MIT
"""gate: has something become slower from one run to the next? For a CI job: exit 1 on a proven
regression, 0 if there is none, 4 if one could have been missed.

A regression is proven if the whole interval of a ratio's move lies beyond the limit, or beyond the
case's margin in either run where that is wider (what the same code compiled once more may do is no
regression), at a level that holds for all gated cases together (Bonferroni): of many jobs without a
regression, one in twenty at most stops a merge. A case is blind if its interval is missing, or if it holds
slow-downs beyond the limit and one of twice the limit might be there or have gone unproven, or if the new
run does not have it; and where nothing is in both runs, nothing could be seen. The baselines, on which all ratios stand, are judged by their own times, beside their floors' (grounds.py)."""

from __future__ import annotations

import math
from pathlib import Path

from . import UsageError, grounds, twice
from .grounds import Times
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
    cases, apart = twice.only(both, only)
    stands = sorted({(case.family, case.first.metric) for case in cases})
    alpha = 2 * ALPHA / max(1, len(cases) + len(stands))  # one-sided: the interval's other end claims nothing
    for difference in both.differences:
        print(f"differs     {difference}")
    lost = [each for each in apart if not each.added]
    for each in apart:
        print(f"{'not gated' if each.added else 'MISSING  '}   {each}")
    slower = blind = unclear = 0
    for case in cases:
        found = _times(case, alpha)
        needed = 1 + max(limit, case.delta)
        if found is None:
            blind += 1
            print(f"blind       {case.name}: no interval: {case.why_blind()}")
        elif found.low > needed:
            slower += 1
            print(f"SLOWER      {case.name}: {found} × the time it took, against its baseline")
        elif found.high > 1 + limit and not found.shows(limit, needed):  # no slow-down, however wide
            blind += 1
            print(f"blind       {case.name}: {found} × the time it took; margin {100 * case.delta:.1f} %")
    for family, metric in stands:
        ground = grounds.judge(both.families[family], metric, limit, alpha)
        slower += ground.state == grounds.SLOWER
        blind += ground.state == grounds.UNSEEN
        unclear += ground.state == grounds.UNCLEAR
        if ground.state:
            print(f"{ground.state:11} {ground.name}: {ground.text}")
    print(
        f"{len(cases)} cases and {len(stands)} baselines: {slower} proven slower by more than {100 * limit:g} %;"
        f" in {blind} a slow-down of {200 * limit:g} % could have gone unseen; {unclear} baselines moved and it"
        f" could not be told why; {len(lost)} families or cases of the first run not gated"
    )
    return 1 if slower else BLIND if blind or unclear or lost or not cases else 0


def _times(case: twice.Case, alpha: float) -> Times | None:
    a, b = case.first.estimate, case.second.estimate
    return Times.of(a.values, b.values, alpha) if a and b else None
