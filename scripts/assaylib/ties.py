# SPDX-License-Identifier: MIT
"""Tie sets, not winners (METHOD 1.8): who is not put behind the best of a family.

The best is the member with the largest median advantage over the baseline, from pairs. A member
leaves the set if its interval against the best puts it behind by more than delta. With the level
that the family's comparisons have, the truly best member of a family stays in its set with 95 %,
over all metrics together: it could only be lost to one of the others (Gupta's subset selection;
Gibbons, Olkin and Sobel, Selecting and Ordering Populations, 1977). Where the two slide against each
other with the machine's speed, or drift apart over the run, both halves have to say so (slides.py,
drifts.py).
"""

from __future__ import annotations

from typing import Sequence

from . import drifts, slides
from .families import Family
from .intervals import median, order_interval
from .verdicts import BETTER, TieSet, verdict


def tie(family: Family, metric: str, more: bool) -> None:
    found = among(family, family.candidates, metric, more)
    if found:
        family.ties.append(found)


def among(family: Family, members: Sequence[str], metric: str, more: bool) -> TieSet | None:
    """The set of some members of a family, the baseline among them or not, at the family's level; None
    if fewer than two have a figure."""
    candidates = [m for m in members if not family.why_withheld(m, metric)]
    standing = {m: family.advantages(m, family.baseline, metric, more) for m in candidates}
    if family.baseline in standing:
        standing[family.baseline] = [0.0] if family.series(family.baseline, metric) else []
    ranked = sorted((m for m in candidates if standing[m]), key=lambda m: (-median(standing[m]), m))
    if len(ranked) < 2:
        return None
    tied, resolved = [ranked[0]], metric not in family.uncalibrated
    for other in ranked[1:]:
        values = family.advantages(ranked[0], other, metric, more)
        interval = order_interval(values, family.alpha)
        resolved = resolved and interval is not None
        said = verdict(interval, family.deltas[metric])
        halves = (slides.slide(family, ranked[0], other, metric, more), drifts.drift(values))
        stands = all(slides.stands(said, each, family.deltas[metric]) for each in halves)
        hidden = metric == "closed_hz" and other in family.bounded  # how much better it is
        if hidden or said != BETTER or not stands:
            tied.append(other)
    return TieSet(metric, ranked[0], tied, resolved)
