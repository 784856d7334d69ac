# SPDX-License-Identifier: MIT
"""Which intervals are as narrow as the tier wants them, and why the others are not (METHOD 1.9)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import makeup, spent, stability, words
from .blocks import Check
from .families import Family, Judgement
from .progress import minutes
from .tiers import TIERS
from .verdicts import Comparison

SHOWN_MAX = 2


@dataclass(frozen=True)
class Width:
    """The widest interval of a family that has one per process: codecs, and models in process."""

    family: Family
    member: str  #: as it is called, with the metric if there are several
    arm: float | None  #: of log ratios; None: no interval
    reached: bool

    @property
    def text(self) -> str:
        width = "no interval" if self.arm is None else f"±{words.margin(math.expm1(self.arm))}"
        return f"{self.family.id} ({self.member} {width}: {why(self.family, self.reached)}{_swing(self.family)})"


def aim(judged: Judgement) -> float | None:
    """0.01 is ±1 %; of the tier, where an older run did not record it."""
    tier = TIERS.get(str(judged.run.get("tier")))
    found = judged.run.get("half_width", tier.half_width if tier else None)
    return None if found is None else float(found)


def widest(family: Family) -> tuple[float | None, str]:
    """Its widest arm, of log ratios, and whose that is; None: somebody has no interval."""
    arms = [
        (math.inf if c.estimate.half_width is None else c.estimate.half_width, _name(c))
        for c in family.comparisons
        if c.estimate
    ]
    arm, name = max(arms, key=lambda each: each[0], default=(math.inf, ""))
    return (None if math.isinf(arm) else arm), name


def _name(c: Comparison) -> str:
    return words.label(c.member) + (f", {words.FIGURES[c.metric]}" if c.metric != "time_ns" else "")


def widths(judged: Judgement, limit: float) -> list[Width]:
    """Widest first; of families that compare something and have samples."""
    found = []
    for family in judged.families:
        arm, member = widest(family)
        if family.kind != "service" and member:
            found.append(Width(family, member, arm, arm is not None and arm <= math.log1p(limit)))
    return sorted(found, key=lambda w: (-(math.inf if w.arm is None else w.arm), w.family.id))


def why(family: Family, reached: bool) -> str:
    """Why no more rounds were made of it. reached: its intervals are as narrow as the tier wants them."""
    count, planned = words.counted(family.counted, "round"), int(family.plan.get("rounds") or 0)
    if family.stopped == makeup.NARROW:
        return "narrow enough after its planned rounds"
    if family.stopped == makeup.ALL_COUNTED:
        return "all planned rounds count"
    if family.stopped == makeup.TIME_BUDGET:
        of = f" of {family.wanted}" if family.wanted else ""
        return f"the time was up after {family.counted}{of} rounds" + ("" if family.wanted > planned else " that count")
    if family.stopped == makeup.WIDENED and reached:
        return f"{count}, as many as its first width took, made it narrow enough"
    if family.wanted >= makeup.AIM_MAX * planned > 0:
        return f"{count}, {makeup.AIM_MAX} × the planned, are the most that it may take"
    if family.stopped == makeup.WIDENED:
        return f"{count}, as many as its first width took, came out wider"
    return f"{count}{', stopped: ' + family.stopped if family.stopped else ''}"


def _swing(family: Family) -> str:
    """Where the machine's own speed moved from process to process, ratios of unlike programs move, too."""
    moved = [s for s in stability.swings([family]) if s.ratio > stability.SWING_MAX]
    return f"; {words.label(family.baseline)}'s own time swung by {words.ratio(moved[0].ratio)} ×" if moved else ""


def check(judged: Judgement) -> list[Check]:
    """A line of the validity box; none in tiers that want no width."""
    limit = aim(judged)
    every = widths(judged, limit) if limit is not None else []
    if limit is None or not every:
        return []
    wide = [w for w in every if not w.reached]
    wanted = f"±{words.margin(limit)}"
    if not wide:
        text = f"every interval of {words.counted(len(every), 'codec and in-process family')} is within {wanted}"
        return [Check("good", "Width", text + _moved(judged))]
    shown = "; ".join(w.text for w in wide[:SHOWN_MAX])
    more = f"; {len(wide) - SHOWN_MAX} more under Where the time went" if len(wide) > SHOWN_MAX else ""
    text = (
        f"the intervals of {len(every) - len(wide)} of {len(every)} codec and in-process families are within"
        f" {wanted}; the widest of the others: {shown}{more}"
    )
    return [Check("note", "Width", text + _moved(judged))]


def _moved(judged: Judgement) -> str:
    """How much time went to those that were wide, once everybody had the planned rounds."""
    given = [s.narrowing for s in (spent.of(judged, f) for f in judged.families) if s.narrowing]
    if not given:
        return ""
    took, count = minutes(sum(given)), words.counted(len(given), "family")
    return f". Beyond the planned rounds {took}{words.SPACE}min went to what was wide ({count})"
