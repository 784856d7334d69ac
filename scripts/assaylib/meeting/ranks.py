# SPDX-License-Identifier: MIT
"""Do ranks in process survive the way to the sockets?

Every two models that were measured on both sides are held against each other twice: in process by
time, over sockets by what services are judged in. Each comparison has an interval, simultaneous over
all pairs of its ranking (a workload in one metric, on one side), and a verdict; only verdicts are
compared. So a pair either keeps its order, reverses it, loses or gains a lead (equal within the margin
on one side), or is open: one of the sides does not say, for a reason that is kept.

Kendall's tau counts +1 for an order kept, -1 for one reversed, 0 for a tie on either side (tau-a). An
open pair could be any of them, unless its decided side is a tie: so tau has a least and a greatest
value, and no single one where something is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

from .. import slides
from ..about import operation, subject
from ..drifts import drift
from ..families import Family, Judgement
from ..gates import passes
from ..intervals import ALPHA, two_modes
from ..takeback import EQUIVALENT_MAX
from ..verdicts import BETTER, EQUIVALENT, JUDGED, NO_INTERVAL, NO_NUMBER, UNRESOLVED, WORSE, Estimate, verdict

KEPT, REVERSED, LOST, GAINED, TIED, OPEN = "kept", "reversed", "lost", "gained", "tied", "open"
FATES = (KEPT, REVERSED, LOST, GAINED, TIED, OPEN)
STRONG = (BETTER, WORSE)
DECIDED = (*STRONG, EQUIVALENT)
#: Why a side does not say.
NONE, FEW, WIDE = "no number", "too few rounds", "interval too wide"
ALONE, RIG, LOOSE, SPLIT = "no A/A", "the rig was the limit", "margin too wide", "rounds disagree"
#: A picture of more pairs than these cannot be read.
PICTURED_MAX = 30


@dataclass(frozen=True)
class Side:
    """What one side says of two."""

    verdict: str
    why: str = ""  #: it says no more than that; "" where it is decided
    estimate: Estimate | None = None  #: of log advantages, at the level of the verdict
    delta: float = 0.0  #: the margin there


@dataclass(frozen=True)
class Pair:
    """first against second, on both sides. As everywhere else a rival is first, the baseline second."""

    first: str
    second: str
    inside: Side
    outside: Side

    @property
    def verdicts(self) -> tuple[str, str]:
        return self.inside.verdict, self.outside.verdict

    @property
    def fate(self) -> str:
        inside, outside = self.verdicts
        if inside not in DECIDED or outside not in DECIDED:
            return OPEN
        if inside == outside:
            return TIED if inside == EQUIVALENT else KEPT
        if inside in STRONG and outside in STRONG:
            return REVERSED
        return LOST if inside in STRONG else GAINED


@dataclass(frozen=True)
class Ranking:
    """A workload in one metric of its service."""

    service: Family
    micro: Family
    metric: str
    pairs: tuple[Pair, ...]

    @property
    def name(self) -> str:
        """What was measured in process: a workload, or an operation on a payload."""
        return f"{subject(self.micro)} {operation(self.micro)}".strip()

    def of(self, fate: str) -> list[Pair]:
        return [pair for pair in self.pairs if pair.fate == fate]

    @property
    def tau(self) -> tuple[float, float]:
        """The least and the greatest that the verdicts allow."""
        known = len(self.of(KEPT)) - len(self.of(REVERSED))
        loose = [p for p in self.of(OPEN) if EQUIVALENT not in p.verdicts]
        return (known - len(loose)) / len(self.pairs), (known + len(loose)) / len(self.pairs)

    @property
    def decided(self) -> bool:
        return not self.of(OPEN)


def pictured(found: Sequence[Ranking]) -> list[tuple[Ranking, tuple[Pair, ...]]]:
    """The pairs that a picture shows: all of them, or, where they are too many, everybody against the
    baseline, which is the second of a ranking's first pair."""
    if sum(len(ranking.pairs) for ranking in found) <= PICTURED_MAX:
        return [(ranking, ranking.pairs) for ranking in found]
    return [(ranking, tuple(p for p in ranking.pairs if p.second == ranking.pairs[0].second)) for ranking in found]


