# SPDX-License-Identifier: MIT
"""Do ranks in process survive the way to the sockets?

Every two models that were measured on both sides are held against each other twice: in process by
time, over sockets by what services are judged in. Each comparison has an interval, simultaneous over
all pairs of its ranking (a workload in one metric, on one side), and a verdict; only verdicts are
compared. So a pair either keeps its order, reverses it, loses or gains a lead (equal within the margin
on one side), or is open: one of the sides does not say.

Kendall's tau counts +1 for an order kept, -1 for one reversed, 0 for a tie on either side (tau-a). An
open pair could be any of them, unless its decided side is a tie: so tau has a least and a greatest
value, and no single one where something is open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

from .. import slides
from ..about import operation, subject
from ..drifts import drift
from ..families import Family, Judgement
from ..gates import passes
from ..intervals import ALPHA, order_interval, two_modes
from ..takeback import EQUIVALENT_MAX
from ..verdicts import BETTER, EQUIVALENT, JUDGED, NO_INTERVAL, NO_NUMBER, UNRESOLVED, WORSE, verdict

KEPT, REVERSED, LOST, GAINED, TIED, OPEN = "kept", "reversed", "lost", "gained", "tied", "open"
FATES = (KEPT, REVERSED, LOST, GAINED, TIED, OPEN)
STRONG = (BETTER, WORSE)
DECIDED = (*STRONG, EQUIVALENT)


@dataclass(frozen=True)
class Pair:
    """first against second, on both sides."""

    first: str
    second: str
    inside: str  #: verdicts
    outside: str

    @property
    def fate(self) -> str:
        if self.inside not in DECIDED or self.outside not in DECIDED:
            return OPEN
        if self.inside == self.outside:
            return TIED if self.inside == EQUIVALENT else KEPT
        if self.inside in STRONG and self.outside in STRONG:
            return REVERSED
        return LOST if self.inside in STRONG else GAINED


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
        loose = [p for p in self.of(OPEN) if EQUIVALENT not in (p.inside, p.outside)]
        return (known - len(loose)) / len(self.pairs), (known + len(loose)) / len(self.pairs)

    @property
    def decided(self) -> bool:
        return not self.of(OPEN)


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
            for first, second in combinations(both, 2)
        )
        found.append(Ranking(service, micro, metric, pairs))
    return found


def decide(family: Family, member: str, other: str, metric: str, more: bool) -> str:
    """The verdict on any two of a family, as the judge gives it on those with the baseline, at a level
    that covers every two in this metric: over both metrics of a service four models took nine rounds, of
    which `quick` and `standard` have eight."""
    if family.why_withheld(member, metric) or family.why_withheld(other, metric):
        return NO_NUMBER
    values = family.advantages(member, other, metric, more)
    if not values:
        return NO_NUMBER
    said = verdict(order_interval(values, ALPHA / comb(len(family.candidates), 2)), family.deltas[metric])
    if said == NO_INTERVAL or metric in family.uncalibrated:
        return NO_INTERVAL if said == NO_INTERVAL else UNRESOLVED
    if not family.bound_allows(member, other, metric, said):
        return UNRESOLVED
    if said == EQUIVALENT and family.deltas[metric] > EQUIVALENT_MAX:
        return UNRESOLVED
    doubts = (two_modes(values), slides.slide(family, member, other, metric, more), drift(values))
    stands = all(slides.stands(said, halves, family.deltas[metric]) for halves in doubts)
    return said if stands else UNRESOLVED

