# SPDX-License-Identifier: MIT
"""The highest rate at which a service level holds, from steps of load: a monotone fit per round, and
an interval over rounds.

A round is a latency at each rate of a grid. Latency can only rise with load, so it is fitted by the
non-decreasing function nearest to it in least squares (pool adjacent violators; Barlow, Bartholomew,
Bremner and Brunk, Statistical Inference under Order Restrictions, 1972), in logarithms and bounded to
BOUND times the limit on either side: one hiccup at a low rate is outvoted by the steps above it, where
a bisection would never come back from it. The round's knee is where the fit crosses the limit, between
two rates of the grid by interpolation; the two rates are kept beside it, so that what the grid cannot
tell is never taken for precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..intervals import ALPHA, interval_rank, median, rounds_needed

BOUND = 4.0


@dataclass(frozen=True)
class Step:
    """One step of load in one round."""

    rate_hz: float
    p99_ns: float | None  #: None: not one answer
    broken: bool = False  #: wrong or failed replies, or the rate was not reached: no latency excuses that


@dataclass(frozen=True)
class Knee:
    """Of one round. below: the highest rate of the grid at which the fit holds, 0 if it never does;
    above: the next one, infinite if it always does."""

    hz: float
    below_hz: float
    above_hz: float

    @property
    def censored(self) -> bool:
        """The grid ends before the level does, or begins beyond it: hz is its end, not a knee."""
        return bool(self.side)

    @property
    def side(self) -> int:
        """1: the knee is at least hz; -1: at most; 0: it is hz."""
        return 1 if math.isinf(self.above_hz) else -1 if self.below_hz == 0 else 0


def monotone(values: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to these, all weighing the same."""
    blocks: list[tuple[float, int]] = []  # sum, count
    for value in values:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            (low, n), (high, m) = blocks[-2:]
            blocks[-2:] = [(low + high, n + m)]
    return [total / count for total, count in blocks for _ in range(count)]


def excess(step: Step, limit_ns: float) -> float:
    """log(p99 ÷ limit), bounded: above 0 the level does not hold."""
    edge = math.log(BOUND)
    if step.broken or not step.p99_ns:
        return edge
    return min(edge, max(-edge, math.log(step.p99_ns / limit_ns)))


def of_round(steps: Sequence[Step], limit_ns: float) -> Knee | None:
    """None with fewer than two steps: there is nothing to fit."""
    ordered = sorted(steps, key=lambda step: step.rate_hz)
    if len(ordered) < 2:
        return None
    fit = monotone([excess(step, limit_ns) for step in ordered])
    rates = [step.rate_hz for step in ordered]
    first = next((i for i, y in enumerate(fit) if y > 0), None)
    if first is None:
        return Knee(rates[-1], rates[-1], math.inf)
    if first == 0:
        return Knee(rates[0], 0.0, rates[0])
    below, above = fit[first - 1], fit[first]
    share = -below / (above - below)
    low, high = math.log(rates[first - 1]), math.log(rates[first])
    return Knee(math.exp(low + share * (high - low)), rates[first - 1], rates[first])


@dataclass(frozen=True)
class Capacity:
    """Over rounds. The interval's ends are rates of the grid: with the sign test's confidence the
    median knee is not below the one nor above the other."""

    hz: float
    rounds: int
    interval: tuple[float, float] | None  #: 0 and infinite: beyond the grid
    censored: str = ""  #: "above" or "below": the median lies beyond the grid

    @property
    def open(self) -> bool:
        """May it lie above the grid?"""
        return self.censored == "above" or bool(self.interval and math.isinf(self.interval[1]))

    @property
    def under(self) -> bool:
        """May it lie below the grid?"""
        return self.censored == "below" or bool(self.interval and not self.interval[0])

    @property
    def needed(self) -> int:
        return rounds_needed(ALPHA)


def over_rounds(knees: Sequence[Knee]) -> Capacity | None:
    if not knees:
        return None
    rank = interval_rank(len(knees), ALPHA)
    interval = None
    if rank:
        lows = sorted(knee.below_hz for knee in knees)
        highs = sorted(knee.above_hz for knee in knees)
        interval = lows[rank - 1], highs[-rank]
    # A knee beyond the grid is above or below all that lie on it, wherever the grid of its round ended.
    hz = median([(0.0, knee.hz, math.inf)[1 + knee.side] for knee in knees])
    beyond, under = (2 * sum(knee.side == side for knee in knees) >= len(knees) for side in (1, -1))
    if beyond or under:
        hz = median([knee.hz for knee in knees if knee.censored])
    return Capacity(hz, len(knees), interval, "above" if beyond else "below" if under else "")


def geometric(low: float, high: float, count: int) -> list[float]:
    """So many from low to high, each the same factor above the last."""
    return [low * (high / low) ** (i / (count - 1)) for i in range(count)]
