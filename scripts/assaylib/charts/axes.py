# SPDX-License-Identifier: MIT
"""Scales from data to pixels, with ticks that can be read whatever the range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Sequence

from .. import words
from .drawing import stroke, write


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels, logarithmic or linear, with its ticks."""

    low: float
    high: float
    left: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = True

    def at(self, value: float) -> float:
        scale = math.log if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)


def ratio_axis(
    values: Sequence[float], left: float, right: float, whole: bool = False
) -> Axis:
    """Logarithmic, with 1 on it and readable ticks whatever the range; whole: from a tick to a tick,
    with room between them and what is outermost, so that marks stay inside."""
    room = 1.25 if whole else 1.02
    low, high = min([1.0, *values]), max([1.0, *values])
    low, high = min(low / room, 0.97), max(high * room, 1.03)
    grids: tuple[tuple[float, ...], ...] = (
        (0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06),
        (0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25),
        (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2),
        (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10),
        tuple(float(f"{m}e{k}") for k in range(-4, 5) for m in (1, 2, 5)),
        tuple(10.0**k for k in range(-9, 10)),
    )
    reach = math.log(high / low)
    grid = grids[sum(reach >= limit for limit in (0.12, 0.3, 1.0, 2.6, 8))]
    if whole:
        low = max((t for t in grid if t <= low), default=low)
        high = min((t for t in grid if t >= high), default=high)
    return Axis(low, high, left, right, tuple((t, f"{t:g}") for t in grid if low <= t <= high))


def decade_axis(values: Sequence[float], left: float, right: float) -> Axis:
    """Logarithmic, from one of 1, 2, 5 · 10^n to another; whole decades where there are many."""
    steps = [m * 10.0**power for power in range(-3, 13) for m in (1, 2, 5)]
    low = max(s for s in steps if s <= max(min(values), steps[0]))
    high = min(s for s in steps if s >= min(max(values), steps[-1]) and s > low)
    wide = high / low > 200  # then whole decades suffice as ticks
    if wide:
        low, high = 10.0 ** math.floor(math.log10(low) + 1e-9), 10.0 ** math.ceil(
            math.log10(high) - 1e-9
        )
    ticks = tuple(
        (s, short(s))
        for s in steps
        if low <= s * 1.000001
        and s <= high * 1.000001
        and (not wide or s == 10.0 ** round(math.log10(s)))
    )
    return Axis(low, high, left, right, ticks)


def short(value: float) -> str:
    """1, 20, 5k, 1M."""
    group = max(0, min(4, math.floor(math.log10(value) + 1e-9) // 3))
    return f"{value / 1000.0**group:g}" + ["", "k", "M", "G", "T"][group]


def linear_axis(high: float, left: float, right: float, low: float = 0.0) -> Axis:
    step = 10.0 ** math.floor(math.log10((high - low) / 4 or 1))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if (high - low) / (step * m) <= 5.5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(
        (k * step, f"{k * step:g}".replace("-", words.MINUS)) for k in range(first, last + 1)
    )
    return Axis(first * step, last * step, left, right, ticks, log=False)


def frame(axis: Axis, top: float, bottom: float, title: str) -> str:
    parts = []
    last = -1e9
    for value, said in axis.ticks:
        x = axis.at(value)
        parts.append(stroke(x, top, x, bottom, "grid"))
        if x - last > 26:  # labels that would touch are left out
            parts.append(write(x, bottom + 15, said, "soft small mid"))
            last = x
    parts.append(write((axis.left + axis.right) / 2, bottom + 31, title, "soft small mid"))
    return "".join(parts)
