# SPDX-License-Identifier: MIT
"""Which intervals are as narrow as the tier wants them, and why the others are not (METHOD 1.9)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import makeup, plan, stability, words
from .blocks import Check
from .families import Family, Judgement

SHOWN_MAX = 2


@dataclass(frozen=True)
class Width:
    """The widest interval of a family that has one per process: codecs, and models in process."""

    family: Family
    member: str
    arm: float | None  #: of log ratios; None: no interval
    reached: bool

    @property
    def text(self) -> str:
        width = "no interval" if self.arm is None else f"±{words.margin(math.expm1(self.arm))}"
        return f"{self.family.id} ({words.label(self.member)} {width}: {_why(self.family)}{_swing(self.family)})"


def aim(judged: Judgement) -> float | None:
    """0.01 is ±1 %; of the tier, where an older run did not record it."""
    tier = plan.TIERS.get(str(judged.run.get("tier")))
    found = judged.run.get("half_width", tier.half_width if tier else None)
    return None if found is None else float(found)


def widths(judged: Judgement, limit: float) -> list[Width]:
    """Widest first; of families that compare something and have samples."""
    found = []
    for family in judged.families:
        arms = [(c.estimate.half_width, c.member) for c in family.comparisons if c.estimate]
        if family.kind == "service" or not arms:
            continue
        arm, member = max(arms, key=lambda each: math.inf if each[0] is None else each[0])
        found.append(Width(family, member, arm, arm is not None and arm <= math.log1p(limit)))
    return sorted(found, key=lambda w: (-(math.inf if w.arm is None else w.arm), w.family.id))


def _why(family: Family) -> str:
    count, planned = words.counted(family.counted, "round"), int(family.plan.get("rounds") or 0)
    if family.stopped == makeup.TIME_BUDGET:
        wanted = f" of {family.wanted}" if family.wanted else ""
        return f"the time was up after {family.counted}{wanted} rounds"
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
        return [Check("good", "Width", text)]
    shown = "; ".join(w.text for w in wide[:SHOWN_MAX])
    more = f"; {len(wide) - SHOWN_MAX} more under Raw data" if len(wide) > SHOWN_MAX else ""
    text = (
        f"the intervals of {len(every) - len(wide)} of {len(every)} codec and in-process families are within"
        f" {wanted}; the widest of the others: {shown}{more}"
    )
    return [Check("note", "Width", text)]
