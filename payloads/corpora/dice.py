# SPDX-License-Identifier: MIT
"""The random numbers that corpora are made of: the same for ever, in every version of Python."""

from __future__ import annotations

import random
from typing import Sequence, TypeVar

SEED = 20240229
T = TypeVar("T")
Document = dict[str, object]


class Dice:
    """Draws from one stream of uniform numbers; the stream depends on the payload's name only."""

    def __init__(self, name: str) -> None:
        self._random = random.Random(f"{SEED}/{name}")

    def unit(self) -> float:
        """Uniform in [0, 1), with all 53 bits of a double."""
        return self._random.random()

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high], for spans below 2^53."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.between(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], low: int, high: int) -> list[T]:
        """Between low and high different ones, in the order drawn."""
        rest = list(choices)
        return [rest.pop(self.between(0, len(rest) - 1)) for _ in range(self.between(low, high))]

    def id64(self) -> int:
        """An identifier like those of distributed databases: time, shard, counter; above 2^53."""
        return (self.between(2**39, 2**41) << 22) | self.between(0, 2**22 - 1)

    def millis(self) -> int:
        """A moment of the year 2024, in milliseconds since 1970."""
        return 1704067200000 + self.between(0, 366 * 86400 * 1000 - 1)

    def bell(self) -> float:
        """Roughly normal: mean 0, standard deviation 1. Added one by one: sum() rounds otherwise
        from Python 3.12 on."""
        total = -6.0
        for _ in range(12):
            total += self.unit()
        return total

    def skewed(self, most: int) -> int:
        """A whole number in [1, most], mostly small."""
        unit = self.unit()
        return int(unit * unit * unit * unit * most) + 1
