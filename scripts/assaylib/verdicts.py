# SPDX-License-Identifier: MIT
"""What may be said of log ratios: a process's value, an estimate over rounds, and its verdict.

Signs: log ratios here are *advantages*: above 0 the member is better than the baseline (less time,
less CPU, more requests). `exp` of one reads "so many times as fast as the baseline".
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Any, Sequence

from .intervals import median, order_interval, rounds_needed

BETTER, WORSE, EQUIVALENT, UNRESOLVED = "better", "worse", "equivalent", "unresolved"
NO_INTERVAL, NO_NUMBER = "no interval", "no number"

#: Metrics that get a verdict, by kind of family, and whether more of it is better.
JUDGED = {
    "codec": {"time_ns": False},
    "model": {"time_ns": False},
    "service": {"cpu_ns_per_request": False, "closed_hz": True},
}


def paired_log_ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """log(theirs / ours) of [slot, ns] blocks of one process, by nearest slots; > 0: ours faster.

    Each of our blocks is compared with the nearest of theirs in time; where one before and one
    after are equally near, with their geometric mean, so that a linear drift cancels. The value is
    the median over our blocks. ValueError without blocks, or for a time that is not positive.
    """
    others = sorted((float(slot), math.log(ns)) for slot, ns in theirs)
    slots = [slot for slot, _ in others]
    if not others or not ours:
        raise ValueError("no blocks")
    ratios = []
    for slot, ns in ours:
        after = bisect.bisect_left(slots, slot)
        near = [i for i in (after - 1, after) if 0 <= i < len(slots)]
        best = min(abs(slots[i] - slot) for i in near)
        level = [others[i][1] for i in near if abs(slots[i] - slot) == best]
        ratios.append(sum(level) / len(level) - math.log(ns))
    return median(ratios)


def advantage(
    ours: dict[str, Any], theirs: dict[str, Any], metric: str, more_is_better: bool
) -> float | None:
    """A round's log advantage of one sample over another; None where either has no such figure."""
    if metric == "time_ns" and ours.get("repetitions") and theirs.get("repetitions"):
        try:
            return paired_log_ratio(ours["repetitions"], theirs["repetitions"])
        except ValueError:
            return None
    a, b = ours["metrics"].get(metric), theirs["metrics"].get(metric)
    if not a or not b or a <= 0 or b <= 0:
        return None
    return math.log(a / b) if more_is_better else math.log(b / a)


@dataclass
class Estimate:
    """A median log advantage over rounds and what may be said about it."""

    values: list[float]  #: one per round, in round order
    alpha: float  #: the interval is at 1 - alpha
    median: float = 0.0
    interval: tuple[float, float] | None = None
    needed: int = 0  #: rounds that an interval at this level takes

    @classmethod
    def of(cls, values: Sequence[float], alpha: float) -> Estimate:
        return cls(
            list(values), alpha, median(values), order_interval(values, alpha), rounds_needed(alpha)
        )

    @property
    def half_width(self) -> float | None:
        """The wider arm: a smaller difference could not have been told from none."""
        return (
            max(self.median - self.interval[0], self.interval[1] - self.median)
            if self.interval
            else None
        )

    @property
    def excludes_one(self) -> bool:
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def verdict(interval: tuple[float, float] | None, delta: float) -> str:
    """One of four, from a log interval and a margin (0.03 is 3 %); NO_INTERVAL without one.

    The margin is symmetric in the logarithm: 3 % more speed is as far as 3 % more time.
    """
    if interval is None:
        return NO_INTERVAL
    low, high = interval
    margin = math.log1p(delta)
    if low > margin:
        return BETTER
    if high < -margin:
        return WORSE
    if -margin <= low and high <= margin:
        return EQUIVALENT
    return UNRESOLVED


@dataclass
class Comparison:
    """A member of a family against its baseline, in one metric."""

    family: str
    member: str
    metric: str
    baseline: str
    estimate: Estimate | None = None
    verdict: str = NO_NUMBER
    p: float | None = None  #: sign test
    p_holm: float | None = None  #: … adjusted over the family
    why_not: str = ""  #: for NO_NUMBER
    drift: tuple[float, float] | None = None  #: Kendall's tau and p, if p < judge.DRIFT_P
    modes: tuple[float, float] | None = None
    doubt: str = ""  #: why a verdict was taken back

    @property
    def straddles(self) -> bool:
        """Not resolved although the interval excludes 1: it lies across an end of the margin."""
        apart = self.estimate is not None and self.estimate.excludes_one
        return self.verdict == UNRESOLVED and apart and not self.doubt


@dataclass
class Alias:
    """A/A: the baseline against itself."""

    family: str
    kind: str
    member: str
    form: str  #: "same" code or a second compiled "copy"
    metric: str
    estimate: Estimate


@dataclass
class Injected:
    """The baseline slowed down by a known share."""

    family: str
    member: str
    percent: float
    estimate: Estimate
    verdict: str

    @property
    def covered(self) -> bool | None:
        truth = -math.log1p(self.percent / 100)
        interval = self.estimate.interval
        return None if interval is None else interval[0] <= truth <= interval[1]


@dataclass
class TieSet:
    """The members that are not separated from the best of a family."""

    metric: str
    best: str
    members: list[str]  #: the best first
    resolved: bool  #: False: too few rounds to separate anybody
