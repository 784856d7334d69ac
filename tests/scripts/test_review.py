# SPDX-License-Identifier: MIT
"""check on runs whose truth is known: what was put into them is found and held against the claims that it
spoils, and a run into which nothing was put is left alone."""

from __future__ import annotations

import copy
import math
import random
import re
from typing import Any, Callable

import pytest

import conftest  # noqa: F401: the path
import synthetic
from assaylib import check, checks, judge, takeback
from assaylib.review import doubts, modes

Lines = list[dict[str, Any]]
ROUNDS = 30
#: Two programs that are truly equal, and two that are not.
SOUND = synthetic.make_run("publish", seed=3, rounds=ROUNDS, count=4, kinds=("codec", "model"))
FAST = (0, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14)  # of every fifteen rounds, where there are two modes


def reviewed(change: Callable[[Any, Lines], Lines | None]) -> doubts.Review:
    run, lines = copy.deepcopy(SOUND)
    changed = change(run, lines)
    return doubts.review(judge.judge(run, lines if changed is None else changed))


def scale(lines: Lines, case: str, factor: Callable[[int], float]) -> None:
    """The case's time in each round times factor(round): the truth from then on."""
    for line in lines:
        if line["case"] == case:
            times = factor(line["round"])
            line["repetitions"] = [[slot, ns * times] for slot, ns in line["repetitions"]]
            line["metrics"]["time_ns"] *= times


def test_a_sound_run_is_left_alone():
    found = reviewed(lambda run, lines: None)
    assert found.against == [] and found.claims >= 24


def drifting(run: Any, lines: Lines) -> None:
    """A fifth of the lead is lost from the first round to the last."""
    scale(lines, "model/rpc/event_loop", lambda number: math.exp(0.2 * number / ROUNDS))


def bimodal(run: Any, lines: Lines) -> None:
    """Every fourth process is in a mode of its own, 40 % slower."""
    scale(lines, "codec/telemetry/encode/msgpack_c", lambda number: 1.0 if number % 15 in FAST else 1.4)


def noisy(run: Any, lines: Lines) -> None:
    """The baseline differs from itself by up to 150 %: what is equal within that is anybody's guess."""
    rng = random.Random(1)
    for alias in ("same", "copy"):
        shifts = [rng.uniform(-0.9, 0.9) for _ in range(ROUNDS)]
        scale(lines, f"model/cpu/thread_pool.{alias}", lambda number: math.exp(shifts[number]))


def busy(run: Any, lines: Lines) -> None:
    for line in lines:
        if line["family"] == "model/echo" and line["round"] % 3:
            line["covariates"]["steal_percent"] = 40.0


def impossible(run: Any, lines: Lines) -> None:
    """Faster than doing nothing but the work."""
    scale(lines, "model/rpc/event_loop", lambda number: 0.5)


@pytest.mark.parametrize(
    ("change", "family", "said"),
    [
        (drifting, "model/rpc", "drifts over the run"),
        (bimodal, "codec/telemetry/encode", "two modes"),
        (busy, "model/echo", "processes were discarded: the machine was too busy"),
        (impossible, "model/rpc", "beats its floor"),
    ],
)
def test_what_was_put_in_is_found(change, family, said):
    found = reviewed(change)
    assert [text for text in found.against if said in text and text.startswith(family)], found.against
    assert all(text.startswith(family) for text in found.against), "and nothing else is accused"


def test_nothing_is_equivalent_within_a_hollow_margin():
    """The judge does not say it; check, which looks at what is claimed, has nothing to accuse."""
    run, lines = copy.deepcopy(SOUND)
    noisy(run, lines)
    judged = judge.judge(run, lines)
    (family,) = [f for f in judged.families if f.id == "model/cpu"]
    assert family.delta > takeback.EQUIVALENT_MAX
    assert judge.EQUIVALENT not in {c.verdict for c in family.comparisons}
    assert any(c.doubt.startswith("nothing is called equivalent within ±") for c in family.comparisons)
    assert not doubts.review(judged).against


