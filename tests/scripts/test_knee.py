# SPDX-License-Identifier: MIT
"""The estimate of a capacity, where the truth is known: simulated servers, no clock."""

from __future__ import annotations

import math
import random

import pytest
from assaylib.scenarios import capacity, knee, outcome
from assaylib.scenarios.knee import Knee, Step

LIMIT_NS = 5e6
STEPS, LOW, HIGH = 10, 0.35, 1.15
RUNS, ROUNDS = 300, 7


def test_monotone_is_the_nearest_that_never_falls() -> None:
    assert knee.monotone([1, 2, 3]) == [1, 2, 3]
    assert knee.monotone([3, 1, 2]) == [2, 2, 2]
    assert knee.monotone([1, 4, 2, 5]) == [1, 3, 3, 5]
    values = [random.Random(1).gauss(0, 1) for _ in range(50)]
    fitted = knee.monotone(values)
    assert fitted == sorted(fitted) and sum(fitted) == pytest.approx(sum(values))


def steps(*p99_ms: float | None) -> list[Step]:
    return [Step(1000.0 * (i + 1), ms and ms * 1e6) for i, ms in enumerate(p99_ms)]


def test_the_knee_lies_between_the_rates_where_the_limit_is_crossed() -> None:
    found = knee.of_round(steps(1, 1, 2, 12.5, 50), LIMIT_NS)
    assert found and (found.below_hz, found.above_hz) == (3000, 4000)
    assert found.hz == pytest.approx(math.sqrt(3000 * 4000), rel=1e-6), "2.5 times below and above: in the middle"


def test_errors_are_beyond_the_knee_whatever_the_latency() -> None:
    one = [Step(1000, 1e6), Step(2000, 1e6), Step(3000, 1e6, broken=True), Step(4000, None)]
    found = knee.of_round(one, LIMIT_NS)
    assert found and (found.below_hz, found.above_hz) == (2000, 3000)


def test_one_hiccup_at_a_low_rate_is_outvoted() -> None:
    found = knee.of_round(steps(1, 80, 1, 1, 2, 50, 60), LIMIT_NS)
    assert found and found.below_hz == 5000


def test_what_lies_beyond_the_grid_is_said_to() -> None:
    never, always = knee.of_round(steps(9, 10, 60), LIMIT_NS), knee.of_round(steps(1, 1, 2), LIMIT_NS)
    assert never and always and never.censored and always.censored
    above = knee.over_rounds([always] * 7)
    assert above and above.censored == "above" and above.interval == (3000, math.inf)
    below = knee.over_rounds([never] * 7)
    assert below and below.censored == "below" and below.interval == (0, 1000)
    assert knee.of_round(steps(1), LIMIT_NS) is None and knee.over_rounds([]) is None


def test_a_median_that_may_lie_beyond_the_grid_is_said_to() -> None:
    inside, above, below = Knee(3300, 3000, 4000), Knee(2000, 2000, math.inf), Knee(1000, 0, 1000)
    half = knee.over_rounds([inside, inside, above, above])
    assert half and (half.censored, half.hz) == ("above", 2000)
    less = knee.over_rounds([inside, inside, inside, above, above])
    assert less and (less.censored, less.hz) == ("", 3300), "those beyond the grid are the highest"
    half = knee.over_rounds([inside, below])
    assert half and (half.censored, half.hz) == ("below", 1000)


def test_a_bound_is_no_figure_for_the_order() -> None:
    """In one of nine rounds a rival is at least 75, or the best at most 100: it may be anybody."""
    rounds, other = range(1, 10), {"c": dict.fromkeys(range(1, 10), 60.0), "d": dict.fromkeys(range(1, 10), 60.0)}
    values = {"a": dict.fromkeys(rounds, 100.0), "b": dict.fromkeys(rounds, 75.0), **other}
    plain = outcome.rank(values, more=True)
    assert plain and plain.tied == ["a"]
    for beyond in ({"b": {4: 1}}, {"a": {4: -1}}):
        found = outcome.rank(values, more=True, beyond=beyond)
        assert found and found.resolved and found.tied[:2] == ["a", "b"]
        interval = found.over["b"].interval
        assert interval and interval[0] == -math.inf and interval[1] == pytest.approx(math.log(100 / 75))
    for beyond in ({"b": {4: -1}}, {"a": {4: 1}}):
        found = outcome.rank(values, more=True, beyond=beyond)
        assert found and found.tied == ["a"] and found.over["b"].interval
        assert found.over["b"].interval[1] == math.inf
    fewest = outcome.rank({"a": values["a"], "b": values["b"]}, more=False, beyond={"b": {4: 1, 5: 1}})
    assert fewest and fewest.best == "b" and fewest.tied == ["b", "a"], "less is better: it may be more"
    assert capacity._span(-math.inf, math.log(1.25)) == "at least 0.80"
    assert capacity._span(math.log(1.25), math.inf) == "0.00 to 0.80"
    assert capacity._span(-math.inf, math.inf) == "anything"


