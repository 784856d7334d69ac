# SPDX-License-Identifier: MIT
"""What the ratios of two runs stand on: has a family's baseline itself become slower, which no ratio to it
can show? Its own times are held against each other between the runs, process by process, and so is its
ratio to its floor (the memcpy of its bytes, the bare work), which stands for the machine's speed.

Slower than before and slower against a floor that has not moved is the baseline's own. Slower together with
the floor, or where no floor was measured, may be the machine's or that of code which all share: that is said
to be unclear, never to be nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .families import Family, floors_of
from .shifts import shift
from .verdicts import JUDGED


@dataclass(frozen=True)
class Times:
    """A time of the second run over that of the first: above 1 is slower."""

    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"

    def shows(self, limit: float, needed: float) -> bool:
        """Would a slow-down of twice the limit have been proven to be more than needed, and is none there?"""
        return (1 + 2 * limit) * self.low / self.middle > needed and self.high <= 1 + 2 * limit

    @staticmethod
    def of(first: list[float], second: list[float], alpha: float) -> Times | None:
        """From log advantages, where more is faster; None: too few."""
        found = shift(first, second, alpha) if first and second else None
        if found is None or found.interval is None:
            return None
        low, high = found.interval
        return Times(math.exp(-high), math.exp(-found.estimate), math.exp(-low))


SLOWER, UNCLEAR, UNSEEN, SOUND = "SLOWER", "unclear", "blind", ""


@dataclass(frozen=True)
class Ground:
    """A family's baseline in one metric, in both runs."""

    name: str
    state: str  #: SLOWER, UNCLEAR, UNSEEN or SOUND
    text: str


def judge(both: tuple[Family, Family], metric: str, limit: float, alpha: float) -> Ground:
    first = both[0]
    baseline, name = first.baseline, f"{first.id}/{first.baseline}:{metric}"
    needed = 1 + max([limit, *(family.deltas.get(metric, 0.0) for family in both)])
    floor = floors_of(first.plan).get(baseline)
    if floor != floors_of(both[1].plan).get(baseline):
        floor = None
    own = Times.of(_times(both[0], baseline, metric), _times(both[1], baseline, metric), alpha)
    beside = machine = None
    if floor:
        more = JUDGED[first.kind][metric]
        beside = Times.of(*(family.advantages(baseline, floor, metric, more) for family in both), alpha)
        machine = Times.of(_times(both[0], floor, metric), _times(both[1], floor, metric), alpha)
    return Ground(name, *_state(own, beside, machine, floor, limit, needed))


def _state(
    own: Times | None, beside: Times | None, machine: Times | None, floor: str | None, limit: float, needed: float
) -> tuple[str, str]:
    slower = own is not None and own.low > needed
    alone = beside is not None and beside.low > needed
    if slower and alone and machine and machine.low <= needed:
        return SLOWER, f"the baseline itself: {own} × the time it took, {beside} × against {floor}"
    if slower:
        seen = f"{floor} {machine or 'without an interval'} ×" if floor else "no floor was measured beside it"
        return UNCLEAR, f"the baseline itself took {own} × the time ({seen}): all moved alike, the machine or shared code"
    if alone:
        seen = f"{own} ×" if own else "without an interval"
        return UNCLEAR, f"the baseline is slower against {floor}, {beside} ×, and not by itself, {seen}: the machine moved"
    if not any(times and times.shows(limit, needed) for times in (own, beside)):
        return UNSEEN, f"the baseline itself: {f'{own} × the time it took' if own else 'too few processes'}"
    return SOUND, ""


def _times(family: Family, member: str, metric: str) -> list[float]:
    """A member's own figure per process, as a log advantage."""
    if family.why_withheld(member, metric):
        return []
    sign = 1 if JUDGED[family.kind][metric] else -1
    return [sign * math.log(value) for _, value in family.series(member, metric) if value > 0]
