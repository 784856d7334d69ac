# SPDX-License-Identifier: MIT
"""Slopes without a distribution: against enumeration, and against a truth that is known."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from assaylib import slopes


def test_a_line_is_found_exactly() -> None:
    line = slopes.slope([(x, 7.0 + 3.0 * x) for x in (1, 2, 5, 9, 20, 40)])
    assert line.value == pytest.approx(3) and line.at(100) == pytest.approx(307)
    assert line.interval == pytest.approx((3, 3))
    assert slopes.deviation([(0, 0.0), (5, 10.0), (10, 10.0)], slopes.slope([(0, 0.0), (10, 10.0)])) == 0.5


def test_one_wild_point_moves_nothing() -> None:
    points = [(float(x), 2.0 * x) for x in range(9)]
    points[4] = (4.0, 1e6)
    assert slopes.slope(points).value == pytest.approx(2)


@pytest.mark.parametrize("count", [5, 6, 7])
def test_the_rank_is_that_of_every_order_there_is(count: int) -> None:
    """So many orders of n values have fewer than k pairs out of order, and one more would be too many."""
    rank = slopes.slope_rank(count, 0.05)
    assert rank is not None
    inversions = [
        sum(a > b for a, b in itertools.combinations(order, 2))
        for order in itertools.permutations(range(count))
    ]
    missed = [2 * sum(i < k for i in inversions) / math.factorial(count) for k in (rank, rank + 1)]
    assert missed[0] <= 0.05 < missed[1]


def test_too_few_points_have_no_interval() -> None:
    assert slopes.slope([(1, 1), (2, 2), (3, 3), (4, 4)]).interval is None
    assert slopes.slope([(1, 1), (1, 2), (2, 2), (3, 3), (4, 4), (5, 5)]).interval is None, "an x comes twice"
    with pytest.raises(ValueError):
        slopes.slope([(1, 1), (1, 2)])


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Errors with heavy tails: 400 intervals at 95 % miss 20; three standard deviations are 13 more."""
    chance, missed = random.Random(4), 0
    for _ in range(400):
        points = [
            (float(x), 1.5 * x + chance.gauss(0, 1) / (abs(chance.gauss(0, 1)) + 0.1)) for x in range(12)
        ]
        found = slopes.slope(points).interval
        assert found is not None
        missed += not found[0] <= 1.5 <= found[1]
    assert 3 <= missed <= 33
