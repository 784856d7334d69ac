# SPDX-License-Identifier: MIT
"""What may be said of log ratios: a process's value, an estimate over rounds, and its verdict.

Signs: log ratios here are *advantages*: above 0 the member is better than the baseline (less time,
less CPU, more requests). `exp` of one reads "so many times as fast as the baseline".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Sequence

from .intervals import median, order_interval, rounds_needed

BETTER, WORSE, EQUIVALENT, UNRESOLVED = "better", "worse", "equivalent", "unresolved"
NO_INTERVAL, NO_NUMBER = "no interval", "no number"

Interval = tuple[float, float]

#: Metrics that get a verdict, by kind of family, and whether more of it is better.
JUDGED = {
    "codec": {"time_ns": False},
    "model": {"time_ns": False},
    "service": {"cpu_ns_per_request": False, "closed_hz": True},
}


@dataclass(frozen=True)
class Blocks:
    """A member's blocks in one process, in the order of time."""

    slots: tuple[float, ...]
    logs: tuple[float, ...]  #: of nanoseconds per operation

    @classmethod
    def of(cls, repetitions: Sequence[Sequence[float]]) -> Blocks:
        """From [slot, ns] pairs. ValueError for a time that is not positive."""
        found = sorted((float(slot), math.log(ns)) for slot, ns in repetitions)
        return cls(tuple(slot for slot, _ in found), tuple(log for _, log in found))

    def advantage_over(self, theirs: Blocks) -> float:
        """log(theirs / ours) by nearest slots; > 0: ours are faster.

        Half of what our blocks say against theirs, less half of what theirs say against ours. Either alone
        is biased where times are skewed, as those of a disturbed machine are: a mean of two neighbours is
        oftener above a single block than below it. In the difference equals are exchangeable, and that
        cancels. ValueError without blocks.
        """
        return (self._against(theirs) - theirs._against(self)) / 2

    def _against(self, theirs: Blocks) -> float:
        """Each of our blocks is compared with the nearest of theirs in time; where one before and one
        after are equally near, with their geometric mean, so that a linear drift cancels. The value
        is the median over our blocks."""
        slots, logs, count = theirs.slots, theirs.logs, len(theirs.slots)
        if not count or not self.slots:
            raise ValueError("no blocks")
        ratios, after = [], 0
        for slot, own in zip(self.slots, self.logs):
            while after < count and slots[after] < slot:
                after += 1
            if after == 0:
                level = logs[0]
            elif after == count:
                level = logs[-1]
            else:
                before_by, after_by = slot - slots[after - 1], slots[after] - slot
                if before_by == after_by:
                    level = (logs[after - 1] + logs[after]) / 2
                else:
                    level = logs[after - 1] if before_by < after_by else logs[after]
            ratios.append(level - own)
        return median(ratios)


def paired_log_ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """Blocks.advantage_over of [slot, ns] blocks of one process."""
    return Blocks.of(ours).advantage_over(Blocks.of(theirs))


def advantage(
    ours: dict[str, Any], theirs: dict[str, Any], metric: str, more_is_better: bool
) -> float | None:
    """A round's log advantage of one sample over another; None where either has no such figure."""
    if metric == "time_ns" and ours.get("repetitions") and theirs.get("repetitions"):
        try:
            return _blocks(ours).advantage_over(_blocks(theirs))
        except ValueError:
            return None
    a, b = ours["metrics"].get(metric), theirs["metrics"].get(metric)
    if not a or not b or a <= 0 or b <= 0:
        return None
    return math.log(a / b) if more_is_better else math.log(b / a)


def _blocks(sample: dict[str, Any]) -> Blocks:
    """Sorted once for each sample, which is held against many."""
    if "blocks" not in sample:
        sample["blocks"] = Blocks.of(sample["repetitions"])
    return sample["blocks"]  # type: ignore[no-any-return]


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
    drift: tuple[float, float] | None = None  #: medians of the first and the second half (drifts.py)
    modes: tuple[float, float] | None = None  #: medians of two groups that lie apart
    slide: tuple[float, float] | None = None  #: medians of the faster and the slower half (slides.py)
    doubt: str = ""  #: why a verdict was taken back
    widened: float | None = None  #: δ, where the A/A floor makes it more than was declared

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
    estimate: Estimate  #: at 95 %: does it cover the truth?
    level: float  #: at which standard's families claim: 1 - level
    claim: tuple[float, float] | None  #: log interval at that level
    verdict: str  #: of that interval, against the margin

    @property
    def covered(self) -> bool | None:
        truth = -math.log1p(self.percent / 100)
        interval = self.estimate.interval
        return None if interval is None else interval[0] <= truth <= interval[1]

    @property
    def shown(self) -> bool:
        """Slower, by however much: at the level of real claims."""
        return self.claim is not None and self.claim[1] < 0

    @property
    def reversed(self) -> bool:
        return self.claim is not None and self.claim[0] > 0


@dataclass
class TieSet:
    """The members that are not separated from the best of a family."""

    metric: str
    best: str
    members: list[str]  #: the best first
    resolved: bool  #: False: too few rounds to separate anybody
