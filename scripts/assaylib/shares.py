# SPDX-License-Identifier: MIT
"""How much of a difference is the format and how much the library.

Per payload and operation: from the baseline to the fastest library of its own format is the
library's share; from there to the fastest library of another format is the format's. Both come from
pairs inside the same processes.

"The fastest" is picked by the data, so an interval may not be the winner's own. With simultaneous
intervals [l, h] for every pair that could have been picked, the largest truth lies in
[max l, max h], and of the best against the best it lies in [max over theirs of min over ours l, the
same of h]: nothing is claimed that depends on who happened to come out ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from . import slides
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
    median: float
    interval: tuple[float, float] | None
    rounds: int
    needed: int
    verdict: str
    slide: tuple[float, float] | None = None

    @property
    def comparison(self) -> Comparison:
        """The same as a comparison of the end with the start, for the words that it takes."""
        values = [self.median] * self.rounds
        estimate = Estimate(values, ALPHA, self.median, self.interval, self.needed)
        delta = self.family.deltas["time_ns"]
        doubt = self.family.uncalibrated.get("time_ns", "")
        if not doubt and not slides.stands(verdict(self.interval, delta), self.slide, delta):
            doubt = slides.DOUBT
        doubt = doubt if self.verdict == UNRESOLVED else ""
        found = Comparison(self.family.id, self.end, "time_ns", self.start, estimate, self.verdict)
        found.slide, found.doubt = self.slide, doubt
        return found


def shares(family: Family, codecs: dict[str, Codec]) -> list[Share]:
    """Library, then the floor of the baseline's format, then each other format; those that have
    members here."""
    base = codecs[family.baseline].group
    standing = [m for m in family.candidates if m in codecs and _values(family, m, family.baseline)]
    home = [m for m in standing if codecs[m].group == base and codecs[m].competes]
    home = [family.baseline, *(m for m in home if m != family.baseline)]
    found = []
    if len(home) > 1:
        found.append(_step(family, LIBRARY, base, [family.baseline], home[1:], family.alpha))
    ours = [m for m in standing if codecs[m].group == base and codecs[m].ours]
    if ours:
        found.append(_step(family, FLOOR, base, home, ours, ALPHA / (len(home) * len(ours))))
    for group in groups(codecs[m] for m in standing):
        away = [m for m in standing if codecs[m].group == group and codecs[m].competes]
        if group != base and away:
            level = ALPHA / (len(home) * len(away))
            found.append(_step(family, FORMAT, group, home, away, level))
    return found


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
    said = verdict(interval, family.deltas["time_ns"])
    slide = slides.slide(family, end, start, "time_ns", False)
    known = said not in (BETTER, WORSE, EQUIVALENT) or "time_ns" not in family.uncalibrated
    if not known or not slides.stands(said, slide, family.deltas["time_ns"]):
        said = UNRESOLVED
    rounds, needed = min(len(found) for found in values.values()), rounds_needed(alpha)
    return Share(
        family, kind, group, start, end, middle, interval, rounds, needed, said, slide
    )


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