def test_a_drift_that_spoils_no_claim_is_a_note():
    """Seven times as fast at first, five times at last: "at least" the low end of the interval holds at
    both, since few processes make it a wide one. Then the reader is told, and that is all."""

    def little(run: Any, lines: Lines) -> Lines:
        scale(lines, "model/ring/event_loop", lambda number: math.exp(0.4 * number / 12))
        run["families"] = [f for f in run["families"] if f["id"] == "model/ring"]
        return [line for line in lines if line["family"] == "model/ring" and line["round"] < 12]

    found = reviewed(little)
    assert not [text for text in found.against if "model/ring/event_loop" in text]
    assert [text for text in found.notes if "drifts over the run" in text and "holds of both" in text]


def test_a_place_alone_at_the_top_is_a_claim_like_any():
    """In its slow mode the fastest is behind the second, whatever both are against the baseline."""
    found = reviewed(bimodal)
    said = "codec/telemetry/encode: times as fast: msgpack_c is ahead of protobuf_c: two modes"
    assert [text for text in found.against if text.startswith(said)]


DRAWS: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda rng: rng.random(),
    "normal": lambda rng: rng.gauss(0, 1),
    "exponential": lambda rng: rng.expovariate(1),
}


@pytest.mark.parametrize("name", DRAWS)
def test_one_mode_is_rarely_taken_for_two(name):
    """In about one of a thousand sets of values, whatever their number and shape."""
    rng, runs = random.Random(5), 400
    seen = 0
    for count in (8, 10, 12, 15, 22, 30):
        sets = ([DRAWS[name](rng) for _ in range(count)] for _ in range(runs))
        seen += sum(modes.two_modes(values) is not None for values in sets)
    assert seen <= judge.binomial_bound(6 * runs, 0.001, 0.999)


def test_two_modes_are_seen_from_five_deviations_on():
    rng = random.Random(6)
    for count in (15, 22, 30):
        truth = [0.5 if i % 3 == 0 else 0.0 for i in range(count)]
        found = [modes.two_modes([t + rng.gauss(0, 0.04) for t in truth]) for _ in range(100)]
        assert sum(f is not None and abs(f[1] - f[0] - 0.5) < 0.1 for f in found) >= 90


def test_page_one_says_what_check_holds_against_it():
    for change, state in ((drifting, "bad"), (impossible, "bad"), (lambda run, lines: None, "good")):
        run, lines = copy.deepcopy(SOUND)
        change(run, lines)
        (line,) = checks.reviewed(judge.judge(run, lines))
        assert line.state == state and ("model/rpc" in line.text) == (state == "bad"), line.text
    run["families"] = []
    assert checks.reviewed(judge.judge(run, [])) == []


def test_slow_downs_that_nobody_saw_speak_against(tmp_path):
    """5 % were injected, and the intervals say that there was nothing."""
    run, lines = copy.deepcopy(SOUND)
    for family in run["families"]:
        family["members"].append("slow.5")
        family["injected"] = {"slow.5": 5}
    unseen = [
        line | {"member": "slow.5", "case": f"{line['family']}/slow.5"}
        for line in lines
        if line["member"].endswith(".same")
    ]
    against, _ = check.review(synthetic.write_run(tmp_path / "unseen", run, lines + unseen))
    (text,) = [text for text in against if text.startswith("injected slow-down: ")]
    assert int(re.search(r"(\d+) of 12 intervals miss", text)[1]) >= 9, text
    for line in unseen:
        line["repetitions"] = [[slot, ns * 1.05] for slot, ns in line["repetitions"]]
    against, _ = check.review(synthetic.write_run(tmp_path / "seen", run, lines + unseen))
    assert against == []


RUNS, FALSE_ALARMS = 40, 0.10


def test_clean_runs_are_rarely_accused(tmp_path):
    """Runs into which nothing was put: at most one in ten is accused of anything. Half of that is what
    A/A is allowed by its own bound, the other half is shared by all other doubts."""
    accused = []
    for seed in range(RUNS):
        kinds = ("model", "service") if seed % 2 else ("codec",)
        run, lines = synthetic.make_run("standard", seed, rounds=12, service_rounds=10, count=3, kinds=kinds)
        against, _ = check.review(synthetic.write_run(tmp_path / str(seed), run, lines))
        accused += [(seed, against)] if against else []
    assert len(accused) <= judge.binomial_bound(RUNS, FALSE_ALARMS), accused
