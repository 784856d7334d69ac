# SPDX-License-Identifier: MIT
"""What page one of a report claims, each with the values that it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .. import judge, members, operations, shares, ties, words
from ..about import subject
from ..families import Family, Judgement
from ..verdicts import BETTER, EQUIVALENT, JUDGED, WORSE, Estimate, verdict


@dataclass(frozen=True)
class Claim:
    """One member is better or worse than another by at least so much, or equivalent to it."""

    family: Family
    metric: str
    text: str  #: as page one says it, in short
    said: str  #: BETTER, WORSE or EQUIVALENT
    values: tuple[float, ...]  #: log advantages, in round order
    end: float  #: the log ratio that is claimed at least; of an equivalence, the margin

    def holds_at(self, value: float) -> bool:
        """Would the claim be true if the truth were this log ratio? A hundredth of a percent is
        rounding."""
        slack = 1e-4
        if self.said == BETTER:
            return value >= self.end - slack
        if self.said == WORSE:
            return value <= self.end + slack
        return abs(value) <= self.end + slack


def claims(judged: Judgement) -> list[Claim]:
    return [c for f in first_page(judged) for c in (*_verdicts(f), *_alone(judged, f), *_steps(judged, f))]


def first_page(judged: Judgement) -> list[Family]:
    """The families that page one speaks about, and the one of codecs over sockets."""
    codecs = operations.headlines(judged.kind("codec"))
    payloads = members.single(codecs)
    shown = [f for f in codecs if subject(f) in payloads]
    return [*shown, *judged.kind("model"), *judged.kind("service"), *judged.coded]


def _verdicts(family: Family) -> list[Claim]:
    found = []
    for c in family.comparisons:
        if c.estimate and c.verdict in (BETTER, WORSE, EQUIVALENT):
            margin = math.log1p(family.deltas[c.metric])
            text = f"{family.id}/{c.member}: {words.METRICS[c.metric][2]}: {words.short(c, family.deltas[c.metric])}"
            found.append(Claim(family, c.metric, text, c.verdict, tuple(c.estimate.values), _end(c, margin)))
    return found


def steps(judged: Judgement, family: Family) -> list[shares.Share]:
    """How much is the library's and how much the format's, where page one tells them apart."""
    families = operations.headlines(judged.kind("codec"))
    if family.kind != "codec" or not members.wide(judged.run, families):
        return []
    return shares.shares(family, members.of(judged.run, families))


def _steps(judged: Judgement, family: Family) -> list[Claim]:
    found = []
    for step in steps(judged, family):
        if step.verdict in (BETTER, WORSE, EQUIVALENT):
            values = family.advantages(step.end, step.start, "time_ns", False)
            said = words.short(step.comparison, family.deltas["time_ns"])
            end = _end(step.comparison, math.log1p(family.deltas["time_ns"]))
            text = f"{family.id}: {step.kind}: {step.end} against {step.start}: {said}"
            found.append(Claim(family, "time_ns", text, step.verdict, tuple(values), end))
    return found


def _end(c: judge.Comparison, margin: float) -> float:
    """As words.claimed says it: of a ratio that slides, drifts or has two modes, the less favourable if that is nearer."""
    if c.verdict == EQUIVALENT:
        return margin
    assert c.estimate and c.estimate.interval
    low, high = c.estimate.interval
    for part in (c.slide, c.drift, c.modes):
        if part:
            low, high = min(low, *part), max(high, *part)
    return low if c.verdict == BETTER else high


def _alone(judged: Judgement, family: Family) -> list[Claim]:
    """The best of a case is ahead of everybody who is not tied with it, by more than the margin."""
    codecs = members.of(judged.run, [family]) if family.kind == "codec" else {}
    found = []
    for metric, more in JUDGED[family.kind].items():
        rivals = [m for m in family.candidates if m not in codecs or codecs[m].competes]
        best = ties.among(family, rivals, metric, more)
        if best is None or not best.resolved:
            continue
        margin = math.log1p(family.deltas[metric])
        for other in rivals:
            values = family.advantages(best.best, other, metric, more)
            estimate = Estimate.of(values, family.alpha) if values else None
            ahead = estimate and verdict(estimate.interval, family.deltas[metric]) == BETTER
            if other not in best.members and ahead:
                text = f"{family.id}: {words.METRICS[metric][2]}: {best.best} is ahead of {other}"
                found.append(Claim(family, metric, text, BETTER, tuple(values), margin))
    return found
