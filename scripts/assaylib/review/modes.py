# SPDX-License-Identifier: MIT
"""Two groups of processes where one was expected. The judge's own test (intervals.two_modes) compares
the gap with the whole range of either side, which a single straggler widens; here it is compared with the
spread within the sides, so that more of them are seen."""

from __future__ import annotations

import math
from typing import Sequence

from ..intervals import median

#: The gap must be so many times the standard deviation within the sides, divided by the number of values.
#: Simulated for 8 to 30 values: draws from a uniform, a normal, an exponential or a t distribution with
#: three degrees of freedom show a gap like that in about one of a thousand or less.
GAP = 90.0
LEAST_VALUES = 8
LEAST_GAP = 0.01  # of a log ratio: 1 %


def two_modes(values: Sequence[float]) -> tuple[float, float] | None:
    """Medians of two groups of log ratios, each at least a quarter of the values, or None."""
    ordered, count = sorted(values), len(values)
    if count < LEAST_VALUES:
        return None
    least = max(2, math.ceil(count / 4))
    cut = max(range(least, count - least + 1), key=lambda i: ordered[i] - ordered[i - 1])
    low, high = ordered[:cut], ordered[cut:]
    gap = high[0] - low[-1]
    spread = math.sqrt((_squares(low) + _squares(high)) / (count - 2))
    if gap < LEAST_GAP or gap < GAP / count * spread:
        return None
    return median(low), median(high)


def _squares(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values)
