# SPDX-License-Identifier: MIT
"""Does a ratio slide with the machine's speed? Blocks that alternate see the same machine, but two
programs need not gain alike from a faster one, and then a ratio holds for a mixture of speeds.

The test is Kendall's exact trend of a comparison's log ratios over its rounds, sorted by how fast the
baseline ran in each. That speed is taken from the baseline's A/A alias of the round: the same code in
the same process (of services: in the same round). The baseline's own figure would not do. It is part of
the ratio, so that its noise alone makes the one rise with the other: a rank correlation of 0.5 and more
between figures that have nothing to do with each other.
"""

from __future__ import annotations

from .families import Family
from .intervals import median, trend
from .verdicts import BETTER, EQUIVALENT, WORSE, verdict

#: Below this p-value a slide is recorded. Dozens of comparisons are looked at, so that by chance one in
#: a hundred is marked for nothing; that costs a claim at most what the worse half of its rounds says.
SLIDE_P = 0.01
DOUBT = "the ratio slides with the machine's speed, and its two halves do not say the same"


def slide(
    family: Family, member: str, other: str, metric: str, more_is_better: bool
) -> tuple[float, float] | None:
    """Medians of the log ratios in the faster half of the rounds and in the slower (an odd one in the
    middle is in neither), or None: no slide was seen, or there is no alias to tell the speed from."""
    speed = _alias_figures(family, metric)
    pairs = [
        (-speed[number] if more_is_better else speed[number], number, value)
        for number, value in family.paired(member, other, metric, more_is_better)
        if number in speed
    ]
    values = [value for *_, value in sorted(pairs)]
    if trend(values)[1] >= SLIDE_P:
        return None
    half = len(values) // 2
    return median(values[:half]), median(values[-half:])


def stands(said: str, halves: tuple[float, float] | None, delta: float) -> bool:
    """A claim stands if both halves, each by its median, say the same."""
    if halves is None or said not in (BETTER, WORSE, EQUIVALENT):
        return True
    return all(verdict((half, half), delta) == said for half in halves)


def _alias_figures(family: Family, metric: str) -> dict[int, float]:
    """Round → figure of the baseline's alias; the same code before a second copy."""
    aliases = sorted((family.plan.get("aliases") or {}).items(), key=lambda a: (a[1] != "same", a[0]))
    found = (dict(family.series(alias, metric)) for alias, _ in aliases)
    return next((figures for figures in found if figures), {})
