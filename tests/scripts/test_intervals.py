# SPDX-License-Identifier: MIT
"""The statistics that judgements rest on, against published tables and what they promise."""

from __future__ import annotations

import math
import random

import pytest
from assaylib import intervals, judge


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


def test_a_percentile_of_too_few_requests_is_none():
    told = {"planned": 2999, "p50_ns": 1, "p99_ns": 2, "p999_ns": 3, "lag_p99_ns": 4, "service_p99_ns": 5}
    assert intervals.enough(told) == {**told, "p999_ns": None}
    assert intervals.enough({**told, "planned": 299}) == {**told, "planned": 299, "p999_ns": None, "p99_ns": None}
    assert intervals.enough({**told, "planned": 3000}) == {**told, "planned": 3000}
    apart = {"planned": 5000, "p99_ns": 1, "fast_planned": 300, "fast_p99_ns": 2, "heavy_planned": 299, "heavy_p99_ns": 3}
    assert intervals.enough(apart) == {**apart, "heavy_p99_ns": None}
    before = {"p99_ns": 2, "p999_ns": 3}
    assert intervals.enough(before) == before, "runs of before did not tell how many were due"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([300, 5000], "p99"),
        ([], "p99"),
        ([7, 99], "slowest of 7 to 99"),
        ([150], "second slowest of 150"),
        ([99, 100], "slowest or second slowest of 99 to 100"),
        ([200, 299], "third slowest of 200 to 299"),
        ([250, 300], "third slowest or p99 of 250 to 300"),
    ],
)
def test_the_99th_percentile_of_few_is_called_what_it_is(counts, said):
    assert intervals.p99_said(counts) == said
    names = dict(zip(intervals.SLOWEST, range(3)))
    for n in counts:
        if n < 300:
            place = n - 1 - judge.percentile(range(n), 0.99)
            assert place == n // 100 and place in names.values()


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
