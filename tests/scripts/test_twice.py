# SPDX-License-Identifier: MIT
"""Two runs held against each other: the exact statistics, compare, and gate."""

from __future__ import annotations

import copy
import itertools
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import RefusedError, UsageError, cli, compare, gate, twice
from assaylib.shifts import shift
from commands import finish
from conftest import ROOT, Assay

Lines = list[dict[str, Any]]
BASE = synthetic.make_run("standard", rounds=15, seed=1, kinds=("codec",))
AGAIN = synthetic.make_run("standard", rounds=15, seed=2, kinds=("codec",))


def brute_p(first: list[float], second: list[float]) -> float:
    """Two-sided, by looking at every way to deal the values into two groups."""

    def above(group: set[int], values: list[float]) -> int:
        rest = [v for i, v in enumerate(values) if i not in group]
        return sum(values[i] < other for i in group for other in rest)

    values = [*first, *second]
    pairs = len(first) * len(second)
    seen = above(set(range(len(first))), values)
    dealt = [above(set(g), values) for g in itertools.combinations(range(len(values)), len(first))]
    return sum(min(u, pairs - u) <= min(seen, pairs - seen) for u in dealt) / len(dealt)


@pytest.mark.parametrize("n,m", [(1, 1), (2, 5), (4, 3), (5, 6)])
def test_the_p_value_is_that_of_every_way_to_deal(n: int, m: int) -> None:
    generator = random.Random(100 * n + m)
    for _ in range(20):
        first = [generator.gauss(0, 1) for _ in range(n)]
        second = [generator.gauss(1, 1) for _ in range(m)]
        assert shift(first, second, 0.05).p == pytest.approx(brute_p(first, second))


def test_interval_and_test_agree_and_cover() -> None:
    generator = random.Random(5)
    truth, trials = 0.3, 1500
    covered = 0
    for _ in range(trials):
        first = [generator.expovariate(1) for _ in range(9)]
        second = [truth + generator.expovariate(1) for _ in range(12)]
        found = shift(first, second, 0.05)
        assert found.interval is not None
        low, high = found.interval
        assert (found.p <= 0.05) == (low > 0 or high < 0)
        covered += low <= truth <= high
    # 95 % or more, less three standard deviations of such a count
    assert covered / trials >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / trials)


def test_too_few_values_have_no_interval() -> None:
    assert shift([0.0, 0.1], [1.0, 1.1], 0.05).interval is None


def test_equal_values_are_no_shift() -> None:
    found = shift([0.5] * 8, [0.5] * 8, 0.05)
    assert (found.estimate, found.p) == (0.0, 1.0)


def written(
    tmp_path: Path, second: tuple[Any, Lines], change: Callable[[Any, Lines], None] | None = None
) -> tuple[Path, Path]:
    facts, lines = copy.deepcopy(second)
    if change:
        change(facts, lines)
    return (
        synthetic.write_run(tmp_path / "first", *BASE),
        synthetic.write_run(tmp_path / "second", facts, lines),
    )


def slower(case: str, factor: float) -> Callable[[Any, Lines], None]:
    def change(facts: Any, lines: Lines) -> None:
        for line in lines:
            if line["case"] == case:
                line["repetitions"] = [[slot, ns * factor] for slot, ns in line["repetitions"]]
                line["metrics"]["time_ns"] *= factor

    return change


def compared(tmp_path: Path, **options: Any) -> int:
    runs = written(tmp_path, options.pop("second", AGAIN), options.pop("change", None))
    return compare.main(*runs, **{"only": None, "anyway": False, **options})


def gated(tmp_path: Path, limit: str = "5%", **options: Any) -> int:
    runs = written(tmp_path, options.pop("second", AGAIN), options.pop("change", None))
    return gate.main(*runs, slower_than=limit, **{"only": None, "anyway": False, **options})


def test_two_runs_of_the_same_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(tmp_path) == 0
    assert "0 verdicts reversed" in capsys.readouterr().out


