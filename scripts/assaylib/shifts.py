# SPDX-License-Identifier: MIT
"""By how much one group of values lies above another: the exact test of Mann and Whitney, and the
estimate and interval of Hodges and Lehmann that go with it (Hollander, Wolfe: Nonparametric
Statistical Methods, chapter 4). Groups may differ in nothing but where they lie; no distribution is
assumed, nothing is random."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from .intervals import median


@dataclass(frozen=True)
class Shift:
    """How far the second group lies above the first, both log ratios."""

    estimate: float
    interval: tuple[float, float] | None  #: None: too few values at this level
    p: float  #: two-sided, of "no shift"


def shift(first: Sequence[float], second: Sequence[float], alpha: float) -> Shift:
    """ValueError if a group is empty."""
    differences = sorted(b - a for a, b in itertools.product(first, second))
    counts = _arrangements(len(first), len(second))
    total = math.comb(len(first) + len(second), len(first))
    above = sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in differences)
    extreme = math.floor(min(above, len(differences) - above))  # half a tie speaks against a shift
    p = min(1.0, 2 * sum(counts[: extreme + 1]) / total)
    rank, tail = 0, counts[0]
    while 2 * tail <= alpha * total and rank < len(differences) // 2:
        rank += 1
        tail += counts[rank]
    interval = (differences[rank - 1], differences[-rank]) if rank else None
    return Shift(median(differences), interval, p)


@functools.cache
def _arrangements(n: int, m: int) -> tuple[int, ...]:
    """Of all orders of n and m values: in how many do so many pairs stand in one direction? The
    coefficients of the Gaussian binomial coefficient of n + m over n."""
    counts = [1]
    for i in range(1, n + 1):
        counts = _times(counts, m + i)
        counts = _over(counts, i)
    return tuple(counts)


def _times(counts: list[int], power: int) -> list[int]:
    """… multiplied by 1 - q^power."""
    grown = [*counts, *[0] * power]
    for i, count in enumerate(counts):
        grown[i + power] -= count
    return grown


def _over(counts: list[int], power: int) -> list[int]:
    """… divided by it, which goes without a rest."""
    quotient = list(counts[: len(counts) - power])
    for i in range(power, len(quotient)):
        quotient[i] += quotient[i - power]
    return quotient