def rankings(judged: Judgement) -> list[Ranking]:
    found = []
    for service in judged.kind("service"):
        micro = next((f for f in judged.kind("model") if subject(f) == subject(service)), None)
        found += _held(service, micro) if micro else []
    return found


def codec_rankings(judged: Judgement) -> list[Ranking]:
    """Of codecs, by what a request asks of them: to decode a document, and to encode one."""
    found = []
    for service in judged.coded:
        payload = service.plan["load"]["payload"]
        parts = {operation(f): f for f in judged.kind("codec") if subject(f) == payload}
        if all(name in parts for name in CODED):
            found += _held(service, _together(*(parts[name] for name in CODED)))
    return found


CODED = ("decode", "encode")
TIME = "time_ns"


def _together(first: Family, second: Family) -> Family:
    """One after the other, round by round. By one of them alone a codec that is quicker in the other would
    seem to have reversed its rank, whatever the service says."""
    samples = {
        member: {
            number: {**one, "repetitions": None, "metrics": {TIME: one["metrics"][TIME] + other["metrics"][TIME]}}
            for number, one in rounds.items()
            if (other := second.samples.get(member, {}).get(number))
            and all(passes(sample, TIME) and sample["metrics"].get(TIME) for sample in (one, other))
        }
        for member, rounds in first.samples.items()
    }
    id = f"{first.id.rpartition('/')[0]}/{operation(first)} + {operation(second)}"
    deltas = {TIME: max(first.deltas[TIME], second.deltas[TIME])}
    withheld, uncalibrated = second.withheld | first.withheld, second.uncalibrated | first.uncalibrated
    return replace(
        first, id=id, samples=samples, deltas=deltas, withheld=withheld, uncalibrated=uncalibrated, _pairs={}
    )


def _held(service: Family, micro: Family) -> list[Ranking]:
    """Every two that are on both sides, in each metric of the service."""
    both = [m for m in service.candidates if m in micro.candidates]
    if len(both) < 2:
        return []
    found = []
    for metric, more in JUDGED["service"].items():
        pairs = tuple(
            Pair(
                first,
                second,
                decide(micro, first, second, TIME, False),
                decide(service, first, second, metric, more),
            )
            for second, first in combinations(both, 2)
        )
        found.append(Ranking(service, micro, metric, pairs))
    return found


def decide(family: Family, member: str, other: str, metric: str, more: bool) -> Side:
    """What is said of any two of a family, as the judge says it of those with the baseline, at a level
    that covers every two in this metric: over both metrics of a service four models took nine rounds, of
    which `quick` and `standard` have eight."""
    delta = family.deltas[metric]
    withheld = family.why_withheld(member, metric) or family.why_withheld(other, metric)
    values = [] if withheld else family.advantages(member, other, metric, more)
    if not values:
        return Side(NO_NUMBER, NONE, None, delta)
    estimate = Estimate.of(values, ALPHA / comb(len(family.candidates), 2))
    said = verdict(estimate.interval, delta)
    why = _why_open(family, (member, other, metric, more), said)
    return Side(UNRESOLVED if why and said in DECIDED else said, why, estimate, delta)


def _why_open(family: Family, two: tuple[str, str, str, bool], said: str) -> str:
    """Why that verdict does not stand or is none; "" if it stands."""
    member, other, metric, more = two
    delta = family.deltas[metric]
    if said == NO_INTERVAL:
        return FEW
    if metric in family.uncalibrated:
        return ALONE
    if said == UNRESOLVED:
        return WIDE
    if not family.bound_allows(member, other, metric, said):
        return RIG
    if said == EQUIVALENT and delta > EQUIVALENT_MAX:
        return LOOSE
    values = family.advantages(*two)
    doubts = (two_modes(values), slides.slide(family, *two), drift(values))
    return "" if all(slides.stands(said, halves, delta) for halves in doubts) else SPLIT
