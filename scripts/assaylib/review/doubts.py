# SPDX-License-Identifier: MIT
"""Doubts about claims: would they be made of the first third of the run and of the last, of either of
two modes, with a floor like this, from what the discard rule left, and against the laws of the machine?

Several hundred claims may be looked at. Tests that look for a pattern in the rounds share one level
between all of them (Bonferroni), so that a run without any is accused of one in at most one of twenty
cases, whatever its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Sequence

from .. import words
from ..about import discarded, processes
from ..families import Family, Judgement
from ..intervals import ALPHA, interval_rank, median, trend
from ..verdicts import EQUIVALENT, Comparison
from .claims import Claim, claims, first_page, steps
from .modes import two_modes

#: Of the processes of a family: beyond this share, what counts is the exception.
DISCARDED_MAX = 0.5


@dataclass
class Review:
    against: list[str] = field(default_factory=list)  #: a claim on page one should not be made
    open: list[str] = field(default_factory=list)  #: asked, and left without a claim
    notes: list[str] = field(default_factory=list)  #: a reader should know
    claims: int = 0  #: that were looked at


def review(judged: Judgement) -> Review:
    made = claims(judged)
    found = Review(claims=len(made))
    level = ALPHA / max(1, len(made))
    margin = float(judged.run.get("margin_percent", 3)) / 100
    for claim in made:
        against, note = drift(claim, level)
        found.against += against
        found.notes += note
        against, note = modes(claim)
        found.against += against
        found.notes += note
    for family in first_page(judged):
        mine = [c for c in made if c.family is family]
        found.against += [*picked(family, mine), *below_floor(family)]
        found.notes += hollow(judged, family, margin)
    found.notes += ends(first_page(judged))
    return found


def drift(claim: Claim, level: float) -> tuple[list[str], list[str]]:
    """A trend over the rounds: then "the ratio" is several, and a claim must hold at both ends."""
    tau, p = trend(claim.values)
    if p > level:
        return [], []
    third = max(1, len(claim.values) // 3)
    first, last = median(claim.values[:third]), median(claim.values[-third:])
    text = (
        f"{claim.text}: drifts over the run: {_times(first)} in its first third, {_times(last)} in its last"
        f" (Kendall's τ {words.fixed(tau, 2)}, p {p:.1g})"
    )
    if claim.holds_at(first) and claim.holds_at(last):
        return [], [f"{text}; the claim holds of both"]
    return [text], []


def modes(claim: Claim) -> tuple[list[str], list[str]]:
    """Two groups of processes, clearly apart: a claim must hold of each."""
    found = two_modes(claim.values)
    if not found:
        return [], []
    text = f"{claim.text}: two modes: {_times(found[0])} and {_times(found[1])}"
    if all(map(claim.holds_at, found)):
        return [], [f"{text}; the claim holds of both"]
    return [text], []


def hollow(judged: Judgement, family: Family, margin: float) -> list[str]:
    """Equivalence within a margin that the A/A floor has widened: noise is no evidence of equality.
    Beyond takeback.EQUIVALENT_MAX the judge does not call it so."""
    notes = []
    made = {f"{family.id}: {s.kind}: {s.end} against {s.start}": s.comparison for s in steps(judged, family)}
    for name, c in {**{f"{family.id}/{c.member}": c for c in family.comparisons}, **made}.items():
        delta = words.margin(family.deltas[c.metric])
        if c.verdict == EQUIVALENT and c.widened:
            notes.append(
                f"{name}: equivalent within ±{delta}, where {words.margin(margin)} was declared: the A/A"
                " floor is above the margin"
            )
        elif name in made and c.doubt:
            notes.append(f"{name}: no claim: {c.doubt}")
    return notes


def picked(family: Family, made: Sequence[Claim]) -> list[str]:
    """The discard rule does not look at times, but what is left of most of a run is a choice."""
    gone, every = discarded(family), processes(family)
    if not made or gone <= DISCARDED_MAX * every:
        return []
    return [
        f"{family.id}: {gone} of {every} processes were discarded: the machine was too busy for the"
        f" {words.counted(len(made), 'claim')} made of the rest"
    ]


def below_floor(family: Family) -> list[str]:
    """Faster than moving its own bytes, or than doing nothing but the work: the benchmark is wrong."""
    margin = math.log1p(max(family.deltas.values(), default=0.0))
    return [
        f"{family.id}/{member}: beats its floor: {_times(-found.median)} as fast as what it cannot be"
        " faster than"
        for member, found in sorted(family.floor_ratios.items())
        if found.interval and found.interval[1] < -margin
    ]


def ends(families: Sequence[Family]) -> list[str]:
    """Intervals from the smallest to the largest value: one odd process is an end of it."""
    bare = [f for f in families if any(c.estimate and _whole(c) for c in f.comparisons)]
    if not bare:
        return []
    counts = {len(c.estimate.values) for f in bare for c in f.comparisons if c.estimate and _whole(c)}
    span = words.listed(dict.fromkeys(map(str, (min(counts), max(counts)))))
    return [
        f"few processes ({span}) in {words.counted(len(bare), 'family')}, {bare[0].id} for one: intervals"
        " reach from the smallest value to the largest, so that a single odd process decides how far"
    ]


def _whole(c: Comparison) -> bool:
    assert c.estimate
    return c.estimate.interval is not None and interval_rank(len(c.estimate.values), c.estimate.alpha) == 1


def _times(log_ratio: float) -> str:
    return f"{words.ratio(math.exp(log_ratio))}{words.SPACE}×"
