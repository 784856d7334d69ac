# SPDX-License-Identifier: MIT
"""compare: do two runs say the same? Every ratio of the first is held against the same ratio of the
second (Mann and Whitney over processes, Holm over a family). It holds if no verdict is reversed and
no more than a twentieth of the cases differ (else exit 1), and if enough could be seen: 4 if something is
not the same thing in both runs, or more than a twentieth of the cases have too few values to differ."""

from __future__ import annotations

import math
from pathlib import Path

from . import twice
from .intervals import holm
from .verdicts import BETTER, WORSE

ALPHA = 0.05  # of a family's p-values, adjusted
SHARE_MAX = 0.05  # of all cases
BLIND = 4
SAME = ("environment", "build", "programs", "libraries")


def main(first: Path, second: Path, *, only: str | None, anyway: bool) -> int:
    both = twice.read((first, second), SAME, anyway=anyway)
    cases, apart = twice.only(both, only)
    for difference in both.differences:
        print(f"differs     {difference}")
    for each in apart:
        print(f"not held    {each}")
    turned, other = reversed_verdicts(cases), moved(cases)
    for case in cases:
        if case in turned or case in other:
            print(_line(case, "REVERSED" if case in turned else "moved"))
    unseen = [case for case in cases if not could_differ(case)]
    for case in unseen:
        print(f"blind       {case.name}: {case.why_blind()}")
    judged = len(cases) - len(unseen)
    allowed = math.floor(SHARE_MAX * judged)
    far = sum(map(beyond_margin, other))
    print(
        f"{judged} of {len(cases)} cases have figures enough in both runs: {len(turned)} verdicts reversed"
        f" (allowed: 0), {len(other)} ratios moved (allowed: {allowed}), {far} of them by more than their margin"
    )
    if turned or len(other) > allowed:
        return 1
    if apart or not cases or len(unseen) > SHARE_MAX * len(cases):
        print(
            f"could not be told: {len(apart)} families or cases not held against each other (allowed: 0),"
            f" {len(unseen)} of {len(cases)} cases without figures enough (allowed: {100 * SHARE_MAX:g} %)"
        )
        return BLIND
    return 0


def could_differ(case: twice.Case) -> bool:
    """Are there so many values that each run has a verdict, and that a difference would be seen?"""
    shift, sides = case.moved(), (case.first.estimate, case.second.estimate)
    return shift is not None and shift.interval is not None and all(e and e.interval for e in sides)


def reversed_verdicts(cases: list[twice.Case]) -> list[twice.Case]:
    return [case for case in cases if {case.first.verdict, case.second.verdict} == {BETTER, WORSE}]


def moved(cases: list[twice.Case]) -> list[twice.Case]:
    families: dict[str, list[twice.Case]] = {}
    for case in cases:
        families.setdefault(case.family, []).append(case)
    found = []
    for members in families.values():
        shifts = [case.moved() for case in members]
        adjusted = holm([1.0 if shift is None else shift.p for shift in shifts])
        found += [case for case, p in zip(members, adjusted) if p <= ALPHA]
    return found


def beyond_margin(case: twice.Case) -> bool:
    """The whole interval of the move lies beyond the wider margin of the two runs."""
    shift = case.moved()
    if shift is None or shift.interval is None:
        return False
    low, high = shift.interval
    return low > math.log1p(case.delta) or high < -math.log1p(case.delta)


def _line(case: twice.Case, what: str) -> str:
    shift, a, b = case.moved(), case.first.estimate, case.second.estimate
    if shift is None or a is None or b is None:
        return f"{what:11} {case.name}: {case.first.verdict} | {case.second.verdict}"
    low, high = shift.interval or (-math.inf, math.inf)
    return (
        f"{what:11} {case.name}: {math.exp(a.median):.3f} × the baseline ({case.first.verdict})"
        f" | {math.exp(b.median):.3f} × ({case.second.verdict}); second over first"
        f" {math.exp(shift.estimate):.3f} [{math.exp(low):.3f}, {math.exp(high):.3f}]"
    )
