# SPDX-License-Identifier: MIT
"""How numbers and verdicts are said: never better than they are."""

from __future__ import annotations

import math

import pytest

import conftest  # noqa: F401: the path
from assaylib import judge, words


def test_claims_are_rounded_against_themselves():
    assert words.floor(18.999, 1) == "18.9" and words.ceiling(1.0001, 2) == "1.01"
    assert words.span(0.99951, 1.00049, 3) == "0.999 to 1.001"
    assert words.fixed(1234567.4, 0) == f"1{words.SPACE}234{words.SPACE}567"
    assert words.fixed(-0.0001, 2) == "0.00" and words.fixed(-1.5, 1) == f"{words.MINUS}1.5"
    low = judge.Comparison(
        "f", "m", "time_ns", "b", judge.Estimate.of([0.0499] * 8, 0.05), judge.BETTER
    )
    assert words.verdict(low, 0.03) == f"faster, at least 1.051{words.SPACE}× as fast"
    slow = judge.Comparison(
        "f", "m", "time_ns", "b", judge.Estimate.of([-1.2] * 8, 0.05), judge.WORSE
    )
    assert words.verdict(slow, 0.03) == f"slower, takes at least 3.32{words.SPACE}× the time"


def test_at_least_is_an_end_of_the_interval_beside_it():
    """To the last digit: whoever compares the two finds the same number."""
    for ends, said in (((1.0467, 1.168), "1.046 × (`e`: 1.12 × [1.046, 1.168])"), ((7.7234, 39.7), "7.72 × (`e`: ")):
        values = [math.log(end) for end in (ends[0], 1.12 if ends[1] < 2 else 30.0, ends[1])]
        estimate = judge.Estimate(values, 0.05, values[1], (values[0], values[2]))
        near = judge.Comparison("model/e", "m", "time_ns", "b", estimate, judge.BETTER)
        far = judge.Estimate([5.0], 0.05, 5.0, (4.9, 5.1))
        found = words.claim([near, judge.Comparison("model/f", "m", "time_ns", "b", far, judge.BETTER)], True)
        assert said in found.replace(words.SPACE, " "), found


@pytest.mark.parametrize(
    "metric, verdict, ends, said",
    [
        ("time_ns", judge.BETTER, (1.2566, 1.9), "faster, at least 1.25 × as fast"),
        ("time_ns", judge.BETTER, (5.679, 6), "faster, at least 5.67 × as fast"),
        ("time_ns", judge.WORSE, (0.451, 0.5177), "slower, takes at least 1.93 × the time"),
        ("cpu_ns_per_request", judge.WORSE, (0.4, 0.8), "dearer, takes at least 1.25 × the CPU"),
        ("closed_hz", judge.BETTER, (1.5, 1.7), "higher, reaches at least 1.50 × the throughput"),
        ("closed_hz", judge.WORSE, (0.4, 0.5177), "lower, reaches at most 0.518 × the throughput"),
    ],
)
def test_one_form_for_every_verdict(metric, verdict, ends, said):
    import math

    values = [math.log(ends[0] + (ends[1] - ends[0]) * i / 5) for i in range(6)]
    found = judge.Comparison("f", "m", metric, "b", judge.Estimate.of(values, 0.05), verdict)
    assert words.verdict(found, 0.03).replace(words.SPACE, " ") == said


def test_a_test_that_rejects_is_not_denied_where_the_interval_holds_one():
    """Holm steps down: its p may be below 0.05 where the simultaneous interval still holds 1."""
    values = [-0.1, *(0.1 + 0.1 * i for i in range(11))]
    wide = judge.Estimate.of(values, 0.05 / 40)
    found = judge.Comparison("f", "m", "time_ns", "b", wide, judge.UNRESOLVED, p_holm=0.0469)
    said = words.verdict(found, 0.03)
    assert "Holm's test alone tells it from 1, the wider simultaneous interval does not" in said
    assert "could not have been told from none" not in said and "no claim is made" in said
    found.p_holm = 0.06
    assert "could not have been told from none" in words.verdict(found, 0.03)
    few = judge.Estimate.of([0.5] * 6, 0.05 / 4)
    found = judge.Comparison("f", "m", "time_ns", "b", few, judge.NO_INTERVAL, p_holm=0.0312)
    said = words.verdict(found, 0.03)
    assert said.startswith("no interval: 6 of 8 rounds needed; Holm's test alone tells it from 1")
    found.p_holm = 0.06
    assert words.verdict(found, 0.03) == "no interval: 6 of 8 rounds needed"
