# SPDX-License-Identifier: MIT
"""How far the absolute figures of a baseline swung over a run. Ratios are tested for drift,
modes and slides; absolute times are not, and on a shared machine they swing much further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from . import judge
from .judge import Family

#: 90th over 10th percentile from which on absolute figures are called unstable.
SWING_MAX = 1.25


@dataclass(frozen=True)
class Swing:
    """A baseline's figure over the rounds that count, one value per process."""

    family: Family
    metric: str
    values: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """90th ÷ 10th percentile (nearest rank): what four fifths of the processes lie within."""
        return judge.percentile(self.values, 0.9) / judge.percentile(self.values, 0.1)

    @property
    def whole(self) -> float:
        return max(self.values) / min(self.values)


def swings(families: Sequence[Family]) -> list[Swing]:
    """Of every family and judged metric with at least two values."""
    found = []
    for family in families:
        for metric in judge.JUDGED[family.kind]:
            values = tuple(v for _, v in family.series(family.baseline, metric))
            if len(values) > 1 and min(values) > 0:
                found.append(Swing(family, metric, values))
    return found
