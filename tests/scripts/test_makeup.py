# SPDX-License-Identifier: MIT
"""Make-up rounds: who gets them, when they end, and that an interruption loses none."""

from __future__ import annotations

import json
import math
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from assaylib import UsageError, cli, discard, families, judge, makeup, plan, record, run, store, verdicts
from assaylib.plan import Task
from assaylib.programs import Build

CODEC = ("cjson", "msgpack_c", "cjson.same")
SERVICE = ("thread_pool", "actor", "thread_pool.same")
RULE = discard.declared()
TIER = replace(plan.TIERS["quick"], rounds=3, service_rounds=3)


def family(id: str, members: tuple[str, ...]) -> plan.Family:
    return plan.Family(
        id=id,
        kind=id.partition("/")[0],
        title=id,
        baseline=members[0],
        members=members,
        aliases={members[-1]: "same"},
        floors={},
        injected={},
        rounds=3,
        load={"warmup_s": 0.15, "duration_s": 0.4, "closed_duration_s": 0.25},
    )


FAMILIES = (family("codec/ack/encode", CODEC), family("service/rpc", SERVICE))


def made() -> plan.Plan:
    tasks = plan.order(FAMILIES, 7)
    return plan.Plan(TIER, 7, FAMILIES, tasks, plan.total_s(FAMILIES, tasks, TIER))


def lines_of(task: Task, steal: float = 0.0, status: str = "ok") -> list[dict[str, Any]]:
    kind = task.family.partition("/")[0]
    members = [task.member] if task.member else CODEC
    return [
        {
            "schema": 1,
            "kind": kind,
            "family": task.family,
            "case": f"{task.family}/{member}",
            "member": member,
            "round": task.round,
            "process": task.number,
            "seconds": 1.0,
            "status": status,
            "reason": None if status == "ok" else "died",
            "metrics": {"time_ns": 1e9 if task.round % 2 else 1.0},
            "covariates": {"steal_percent": steal, "others_percent": 0.0},
        }
        for member in members
    ]


def ledger_of(steal: dict[tuple[str, int, str | None], float]) -> makeup.Ledger:
    lines = [
        line
        for task in made().tasks
        for line in lines_of(task, steal.get((task.family, task.round, task.member), 0.0))
    ]
    return makeup.Ledger.of(made(), RULE, lines)


def test_values_and_failures_give_no_reason_to_go_on() -> None:
    """Times that differ by nine orders of magnitude, a crash: but nothing was stolen."""
    assert makeup.next_round(ledger_of({}), 1e9) == []
    failed = [line for task in made().tasks for line in lines_of(task, 90.0, "failed")]
    assert makeup.next_round(makeup.Ledger.of(made(), RULE, failed), 1e9) == []


def test_who_lacks_most_comes_first() -> None:
    ledger = ledger_of(
        {
            ("codec/ack/encode", 2, None): 6.0,
            ("service/rpc", 1, "actor"): 20.0,
            ("service/rpc", 3, "thread_pool"): 20.0,
        }
    )
    codec, service = FAMILIES
    assert (ledger.counted(codec), ledger.counted(service)) == (2, 1)
    tasks = makeup.next_round(ledger, 1e9)
    assert {task.family for task in tasks} == {"service/rpc"} and {task.round for task in tasks} == {4}
    assert sorted(str(task.member) for task in tasks) == sorted(SERVICE)
    assert [task.number for task in tasks] == [12, 13, 14]  # behind the 3 + 9 planned
    # Where that round does not fit any more, a shorter one may.
    left_s = plan.round_s(codec, TIER)
    assert [task.family for task in makeup.next_round(ledger, left_s)] == ["codec/ack/encode"]
    assert makeup.next_round(ledger, left_s / 2) == []


def measured(ledger: makeup.Ledger, steal: Any, budget_s: float = 1e9) -> list[Task]:
    done: list[Task] = []

    def process(task: Task) -> None:
        done.append(task)
        ledger.add(lines_of(task, steal(task)))

    def left_s() -> float:
        return budget_s - sum(plan.process_s(ledger.made.family(t.family), TIER) for t in done)

    makeup.measure(ledger, left_s, process)
    return done


def test_until_all_count() -> None:
    ledger = ledger_of({("service/rpc", n, "actor"): 20.0 for n in (1, 2)})
    done = measured(ledger, lambda task: 30.0 if task.round == 4 and task.member == "actor" else 0.0)
    assert {task.round for task in done} == {4, 5, 6} and len(done) == 9
    end = makeup.end_line(ledger, "now", 12.34)["families"]["service/rpc"]
    assert end == {"planned": 3, "run": 6, "counted": 3, "wanted": 3, "stopped": "all counted"}


