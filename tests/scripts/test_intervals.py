# SPDX-License-Identifier: MIT
"""The statistics that judgements rest on, against published tables and what they promise."""

from __future__ import annotations

import math
import random

import pytest
from assaylib import judge


@pytest.mark.parametrize(
    "alpha, rounds",
    [(0.05, 6), (0.05 / 2, 7), (0.05 / 4, 8), (0.05 / 10, 9), (0.05 / 40, 11), (0.05 / 100, 12)],
)
def test_rounds_that_an_interval_needs(alpha, rounds):
    assert judge.rounds_needed(alpha) == rounds
    assert judge.order_interval(range(rounds - 1), alpha) is None
    assert judge.order_interval(range(rounds), alpha) == (0, rounds - 1)


@pytest.mark.parametrize("n, rank", [(10, 2), (15, 4), (20, 6), (30, 10), (50, 18)])
def test_ranks_agree_with_published_tables(n, rank):
    # Conover, Practical Nonparametric Statistics, table A3 (two-sided 5 % points of the sign test).
    assert judge.interval_rank(n) == rank


def test_median_and_percentile():
    assert judge.median([3, 1, 2]) == 2
    assert judge.median([4, 1, 2, 3]) == 2.5
    assert judge.percentile(range(1, 101), 0.95) == 95
    assert judge.percentile([7], 0.95) == 7
    with pytest.raises(ValueError):
        judge.median([])


def test_interval_and_p_value_agree():
    rng = random.Random(1)
    both = set()
    for _ in range(2000):
        values = [
            rng.choice([0.0, rng.gauss(0.5, 1)]) if rng.random() < 0.1 else rng.gauss(0.5, 1)
            for _ in range(rng.randint(6, 30))
        ]
        low, high = judge.order_interval(values)
        excludes = low > 0 or high < 0
        both.add(excludes)
        assert excludes == (judge.sign_test(values) <= judge.ALPHA)
    assert both == {True, False}


def test_holm_by_hand():
    assert judge.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert judge.holm([0.9, 0.8]) == [1.0, 1.0]
    assert judge.holm([]) == []


@pytest.mark.parametrize("n, bound", [(200, 15), (60, 6), (8, 2), (2, 1)])
def test_misses_that_chance_allows(n, bound):
    assert judge.binomial_bound(n) == bound


@pytest.mark.parametrize(
    "n, alpha", [(8, 0.05), (10, 0.025), (15, 0.05), (15, 0.0125), (30, 0.05 / 40)]
)
def test_coverage_is_not_below_nominal(n, alpha):
    """Also for skewed values: the interval is of the median and assumes no distribution."""
    rng = random.Random(n)
    truth = math.log(2)  # median of the unit exponential
    trials = 4000
    missed = 0
    for _ in range(trials):
        low, high = judge.order_interval([rng.expovariate(1) for _ in range(n)], alpha)
        missed += not low <= truth <= high
    sd = math.sqrt(alpha * (1 - alpha) / trials)
    assert missed / trials <= alpha + 3 * sd
