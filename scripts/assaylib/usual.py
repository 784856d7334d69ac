# SPDX-License-Identifier: MIT
"""What usual ways claim from the raw data that is judged here by pairs of processes: Google Benchmark's
compare.py, and whoever compares two means.

compare.py (1.7.1; gbench/report.py: calc_utest, print_utest) gives the repetitions of both sides to
scipy's mannwhitneyu, two-sided: exact up to eight repetitions without ties, else by the normal
approximation. It speaks of a difference where p < 0.05, asks for 2 repetitions and recommends 9. People
give it the files of two processes, one after the other; both sides in one process, as here they
alternate, is kinder to it than what it is used for."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from .families import Family
from .shifts import shift

ALPHA = 0.05  # compare.py --alpha
REPETITIONS_MIN = 2  # UTEST_MIN_REPETITIONS
EXACT_MAX = 8  # scipy: method="auto"
MEANS_PERCENT = 1.0  # from which difference of means "compare the means" speaks of one


@dataclass
class Way:
    count: int = 0
    claims: int = 0
    reversed: int = 0  #: claims that a member is faster which is slowed down or equal

    def add(self, claim: bool, first: float, second: float) -> None:
        """first: what this way takes for the baseline's time."""
        self.count += 1
        self.claims += claim
        self.reversed += claim and second < first


@dataclass
class Claims:
    two: Way = field(default_factory=Way)  #: compare.py, the member in the process after the baseline's
    one: Way = field(default_factory=Way)  #: compare.py, both in one process
    means: Way = field(default_factory=Way)  #: of two processes

    def add(self, family: Family, member: str) -> None:
        """From the first processes that count; a service has no repetitions."""
        base, rival = (_processes(family, name) for name in (family.baseline, member))
        both = [number for number in base if number in rival]
        if not both:
            return
        first, beside = base[both[0]], rival[both[0]]
        self.one.add(u_test(first, beside) < ALPHA, *map(statistics.median, (first, beside)))
        if len(both) > 1:
            after = rival[both[1]]
            self.two.add(u_test(first, after) < ALPHA, *map(statistics.median, (first, after)))
            self.means.add(means_apart(first, after), *map(statistics.fmean, (first, after)))


def _processes(family: Family, member: str) -> dict[int, list[float]]:
    """Round → the repetitions of its process, in nanoseconds."""
    samples = family.samples.get(member, {})
    found = {number: samples[number].get("repetitions") or [] for number in sorted(samples)}
    return {n: [ns for _, ns in blocks] for n, blocks in found.items() if len(blocks) >= REPETITIONS_MIN}


def u_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p-value of Mann and Whitney's test, as compare.py has it from scipy."""
    n, m = len(first), len(second)
    ranks: dict[float, list[int]] = {}
    for rank, value in enumerate(sorted([*first, *second]), 1):
        ranks.setdefault(value, []).append(rank)
    if min(n, m) <= EXACT_MAX and len(ranks) == n + m:
        return shift(first, second, ALPHA).p
    u = sum(statistics.fmean(ranks[value]) for value in first) - n * (n + 1) / 2
    ties = sum(len(r) ** 3 - len(r) for r in ranks.values())
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def means_apart(first: Sequence[float], second: Sequence[float]) -> bool:
    a, b = statistics.fmean(first), statistics.fmean(second)
    return max(a, b) / min(a, b) > 1 + MEANS_PERCENT / 100
