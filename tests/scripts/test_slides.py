# SPDX-License-Identifier: MIT
"""Ratios that slide with the machine's speed, or do not."""

from __future__ import annotations

import math
import random

import pytest
from assaylib import judge, slides, words


def family_on_a_machine_of_changing_speed(seed, gain, rounds=15, advantage=3.0, noise=0.02):
    """One rival and an alias beside the baseline, in processes on a machine whose log speed varies.
    The rival's time follows the speed with the power 1 - gain: its ratio slides unless gain is 0."""
    rng = random.Random(seed)
    members = ["base", "rival", "base.same"]
    plan = {
        "id": "codec/x/encode",
        "kind": "codec",
        "baseline": "base",
        "members": members,
        "aliases": {"base.same": "same"},
        "floors": {},
    }
    lines = []
    for number in range(rounds):
        slow = rng.gauss(0, 0.2)
        for name in members:
            log = (1 - gain) * slow - math.log(advantage) if name == "rival" else slow
            ns = 1000 * math.exp(log + rng.gauss(0, noise))
            lines.append(
                {
                    "kind": "codec",
                    "family": plan["id"],
                    "member": name,
                    "round": number,
                    "status": "ok",
                    "metrics": {"time_ns": ns},
                }
            )
    run = {"margin_percent": 3, "families": [plan]}
    return judge.judge(run, lines).families[0]


def test_a_ratio_that_slides_with_the_speed_is_found_and_keeps_what_both_halves_say():
    for seed in range(30):
        (found,) = family_on_a_machine_of_changing_speed(seed, gain=0.5).comparisons
        fast, slow = map(math.exp, found.slide)
        assert fast < slow and found.verdict == judge.BETTER
        # Claims are never better than the worse half.
        assert words.claimed(found) == min(math.exp(found.estimate.interval[0]), fast)
        assert words.ratio(fast) in words.verdict(found, 0.03)
        assert words.ratio(slow) in words.verdict(found, 0.03)


def test_a_slide_across_the_margin_takes_the_verdict_back():
    doubted = 0
    for seed in range(60):
        family = family_on_a_machine_of_changing_speed(seed, gain=0.9, advantage=1.12, rounds=31)
        (found,), delta = family.comparisons, family.delta
        assert found.slide
        if {judge.verdict((half, half), delta) for half in found.slide} == {judge.BETTER}:
            continue
        assert found.verdict != judge.BETTER
        doubted += found.doubt == slides.DOUBT
        said = words.verdict(found, delta)
        assert all(words.ratio(math.exp(half)) in said for half in found.slide)
        if not slides.stands(judge.BETTER, slides.slide(family, "rival", "base", "time_ns", False), delta):
            assert set(family.ties[0].members) == {"rival", "base"}
    assert doubted > 0
    assert slides.stands(judge.BETTER, (0.1, 0.2), 0.03)
    assert not slides.stands(judge.BETTER, (0.02, 0.2), 0.03)
    assert not slides.stands(judge.EQUIVALENT, (-0.04, 0.01), 0.03)
    assert slides.stands(judge.UNRESOLVED, (-1, 1), 0.03) and slides.stands(judge.BETTER, None, 0.03)


@pytest.mark.parametrize("noise", [0.02, 1.0])
def test_no_slide_is_seen_where_there_is_none(noise):
    """Also where noise of its own is all that moves a baseline, and sorting by it would find one."""
    trials = 400
    marked = sum(
        family_on_a_machine_of_changing_speed(seed, 0, noise=noise).comparisons[0].slide is not None
        for seed in range(trials)
    )
    assert marked / trials <= slides.SLIDE_P + 3 * math.sqrt(slides.SLIDE_P / trials)
