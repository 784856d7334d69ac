# SPDX-License-Identifier: MIT
"""Slopes of a few points, without a distribution: Theil's line (the median of the slopes of all
pairs) and Sen's interval of it, which is that of Kendall's test (Sen, JASA 63, 1968). One wild point
of many moves neither. Exact, nothing random."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from .intervals import ALPHA, _permutations, median

Point = tuple[float, float]


@dataclass(frozen=True)
class Slope:
    """Of y over x."""

    value: float
    at_zero: float  #: the line's height there
    interval: tuple[float, float] | None  #: None: too few points, or x come twice

    def at(self, x: float) -> float:
        return self.at_zero + self.value * x


def pairwise(points: Sequence[Point]) -> list[float]:
    """Slopes of all pairs that differ in x, ascending."""
    found = []
    for i, (x1, y1) in enumerate(points):
        found += [(y2 - y1) / (x2 - x1) for x2, y2 in points[i + 1 :] if x2 != x1]
    return sorted(found)


def slope(points: Sequence[Point], alpha: float = ALPHA) -> Slope:
    """ValueError without two points that differ in x."""
    slopes = pairwise(points)
    value = median(slopes)
    at_zero = median([y - value * x for x, y in points])
    rank = slope_rank(len(points), alpha) if len(slopes) == math.comb(len(points), 2) else None
    interval = (slopes[rank - 1], slopes[-rank]) if rank else None
    return Slope(value, at_zero, interval)


@functools.cache
def slope_rank(count: int, alpha: float) -> int | None:
    """The largest k for which the k-th smallest and k-th largest of all pairs' slopes hold the true
    one with at least 1 - alpha: fewer than k pairs out of order have at most alpha / 2."""
    counts, total = _permutations(count), math.factorial(count)
    tail, rank = 0, 0
    while 2 * (rank + 1) <= len(counts) - 1 and 2 * (tail + counts[rank]) <= alpha * total:
        tail += counts[rank]
        rank += 1
    return rank or None


def deviation(points: Sequence[Point], line: Slope) -> float:
    """The largest distance of a point from the line, as a share of what the line rises between the
    first and the last; 0 for a line that does not rise."""
    xs = [x for x, _ in points]
    rise = abs(line.value) * (max(xs) - min(xs))
    return max(abs(y - line.at(x)) for x, y in points) / rise if rise else 0.0