@pytest.mark.parametrize("command", [compared, gated])
def test_a_run_is_not_held_against_itself(command: Callable[..., int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the same samples"):
        command(tmp_path, second=BASE)


def test_a_reversed_verdict_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = "codec/ack/encode/msgpack_c"
    assert compared(tmp_path, change=slower(case, 40)) == 1
    assert f"REVERSED    {case}:time_ns" in capsys.readouterr().out


def test_many_moved_ratios_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(facts: Any, lines: Lines) -> None:
        for operation in ("encode", "decode"):
            slower(f"codec/order/{operation}/msgpack_c", 1.2)(facts, lines)

    assert compared(tmp_path, change=change, only="order") == 1
    assert "2 ratios moved (allowed: 0), 2 of them by more than their margin" in capsys.readouterr().out


def test_equal_runs_are_rarely_called_different() -> None:
    """Over many pairs of runs without a difference: a family is said to have moved in no more than
    5 % of them."""
    from assaylib import judge, twice

    runs = [
        judge.judge(*synthetic.make_run("quick", rounds=8, seed=seed, count=5, kinds=("codec",)))
        for seed in range(80)
    ]
    families, wrong = 0, 0
    for first, second in zip(runs[::2], runs[1::2]):
        cases = twice.pair(first, second).cases
        moved = {case.family for case in compare.moved(cases)}
        families += len({case.family for case in cases})
        wrong += len(moved)
    assert families == 320
    assert wrong <= judge.binomial_bound(families)


def other_machine(facts: Any, lines: Lines) -> None:
    facts["environment"]["cpu"] = "another"


@pytest.mark.parametrize("command", [compared, gated])
def test_another_machine_is_refused(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError, match=r"environment.cpu: .* \| another"):
        command(tmp_path, change=other_machine)
    assert command(tmp_path, change=other_machine, anyway=True) == 0
    assert "| another" in capsys.readouterr().out


def test_other_programs_are_another_run_but_what_a_gate_is_for(tmp_path: Path) -> None:
    def rebuilt(facts: Any, lines: Lines) -> None:
        facts["build"]["programs"] = {"codec_bench": "0" * 64}

    with pytest.raises(RefusedError, match="programs.codec_bench"):
        compared(tmp_path, change=rebuilt)
    assert gated(tmp_path, change=rebuilt) == 0


def test_no_regression_passes(tmp_path: Path) -> None:
    assert gated(tmp_path) == 0


def test_a_regression_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = "codec/order/encode/msgpack_c"
    assert gated(tmp_path, change=slower(case, 1.12)) == 1
    assert f"SLOWER      {case}:time_ns" in capsys.readouterr().out
    assert gated(tmp_path, change=slower(case, 1.12), limit="20%") == 0
    assert gated(tmp_path, change=slower(case, 1.12), only="decode") == 0


def test_what_could_have_been_missed_is_no_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = synthetic.make_run("quick", rounds=2, seed=3, kinds=("codec",))
    assert gated(tmp_path, second=few) == 4
    assert "15 and 2 processes are too few" in capsys.readouterr().out
    assert gated(tmp_path, limit="0.1%") == 4  # narrower than processes differ
    assert "blind" in capsys.readouterr().out


def test_what_is_faster_is_not_blind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However wide: an interval without any slow-down hides none. One that reaches to 28 % does, though its
    median is of the faster half."""
    case = "codec/order/encode/msgpack_c"

    def change(factors: tuple[float, float]) -> Callable[[Any, Lines], None]:
        def scattered(facts: Any, lines: Lines) -> None:
            for line in (line for line in lines if line["case"] == case):
                factor = factors[line["round"] % 2]
                line["repetitions"] = [[slot, ns * factor] for slot, ns in line["repetitions"]]

        return scattered

    assert gated(tmp_path, change=change((0.5, 0.8))) == 0
    assert gated(tmp_path, change=change((0.8, 1.28))) == 4
    assert f"blind       {case}:time_ns: 0." in capsys.readouterr().out


def all_slower(factor: float, *members: str) -> Callable[[Any, Lines], None]:
    """Those members of every family, or all."""

    def change(facts: Any, lines: Lines) -> None:
        for case in {line["case"] for line in lines if not members or line["member"] in members}:
            slower(case, factor)(facts, lines)

    return change


CJSON = ("cjson", "cjson.same", "cjson.copy")


def test_a_slower_baseline_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gated(tmp_path, change=all_slower(1.3, *CJSON)) == 1
    assert "SLOWER      codec/order/encode/cjson:time_ns: the baseline itself" in capsys.readouterr().out


def test_slower_all_alike_is_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The machine, or what all share: ratios do not show it, and nothing tells which it was."""
    assert gated(tmp_path, change=all_slower(2.0)) == 4
    out = capsys.readouterr().out
    assert "all moved alike, the machine or shared code" in out
    assert "8 baselines moved and it could not be told why" in out


def test_without_a_floor_a_slower_baseline_is_unclear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(facts: Any, lines: Lines) -> None:
        all_slower(1.3, *CJSON)(facts, lines)
        for family in facts["families"]:
            family["floors"] = {}

    assert gated(tmp_path, change=change) == 4
    assert "no floor was measured beside it" in capsys.readouterr().out


def test_a_faster_machine_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(facts: Any, lines: Lines) -> None:
        all_slower(0.7)(facts, lines)
        all_slower(1.4, *CJSON)(facts, lines)

    assert gated(tmp_path, change=change) == 4
    assert "the machine moved" in capsys.readouterr().out


def test_a_machine_a_little_slower_is_no_regression(tmp_path: Path) -> None:
    assert gated(tmp_path, change=all_slower(1.02)) == 0


def without_member(facts: Any, lines: Lines) -> None:
    for family in facts["families"]:
        family["members"] = [m for m in family["members"] if "msgpack" not in m]
        family["floors"].pop("msgpack_c")
    lines[:] = [line for line in lines if "msgpack" not in line["member"]]


def without_family(facts: Any, lines: Lines) -> None:
    facts["families"] = [f for f in facts["families"] if f["id"] != "codec/ack/encode"]
    lines[:] = [line for line in lines if line["family"] != "codec/ack/encode"]


@pytest.mark.parametrize(
    "change,said",
    [
        (without_member, "codec/ack/encode/msgpack_c:time_ns: only in the first run"),
        (without_family, "codec/ack/encode: only in the first run"),
    ],
)
def test_what_is_gone_is_no_pass(
    change: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gated(tmp_path, change=change) == 4
    assert f"MISSING     {said}" in capsys.readouterr().out
    assert gated(tmp_path, change=change, only="ack/encode/msgpack") == 4
    assert gated(tmp_path, change=change, only="order/.*/protobuf") == 0
    capsys.readouterr()
    assert compared(tmp_path, change=change) == 4
    assert f"not held    {said}" in capsys.readouterr().out


def test_what_is_new_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts, lines = copy.deepcopy(BASE)
    without_family(facts, lines)
    first = synthetic.write_run(tmp_path / "first", facts, lines)
    second = synthetic.write_run(tmp_path / "second", *AGAIN)
    assert gate.main(first, second, slower_than="5%", only=None, anyway=False) == 0
    assert "not gated   codec/ack/encode: only in the second run" in capsys.readouterr().out
    assert gate.main(first, second, slower_than="5%", only="ack/encode", anyway=False) == 4, "nothing was gated"


def test_a_regression_stops_though_another_case_is_gone(tmp_path: Path) -> None:
    def change(facts: Any, lines: Lines) -> None:
        without_family(facts, lines)
        slower("codec/order/encode/msgpack_c", 1.3)(facts, lines)

    assert gated(tmp_path, change=change) == 1


def test_what_a_pilot_found_is_no_other_load(tmp_path: Path) -> None:
    """As two runs of one tier have it: what their rigs and servers could do is measured in each."""
    runs = [synthetic.make_run("standard", seed=seed, service_rounds=12, kinds=("service",)) for seed in (1, 2)]
    for number, (facts, _) in enumerate(runs):
        for family in facts["families"]:
            family["load"].update(rig_hz=70000.0 + 9000 * number, pilot_closed_hz={"actor": 30000.0 + number})
            family["load"]["rate_hz"] *= 1 - 0.1 * number
    folders = [synthetic.write_run(tmp_path / name, *run) for name, run in zip("ab", runs)]
    found = twice.read((folders[0], folders[1]), (), anyway=False)
    assert found.cases and found.apart == []


@pytest.mark.parametrize("slowed,code", [(1.0, 4), (3.0, 1)])
def test_at_another_rate_capacity_is_gated(
    slowed: float, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = synthetic.make_run("standard", seed=1, service_rounds=12, kinds=("service",))
    facts, lines = synthetic.make_run("standard", seed=2, service_rounds=12, kinds=("service",))
    for family in facts["families"]:
        family["load"]["rate_hz"] *= 0.8
    for line in lines:
        if line["member"] == "actor":
            line["metrics"]["closed_hz"] /= slowed
    folders = synthetic.write_run(tmp_path / "a", *base), synthetic.write_run(tmp_path / "b", facts, lines)
    assert gate.main(*folders, slower_than="20%", only=None, anyway=False) == code
    out = capsys.readouterr().out
    said = "service/rpc/actor:cpu_ns_per_request: 2000 requests/s in one run and 1600 in the other"
    assert f"MISSING     {said}" in out
    assert ("SLOWER      service/rpc/actor:closed_hz" in out) == (code == 1)


def test_too_few_processes_to_differ_are_no_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = synthetic.make_run("quick", rounds=2, seed=3, kinds=("codec",))
    assert compared(tmp_path, second=few) == 4
    assert "16 of 16 cases without figures enough" in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["", "fast", "0", "-3", "nan"])
def test_a_limit_that_is_none(tmp_path: Path, limit: str) -> None:
    with pytest.raises(UsageError, match="--slower-than"):
        gated(tmp_path, limit=limit)


@pytest.mark.parametrize("only,said", [("(", "not a regular expression"), ("nothing", "no case")])
def test_only_that_is_none(tmp_path: Path, only: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compared(tmp_path, only=only)


def test_another_condition_is_another_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def faster(facts: Any, lines: Lines) -> None:
        for family in facts["families"]:
            if family["id"] == "codec/ack/encode":
                family.setdefault("load", {})["hops"] = 7

    assert compared(tmp_path, change=faster) == 4
    assert "codec/ack/encode: load.hops: none | 7" in capsys.readouterr().out


def test_as_people_type_it(assay: Assay, tmp_path: Path) -> None:
    first, second = written(tmp_path, AGAIN)
    assert assay("compare", first, second).returncode == 0
    done = assay("gate", first, second, "--slower-than", "5%")
    assert done.returncode == 0
    assert "0 proven slower by more than 5 %" in done.stdout
    done = assay("gate", first, tmp_path / "nowhere")
    assert done.returncode == 2
    assert "not a run" in done.stderr


@pytest.mark.parametrize(
    "command,second,change,code",
    [
        (["compare"], AGAIN, slower("codec/ack/encode/msgpack_c", 40), 1),
        (["compare"], AGAIN, other_machine, 3),
        (["compare", "--anyway"], AGAIN, other_machine, 0),
        (["gate"], AGAIN, slower("codec/order/encode/msgpack_c", 1.3), 1),
        (["gate"], AGAIN, other_machine, 3),
        (["gate"], synthetic.make_run("quick", rounds=2, seed=3, kinds=("codec",)), None, 4),
        (["gate", "--slower-than", "nan"], AGAIN, None, 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_codes(command: list[str], second: Any, change: Any, code: int, tmp_path: Path) -> None:
    first, other = written(tmp_path, second, change)
    assert cli.main([command[0], str(first), str(other), *command[1:]]) == code


@pytest.mark.parametrize(
    "arguments,said",
    [
        ([], "usage: scripts/gate BASE"),
        (["no-such-commit"], "gate: no-such-commit: no such commit here"),
        (["HEAD", "HEAD"], "gate: HEAD: one commit only"),
        (["HEAD", "--slower-than"], "gate: --slower-than: needs a value"),
        (["--frobnicate"], "gate: --frobnicate: unknown option"),
    ],
)
def test_the_ci_job_refuses(arguments: list[str], said: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    done = finish([str(ROOT / "scripts" / "gate"), *arguments])
    assert done.returncode == 2
    assert said in done.stderr and not done.stdout
