# SPDX-License-Identifier: MIT
"""How much of a difference is the format and how much the library.

Per payload and operation: from the baseline to the fastest library of its own format is the
library's share; from there to the fastest library of another format is the format's. Both come from
pairs inside the same processes.

"The fastest" is picked by the data, so an interval may not be the winner's own. With intervals [l, h] of
every pair that could have been picked, the best of the ends against the start that does best against it
lies in [max over ends of min over starts l, the same of h]: nothing is claimed that depends on who
happened to come out ahead.

How often does that miss? Its low end is too high only if, for one of the ends, every l is; so also the l
of the one start that truly does best against it: a chance for each end. Its high end is too low only if
one h of the truly best end is: a chance for each start. With pairs at a level α a step therefore misses
with at most α × (ends + starts) / 2. Page one quotes all steps of a family, and beside them its
comparisons: the level divides ALPHA by what all of these come to, as planned, so that at this level they
hold together. (Where a comparison is quoted by itself it is at its family's own level.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from . import drifts, takeback
from .families import Family
from .intervals import ALPHA, median, order_interval, rounds_needed
from .members import Codec, groups
from .verdicts import BETTER, EQUIVALENT, UNRESOLVED, WORSE, Comparison, Estimate, verdict

LIBRARY, FORMAT, FLOOR = "library", "format", "floor"


@dataclass(frozen=True)
class Share:
    """A step from one codec to a faster one, as a log advantage of the second."""

    family: Family
    kind: str  #: LIBRARY: within the baseline's format; FORMAT: to another one; FLOOR: to ours
    group: str  #: the format arrived at
    start: str
    end: str
    comparison: Comparison  #: of the end with the start, as a family's comparisons are
    rounds: int  #: of the pair that has the fewest
    needed: int

    @property
    def median(self) -> float:
        assert self.comparison.estimate
        return self.comparison.estimate.median

    @property
    def interval(self) -> tuple[float, float] | None:
        assert self.comparison.estimate
        return self.comparison.estimate.interval

    @property
    def verdict(self) -> str:
        return self.comparison.verdict

    @property
    def slide(self) -> tuple[float, float] | None:
        return self.comparison.slide


def shares(family: Family, codecs: dict[str, Codec]) -> list[Share]:
    """Library, then the floor of the baseline's format, then each other format; those that have
    members here. What another session contradicts is taken back."""
    found = _shares(family, codecs)
    for session, there in family.elsewhere:
        theirs = {(s.kind, s.group): s for s in _shares(there, codecs)}
        for share in found:
            other = theirs.get((share.kind, share.group))
            if other:
                takeback.contradict(share.comparison, other.interval, session.name, session.differing)
    return found


def _shares(family: Family, codecs: dict[str, Codec]) -> list[Share]:
    if family.why_withheld(family.baseline, "time_ns"):
        return []
    planned = Members(family, codecs, [m for m in family.candidates if m in codecs])
    here = Members(family, codecs, [m for m in planned.every if _stands(family, m)])
    missing = [m for m in planned.every if m not in here.every]
    alpha = level(planned)
    found = []
    for kind, group, starts, ends in here.steps():
        each = alpha if kind != FLOOR else ALPHA / (len(starts) * len(ends))
        share = _step(family, kind, group, starts, ends, each)
        rivals = [m for m in missing if codecs[m].competes and codecs[m].group in (group, here.base)]
        if rivals and kind != FLOOR and share.verdict in (BETTER, WORSE, EQUIVALENT):
            share.comparison.verdict = UNRESOLVED
            share.comparison.doubt = f"{codecs[rivals[0]].label} has no number and may be the fastest"
        found.append(share)
    return found


@dataclass(frozen=True)
class Members:
    """The codecs of a family by what a step may begin and end at."""

    family: Family
    codecs: dict[str, Codec]
    every: list[str]

    @property
    def base(self) -> str:
        return self.codecs[self.family.baseline].group

    def competing(self, group: str) -> list[str]:
        return [m for m in self.every if self.codecs[m].group == group and self.codecs[m].competes]

    def steps(self) -> list[tuple[str, str, list[str], list[str]]]:
        """Kind, format arrived at, starts, ends."""
        baseline, base = self.family.baseline, self.base
        home = [baseline, *(m for m in self.competing(base) if m != baseline)]
        ours = [m for m in self.every if self.codecs[m].group == base and self.codecs[m].ours]
        found = [(LIBRARY, base, [baseline], home[1:]), (FLOOR, base, home, ours)]
        for group in groups(self.codecs[m] for m in self.every):
            if group != base:
                found.append((FORMAT, group, home, self.competing(group)))
        return [step for step in found if step[3]]


def level(planned: Members) -> float:
    """Of every pair, so that a family's comparisons and all steps that page one quotes hold together."""
    counted = [len(s) + len(e) for kind, _, s, e in planned.steps() if kind != FLOOR]
    return ALPHA / max(1.0, len(planned.family.candidates) - 1 + sum(counted) / 2)


