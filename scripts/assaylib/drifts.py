# SPDX-License-Identifier: MIT
"""Does a ratio drift over the run (METHOD 1.13)? Kendall's exact trend of a comparison's log ratios over
its rounds, in the order of time. Then the median over rounds stands for a mixture of then and now,
and a claim has to hold in the first half of the rounds and in the second."""

from __future__ import annotations

from collections.abc import Sequence

from .intervals import median, trend

#: A trend counts below this p-value; dozens of comparisons are looked at.
DRIFT_P = 0.001
DOUBT = "the ratio drifts over the run, and its two halves do not say the same"


def drift(values: Sequence[float]) -> tuple[float, float] | None:
    """values: in the order of their rounds. Medians of the first half and of the second (an odd one in
    the middle is in neither), or None: no drift was seen."""
    if trend(values)[1] >= DRIFT_P:
        return None
    half = len(values) // 2
    return median(values[:half]), median(values[-half:])