def test_no_interval_with_fewer_than_six_rounds() -> None:
    some = [Knee(3300, 3000, 4000)] * 5
    few, enough = knee.over_rounds(some), knee.over_rounds([*some, some[0]])
    assert few and few.interval is None and few.needed == 6
    assert enough and enough.interval == (3000, 4000)


def rate(service_hz: float) -> float:
    """Of M/M/1, whose sojourn time is exponential with μ − λ: the λ at which p99 is the limit."""
    return service_hz - math.log(100) / (LIMIT_NS / 1e9)


def measured(generator: random.Random, service_hz: float, offered_hz: float) -> Step:
    """A fresh server, some 2 % faster or slower than others; a p99 that is itself an estimate; and one
    step in 30 meets a hiccup."""
    mu = service_hz * math.exp(generator.gauss(0, 0.02))
    if offered_hz >= 0.99 * mu:
        return Step(offered_hz, 1e9, broken=True)
    p99_ns = 1e9 * math.log(100) / (mu - offered_hz) * math.exp(generator.gauss(0, 0.1))
    return Step(offered_hz, p99_ns * (30 if generator.random() < 1 / 30 else 1))


def simulated(generator: random.Random, service_hz: float) -> dict[int, Knee]:
    """A run's knees: the pilot that places the grid is off by some 8 %."""
    pilot = service_hz * math.exp(generator.gauss(-0.05, 0.08))
    grid = [pilot * share for share in knee.geometric(LOW, HIGH, STEPS)]
    found = {}
    for number in range(ROUNDS):
        one = knee.of_round([measured(generator, service_hz, hz) for hz in grid], LIMIT_NS)
        if one:
            found[number] = one
    return found


def test_the_interval_covers_the_truth() -> None:
    generator = random.Random(20)
    truth, missed, errors = rate(10000), 0, []
    for _ in range(RUNS):
        found = knee.over_rounds(list(simulated(generator, 10000).values()))
        assert found and found.interval
        missed += not found.interval[0] <= truth <= found.interval[1]
        errors.append(found.hz / truth - 1)
    assert missed <= 0.05 * RUNS, "95 % at least"
    errors.sort()
    assert abs(errors[RUNS // 2]) < 0.03 and max(map(abs, errors)) < 0.12, "less than a step of the grid"


def ranked(generator: random.Random, *service_hz: float) -> outcome.Ranking:
    values = {f"m{i}": {n: k.hz for n, k in simulated(generator, hz).items()} for i, hz in enumerate(service_hz)}
    half_step = (HIGH / LOW) ** (0.5 / (STEPS - 1)) - 1
    found = outcome.rank(values, more=True, delta=half_step)
    assert found
    return found


def test_equals_are_tied_and_the_better_is_found() -> None:
    generator = random.Random(21)
    equal = [ranked(generator, 10000, 10000, 10000, 10000) for _ in range(100)]
    assert all(one.resolved for one in equal)
    assert sum(len(one.tied) < 4 for one in equal) <= 5, "the best of four equals is no winner"
    better = [ranked(generator, 10000, 13000, 10000, 10000) for _ in range(100)]
    assert sum(one.tied == ["m1"] for one in better) >= 75
    few = outcome.rank({"a": dict.fromkeys(range(5), 9.0), "b": dict.fromkeys(range(5), 1.0)}, more=True)
    assert few and not few.resolved and few.tied == ["a", "b"]