def _stands(family: Family, member: str) -> bool:
    """Has figures that count; the baseline has, if anybody is compared with it."""
    if member == family.baseline:
        return True
    return not family.why_withheld(member, "time_ns") and bool(_values(family, member, family.baseline))


def _values(family: Family, member: str, other: str) -> list[float]:
    return family.advantages(member, other, "time_ns", False)


def _step(
    family: Family, kind: str, group: str, starts: Sequence[str], ends: Sequence[str], alpha: float
) -> Share:
    """The best of ends against that of starts which does best against it."""
    values = {(e, s): _values(family, e, s) for e in ends for s in starts}
    values = {key: found for key, found in values.items() if found}
    intervals = {key: order_interval(found, alpha) for key, found in values.items()}

    def nearest(end: str) -> tuple[float, str]:
        return min((median(values[end, s]), s) for s in starts if (end, s) in values)

    end = max(ends, key=lambda e: nearest(e)[0] if any(k[0] == e for k in values) else -1e9)
    middle, start = nearest(end)
    interval = None
    if all(intervals.values()):
        by_end = {e: [i for (who, _), i in intervals.items() if who == e and i] for e in ends}
        by_end = {e: found for e, found in by_end.items() if found}
        low = max(min(i[0] for i in found) for found in by_end.values())
        high = max(min(i[1] for i in found) for found in by_end.values())
        interval = (low, high)
    rounds, needed = min(len(found) for found in values.values()), rounds_needed(alpha)
    estimate = Estimate([middle] * rounds, alpha, middle, interval, needed)
    said = verdict(interval, family.deltas["time_ns"])
    comparison = Comparison(family.id, end, "time_ns", start, estimate, said)
    takeback.examine(comparison, family, values[end, start], False, _drift(values))
    return Share(family, kind, group, start, end, comparison, rounds, needed)


def _drift(values: dict[tuple[str, str], list[float]]) -> tuple[float, float] | None:
    """The step in both halves of the rounds, each with whoever was fastest there, if any pair drifts."""
    if not any(map(drifts.drift, values.values())):
        return None
    halves = []
    for first in (True, False):
        best: dict[str, float] = {}
        for (end, _), every in values.items():
            half = max(1, len(every) // 2)
            found = median(every[:half] if first else every[-half:])
            best[end] = min(found, best.get(end, found))
        halves.append(max(best.values()))
    return halves[0], halves[1]


def fastest(family: Family, codecs: dict[str, Codec], group: str) -> str | None:
    """The competing member of a format with the largest median advantage over the baseline."""
    standing = [
        (median(_values(family, m, family.baseline)), m)
        for m in family.candidates
        if m in codecs
        and codecs[m].group == group
        and codecs[m].competes
        and m != family.baseline
        and _values(family, m, family.baseline)
    ]
    if codecs.get(family.baseline) and codecs[family.baseline].group == group:
        standing.append((0.0, family.baseline))
    return max(standing)[1] if standing else None
