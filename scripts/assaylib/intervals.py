# SPDX-License-Identifier: MIT
"""Exact, distribution-free statistics of a few values: no scipy, nothing random, the same answer
everywhere. judge.py says what they are used for."""

from __future__ import annotations

import functools
import math
from typing import Any, Iterable, Mapping, Sequence

ALPHA = 0.05


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. ValueError if there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("median of nothing")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def binomial_below(n: int, k: int) -> float:
    """P(X <= k) for X ~ Binomial(n, 1/2), exactly until the last division."""
    return sum(math.comb(n, i) for i in range(k + 1)) / 2**n if k >= 0 else 0.0


def interval_rank(n: int, alpha: float = ALPHA) -> int | None:
    """The largest k for which [x(k), x(n+1-k)] covers the median with at least 1 - alpha.

    None if n values are too few even for [smallest, largest].
    """
    rank = 0
    while 2 * (rank + 1) <= n and 2 * binomial_below(n, rank) <= alpha:
        rank += 1
    return rank or None


def rounds_needed(alpha: float = ALPHA) -> int:
    """The smallest number of rounds that has an interval at 1 - alpha: 6 at 95 %."""
    n = 1
    while interval_rank(n, alpha) is None:
        n += 1
    return n


def order_interval(values: Sequence[float], alpha: float = ALPHA) -> tuple[float, float] | None:
    """Distribution-free interval of the median at 1 - alpha or better; None with too few values."""
    rank = interval_rank(len(values), alpha)
    if rank is None:
        return None
    ordered = sorted(values)
    return ordered[rank - 1], ordered[-rank]


def sign_test(values: Sequence[float]) -> float:
    """Two-sided exact p-value of "the median is 0"; zeros count against a difference.

    Agrees with order_interval: p <= alpha exactly when the interval excludes 0.
    """
    n = len(values)
    most = max(sum(v > 0 for v in values), sum(v < 0 for v in values))
    return min(1.0, 2 * binomial_below(n, n - most)) if n else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: (p_values[i], i))
    adjusted = [1.0] * len(p_values)
    worst = 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted


def binomial_bound(n: int, p: float = ALPHA, confidence: float = 0.95) -> int:
    """How many of n intervals may miss by chance alone: the quantile of Binomial(n, p)."""
    total = 0.0
    for k in range(n + 1):
        total += math.comb(n, k) * p**k * (1 - p) ** (n - k)
        if total >= confidence:
            return k
    return n


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value with at least `share` of all at or below it."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


#: How many requests have to be due for a percentile of theirs: three beyond it.
PLANNED_MIN = {"p99_ns": 300, "p999_ns": 3000}


def enough(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A line's figures without percentiles of too few requests. How many were due stands beside them, fast_planned
    beside fast_p99_ns; where it does not, as in runs of before, nothing is left out."""

    def few(key: str, ending: str, needed: int) -> bool:
        due = metrics.get(f"{key.removesuffix(ending)}planned") if key.endswith(ending) else None
        return due is not None and due < needed

    left_out = {key for key in metrics for each in PLANNED_MIN.items() if few(key, *each)}
    return {key: None if key in left_out else value for key, value in metrics.items()}


#: Of the percentile 0.99 by nearest rank: which one it is of fewer than 100, 200 and 300.
SLOWEST = ("slowest", "second slowest", "third slowest")


def p99_said(counts: Iterable[int]) -> str:
    """What the 99th percentile of so many is called: of fewer than it takes by what it is."""
    known = list(counts)
    if not known or min(known) >= PLANNED_MIN["p99_ns"]:
        return "p99"
    low, high = min(known), max(known)
    names = dict.fromkeys((*SLOWEST, "p99")[min(3, n // 100)] for n in (low, high))
    return f"{' or '.join(names)} of {low}" + (f" to {high}" if high > low else "")


@functools.cache
def _permutations(n: int) -> tuple[int, ...]:
    """How many permutations of n have so many inversions; worked out once for all comparisons."""
    counts = [1]
    for size in range(2, n + 1):
        grown = [0] * (len(counts) + size - 1)
        for i, count in enumerate(counts):
            for step in range(size):
                grown[i + step] += count
        counts = grown
    return tuple(counts)


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Kendall's tau of the values against their order, and its exact two-sided p-value.

    The distribution of the number of inversions comes from its generating function (Mahonian
    numbers); ties count half an inversion.
    """
    n = len(values)
    pairs = n * (n - 1) // 2
    if pairs == 0:
        return 0.0, 1.0
    inversions = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            inversions += 1.0 if values[i] > values[j] else 0.5 if values[i] == values[j] else 0.0
    counts = _permutations(n)
    extreme = min(inversions, pairs - inversions)
    tail = sum(counts[: math.floor(extreme) + 1])
    return 1 - 2 * inversions / pairs, min(1.0, 2 * tail / math.factorial(n))


def two_modes(values: Sequence[float]) -> tuple[float, float] | None:
    """Medians of two clearly apart groups of log ratios, or None.

    Clearly apart: at least a quarter of eight or more values on each side of a gap that is 1 % or
    more and three times as wide as either side.
    """
    ordered = sorted(values)
    least = max(2, math.ceil(len(ordered) / 4))
    if len(ordered) < 8:
        return None
    for cut in range(least, len(ordered) - least + 1):
        low, high = ordered[:cut], ordered[cut:]
        gap = high[0] - low[-1]
        if gap >= 0.01 and gap >= 3 * max(low[-1] - low[0], high[-1] - high[0]):
            return median(low), median(high)
    return None