def test_until_the_time_is_up() -> None:
    ledger = ledger_of({("codec/ack/encode", 1, None): 50.0})
    one = plan.round_s(FAMILIES[0], TIER)
    assert len(measured(ledger, lambda task: 50.0, budget_s=4.5 * one)) == 4
    end = makeup.end_line(ledger, "now", 1.0)["families"]
    assert end["codec/ack/encode"] == {"planned": 3, "run": 7, "counted": 2, "wanted": 3, "stopped": "time budget"}
    assert end["service/rpc"]["stopped"] == "all counted"


BUILD = Build(record.USUAL_BUILD)


class Stolen:
    """In place of the programs: the first two rounds of everything are stolen."""

    def __init__(self) -> None:
        self.done = 0
        self.interrupt_after = -1

    def process(self, build: Any, made: plan.Plan, task: Task) -> list[dict[str, Any]]:
        if self.done == self.interrupt_after:
            self.interrupt_after = -1
            raise KeyboardInterrupt
        self.done += 1
        return lines_of(task, 40.0 if task.round <= 2 else 0.0)


@pytest.fixture
def stolen(monkeypatch: pytest.MonkeyPatch) -> Stolen:
    found = Stolen()
    monkeypatch.setattr(run, "_process", found.process)
    return found


def facts() -> dict[str, Any]:
    return {
        "schema": 1,
        "id": "run",
        "tier": "quick",
        "seed": 7,
        "commit": None,
        "created": "2026-01-01T00:00:00Z",
        "margin_percent": 3.0,
        "environment": {},
        "identity": "this",
        "families": [family.to_json() for family in FAMILIES],
        "discard_rule": RULE,
        "build": {"fit": True},
    }


def test_a_run_makes_up_and_says_why_it_stopped(tmp_path: Path, stolen: Stolen) -> None:
    assert run._measure(BUILD, made(), facts(), tmp_path, set(), time.monotonic()) == 0  # type: ignore
    samples = store.read_samples(tmp_path / "samples.jsonl")
    rounds = {f.id: {line["round"] for line in samples.lines if line["family"] == f.id} for f in FAMILIES}
    assert rounds == {f.id: {1, 2, 3, 4, 5} for f in FAMILIES}
    (end,) = samples.ends
    for told in end["families"].values():
        assert told == {"planned": 3, "run": 5, "counted": 3, "wanted": 3, "stopped": "all counted"}


def test_a_run_without_time_left_says_so(tmp_path: Path, stolen: Stolen) -> None:
    late = time.monotonic() - TIER.until_s
    assert run._measure(BUILD, made(), facts(), tmp_path, set(), late) == 0  # type: ignore[arg-type]
    (end,) = store.read_samples(tmp_path / "samples.jsonl").ends
    for told in end["families"].values():
        assert told == {"planned": 3, "run": 3, "counted": 1, "wanted": 3, "stopped": "time budget"}


