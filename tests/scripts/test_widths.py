# SPDX-License-Identifier: MIT
"""Which intervals are as narrow as their tier wants them, and why others are not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import judge, makeup, widths

PLANNED = 12


def measured(spread: dict[str, float], stopped: dict[str, dict[str, Any]]) -> judge.Judgement:
    """Families of codecs whose processes differ by so much; stopped: what the run's last line says."""
    rng = random.Random(3)
    run, lines = synthetic.make_run("standard", kinds=())
    run["half_width"] = 0.01
    for id, between in spread.items():
        truth = {"cjson": 1000.0, "rival": 300.0, "cjson.same": 1000.0}
        plan = {
            "id": id, "kind": id.partition("/")[0], "title": id, "baseline": "cjson", "members": list(truth),
            "aliases": {"cjson.same": "same"}, "floors": {}, "rounds": PLANNED, "iterations": {}, "note": None,
        }  # fmt: skip
        lines += synthetic.micro_family(
            rng, run, plan, truth, rounds=PLANNED, count=5, noise=0.001, between=between, steal={i: 0.0 for i in range(PLANNED)}
        )
    end = {"schema": 1, "kind": "end", "families": stopped}
    return judge.judge(run, [*lines, end])


def said(judged: judge.Judgement) -> tuple[str, str]:
    (check,) = widths.check(judged)
    return check.state, check.text


def test_narrow_everywhere() -> None:
    state, text = said(measured({"codec/a/encode": 0.001, "model/b": 0.001}, {}))
    assert state == "good" and text == "every interval of 2 codec and in-process families is within ±1\u202f%"


@pytest.mark.parametrize(
    "told,why",
    [
        ({"stopped": makeup.TIME_BUDGET, "wanted": 40}, "the time was up after 12 of 40 rounds"),
        ({"stopped": makeup.WIDENED, "wanted": 48}, "12 rounds, 4 × the planned, are the most that it may take"),
        ({"stopped": makeup.WIDENED, "wanted": 20}, "12 rounds, as many as its first width took, came out wider"),
        ({}, "12 rounds"),
    ],
)
def test_a_wide_one_is_named_with_its_reason(told: dict[str, Any], why: str) -> None:
    state, text = said(measured({"codec/a/encode": 0.001, "model/b": 0.05}, {"model/b": told}))
    assert state == "note"
    assert text.startswith("the intervals of 1 of 2 codec and in-process families are within ±1\u202f%; the widest")
    assert "model/b (rival ±" in text and text.endswith(f": {why})")


def test_a_machine_whose_speed_swings_is_named() -> None:
    _, text = said(measured({"model/b": 0.3}, {}))
    assert "12 rounds; cJSON's own time swung by " in text


def test_the_widest_come_first_and_not_all() -> None:
    spread = dict.fromkeys((f"codec/p{i}/encode" for i in range(7)), 0.02) | {"model/b": 0.9, "model/a": 0.2}
    _, text = said(measured(spread, {}))
    assert text.index("model/b") < text.index("model/a") and text.endswith("; 7 more under Raw data")


def test_a_tier_that_wants_no_width_says_nothing() -> None:
    judged = measured({"model/b": 0.05}, {})
    judged.run["half_width"] = None
    assert widths.check(judged) == []


def test_services_are_another_matter(tmp_path: Path) -> None:
    run, lines = synthetic.make_run("standard", kinds=("service",))
    assert widths.check(judge.judge({**run, "half_width": 0.01}, lines)) == []