@pytest.mark.parametrize(
    ("tier", "command"), [("quick", "run"), ("scenario", "run"), ("sweep", "sweep"), ("calibrate", "calibrate")]
)
def test_an_interrupted_run_names_the_command_that_goes_on_with_it(
    tier: str, command: str, tmp_path: Path, stolen: Stolen, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {**facts(), "tier": tier}
    for folder, option in ((record.USUAL_BUILD, ""), (tmp_path / "my build", f"--build '{tmp_path}/my build' ")):
        stolen.interrupt_after = stolen.done + 4
        build = Build(folder)
        assert run._measure(build, made(), told, tmp_path, set(), time.monotonic()) == record.INTERRUPTED
        error = capsys.readouterr().err
        assert error.endswith(f"To go on: scripts/assay {option}{command} --resume {tmp_path}\n")
    assert cli.parser().parse_args([command, "--resume", str(tmp_path), "--force"]).resume == tmp_path


@pytest.mark.parametrize("after", [4, 12, 13, 14, 15, 16, 18])
def test_resume_goes_on_within_a_make_up_round(
    after: int, tmp_path: Path, stolen: Stolen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 processes are planned; interrupted before, at and behind the seams of make-up rounds."""
    store.write_whole(tmp_path / "run.json", facts())
    stolen.interrupt_after = after
    began = time.monotonic()
    assert run._measure(BUILD, made(), facts(), tmp_path, set(), began) == record.INTERRUPTED  # type: ignore
    monkeypatch.setattr(record.environment, "describe_build", lambda build: {"unfit": []})
    monkeypatch.setattr(record.environment, "fingerprint", dict)
    monkeypatch.setattr(record.environment, "identity", lambda *_: "this")
    assert run.resume(None, tmp_path, tmp_path, force=True) == 0  # type: ignore[arg-type]
    samples = store.read_samples(tmp_path / "samples.jsonl")
    counted = Counter((line["case"], line["round"]) for line in samples.lines)
    assert set(counted.values()) == {1}
    assert len(counted) == 5 * (len(CODEC) + len(SERVICE))
    (end,) = samples.ends
    assert all(told["counted"] == 3 for told in end["families"].values())
    size = (tmp_path / "samples.jsonl").stat().st_size
    assert run.resume(None, tmp_path, tmp_path, force=True) == 0  # type: ignore[arg-type]
    assert (tmp_path / "samples.jsonl").stat().st_size == size


NARROWING = replace(TIER, half_width=0.01)


def judged(arm: float) -> Any:
    """Of the codec family: the widest of its intervals has this arm, after three rounds."""
    estimates = [
        verdicts.Estimate([0.0] * 3, 0.05, 0.0, (-each, each / 2), 3) for each in (arm / 4, arm)
    ]
    comparisons = [
        verdicts.Comparison("codec/ack/encode", f"rival{i}", "time_ns", "cjson", estimate=estimate)
        for i, estimate in enumerate(estimates)
    ]
    codec, service = (
        families.Family(f.id, f.kind, f.to_json(), f.baseline, comparisons=list(comparisons))
        for f in FAMILIES
    )
    return families.Judgement({}, [codec, service], [])


def test_rounds_follow_from_the_width_once() -> None:
    narrowing = replace(made(), tier=NARROWING)
    assert makeup.aims(narrowing, judged(0.009)) == {}
    assert makeup.aims(narrowing, judged(0.015)) == {"codec/ack/encode": 7}  # 3 × 1.5²
    assert makeup.aims(narrowing, judged(0.5)) == {"codec/ack/encode": 12}  # no further than 4 ×
    assert makeup.aims(made(), judged(0.5)) == {}  # a tier that does not ask


def test_too_few_rounds_for_any_interval_are_not_narrow() -> None:
    """Rivals so many that three rounds have none: they want as many as it takes."""
    without = judged(0.0)
    for found in without.families[0].comparisons:
        found.estimate = verdicts.Estimate.of([0.0] * 3, 0.05 / 40)
    assert makeup.aims(replace(made(), tier=NARROWING), without) == {"codec/ack/encode": 11}


def test_who_takes_least_comes_first_where_the_time_is_short() -> None:
    """Three families want rounds; there is time for the two cheaper ones, which share it."""
    names = ("codec/a/encode", "codec/b/encode", "codec/c/encode")
    cheap, dear, middling = (
        replace(family(name, CODEC), load={"blocks_s": seconds}) for name, seconds in zip(names, (0.5, 5.0, 1.0))
    )
    every = (cheap, dear, middling)
    tasks = plan.order(every, 7)
    ledger = makeup.Ledger.of(
        plan.Plan(NARROWING, 7, every, tasks, 0.0), RULE, [line for task in tasks for line in lines_of(task)]
    )
    ledger.aim = {cheap.id: 9, dear.id: 5, middling.id: 5}
    each = {f.id: plan.round_s(f, NARROWING) for f in every}
    left_s = 6 * each[cheap.id] + 2 * each[middling.id] + 0.5 * each[dear.id]
    ledger.first = makeup.affordable(ledger, left_s)
    assert ledger.first == {cheap.id, middling.id}
    assert makeup.aim_line(ledger, "now")["first"] == [cheap.id, middling.id]
    done = [task.family for task in measured(ledger, lambda task: 0.0, left_s)]
    assert Counter(done) == {cheap.id: 6, middling.id: 2}
    assert done[0] == cheap.id and middling.id in done[1:5]  # by turns, not one after the other
    told = makeup.end_line(ledger, "now", 1.0)["families"]
    assert told[cheap.id]["stopped"] == told[middling.id]["stopped"] == makeup.WIDENED
    assert told[dear.id]["stopped"] == makeup.TIME_BUDGET


def test_a_wide_family_gets_its_rounds_and_resume_keeps_to_them(
    tmp_path: Path, stolen: Stolen, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def look(facts: Any, lines: Any) -> Any:
        looked.append(len(lines))
        return judged(0.015)

    monkeypatch.setattr(run.judge, "judge", look)
    monkeypatch.setitem(run.TIERS, "quick", NARROWING)
    monkeypatch.setattr(record.environment, "describe_build", lambda build: {"unfit": []})
    monkeypatch.setattr(record.environment, "fingerprint", dict)
    monkeypatch.setattr(record.environment, "identity", lambda *_: "this")
    store.write_whole(tmp_path / "run.json", facts())
    # Five rounds of each until three count, then four more of the codec family: broken off in them.
    stolen.interrupt_after = 5 + 15 + 2
    plan_ = replace(made(), tier=NARROWING)
    assert run._measure(BUILD, plan_, facts(), tmp_path, set(), time.monotonic()) == record.INTERRUPTED  # type: ignore
    assert run.resume(None, tmp_path, tmp_path, force=True) == 0  # type: ignore[arg-type]
    assert len(looked) == 1
    samples = store.read_samples(tmp_path / "samples.jsonl")
    assert [line["families"] for line in samples.aims] == [{"codec/ack/encode": 7}]
    (end,) = samples.ends
    told = end["families"]
    assert told["codec/ack/encode"] == {
        "planned": 3, "run": 9, "counted": 7, "wanted": 7, "stopped": "as many as its width took",
    }  # fmt: skip
    assert told["service/rpc"]["run"] == 5 and told["service/rpc"]["stopped"] == "all counted"


def test_a_family_that_is_narrow_says_so(
    tmp_path: Path, stolen: Stolen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.judge, "judge", lambda facts, lines: judged(0.005))
    plan_ = replace(made(), tier=NARROWING)
    assert run._measure(BUILD, plan_, facts(), tmp_path, set(), time.monotonic()) == 0  # type: ignore
    (end,) = store.read_samples(tmp_path / "samples.jsonl").ends
    assert end["families"]["codec/ack/encode"]["stopped"] == "narrow enough"
    assert end["families"]["service/rpc"]["stopped"] == "all counted"


def test_a_wide_family_is_not_called_narrow_because_the_time_is_up(
    tmp_path: Path, stolen: Stolen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stolen, "process", lambda self, build, made, task: lines_of(task))
    monkeypatch.setattr(run, "_process", stolen.process)
    monkeypatch.setattr(run.judge, "judge", lambda facts, lines: judged(0.015))
    late = time.monotonic() - TIER.until_s
    assert run._measure(BUILD, replace(made(), tier=NARROWING), facts(), tmp_path, set(), late) == 0  # type: ignore
    (end,) = store.read_samples(tmp_path / "samples.jsonl").ends
    told = end["families"]["codec/ack/encode"]
    assert told == {"planned": 3, "run": 3, "counted": 3, "wanted": 7, "stopped": "time budget"}


@pytest.mark.parametrize("sigma", [0.006, 0.012, 0.02])
def test_two_stages_keep_what_an_interval_promises(sigma: float) -> None:
    """Simulated processes of a skewed distribution; the truth is 0."""
    generator = random.Random(int(1e4 * sigma))
    trials, missed = 1200, 0
    family = FAMILIES[0]
    for _ in range(trials):
        values = [(generator.expovariate(1) - math.log(2)) * sigma for _ in range(12)]
        first = families.Family(family.id, "codec", {}, "cjson")
        first.comparisons = [
            verdicts.Comparison(
                family.id, "rival", "time_ns", "cjson", verdicts.Estimate.of(values, 0.05)
            )
        ]
        planned = replace(made(), tier=NARROWING, families=(replace(family, rounds=12),))
        wanted = makeup.aims(planned, families.Judgement({}, [first], [])).get(family.id, 12)
        values += [(generator.expovariate(1) - math.log(2)) * sigma for _ in range(wanted - 12)]
        interval = verdicts.Estimate.of(values, 0.05).interval
        assert interval is not None
        missed += not interval[0] <= 0 <= interval[1]
    assert missed <= judge.binomial_bound(trials, confidence=0.999)


def test_a_smoke_run_makes_nothing_up() -> None:
    assert plan.TIERS["smoke"].until_s == 0


def test_the_rule_is_json() -> None:
    assert json.loads(json.dumps(RULE)) == RULE


def test_a_damaged_run_is_not_gone_on_with(tmp_path: Path) -> None:
    store.write_whole(tmp_path / "run.json", facts())
    (tmp_path / "samples.jsonl").write_text('{"half\n{}\n')
    with pytest.raises(UsageError, match=r"damaged.*samples\.jsonl:1: not JSON.*:2: schema None"):
        run.resume(None, tmp_path, tmp_path, force=False)  # type: ignore[arg-type]
