# SPDX-License-Identifier: MIT
"""Overload, a slow downstream service, heavy among fast requests: what is made of requests whose truth
is known by arithmetic, what is said of lines, and each kind once for real, in small."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import UsageError, plan, report, rig, scenarios, service, words
from assaylib.gates import GATE_NAMES
from assaylib.programs import Build
from assaylib.scenarios import command, faults, mixed, outcome, overload, plans, readings, requests, scenario, sections
from assaylib.scenarios import series, slow_downstream, watching
from assaylib.scenarios.requests import Request
from conftest import Assay

MODELS = ("thread_pool", "event_loop")
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=(0, 1))
MS, S = 1_000_000, 1_000_000_000
ROUNDS = 7
NO_LOOKS: dict[str, Any] = {key: [] for key in ("at_ns", "rss_bytes", *watching.METRICS)}


def right(due_ns: float, latency_ns: float, kind: str = "") -> Request:
    due = int(due_ns)
    return Request(kind, due, due, due + int(latency_ns), requests.RIGHT, 200)


def refused(due_ns: float, kind: str = "", status: int = 503) -> Request:
    due = int(due_ns)
    return Request(kind, due, due, due + MS, requests.WRONG, status)


# --- Requests -----------------------------------------------------------------------------------


def test_what_load_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    head = "class,due_ns,sent_ns,ended_ns,outcome,status\n"
    file.write_text(head + "hits,5,7,30,right,200\nhits,6,8,9,wrong,503\n,9,10,11,timeout,0\n,12,,,unsent,\n")
    hit, no, late, never = requests.parse(file)
    assert hit.latency_ns == 25 and hit.kind == "hits" and not hit.refused
    assert no.refused and no.latency_ns is None and late.outcome == requests.TIMEOUT
    assert never.sent_ns is None and never.latency_ns is None
    for text in ("", "due_ns\n", head + "hits,x,7,30,right,200\n", head + "hits,1\n"):
        file.write_text(text)
        with pytest.raises(rig.Failure, match="load: "):
            requests.parse(file)


def test_a_request_without_a_right_answer_never_came() -> None:
    every = [right(i, (i + 1) * MS) for i in range(99)]
    assert requests.figures(every)["whole_p99_ns"] == 99 * MS
    assert requests.whole([*every, refused(1)], 0.99) == 99 * MS, "one in a hundred"
    found = requests.figures([*every, refused(1), refused(2), refused(3, status=502)])
    assert found["whole_p99_ns"] is None and found["p99_ns"] == 99 * MS
    assert found["refused"] == 2 and found["kinds"] == {"502": 1, "503": 2}
    assert (found["planned"], found["right"]) == (102, 99)
    assert requests.figures([])["whole_p99_ns"] is None and requests.figures([])["p99_ns"] is None


def test_slots_count_by_when_due_and_by_when_answered() -> None:
    every = [right(10 * MS, 5 * MS), right(20 * MS, 200 * MS), refused(120 * MS), right(130 * MS, 1000 * MS)]
    found = requests.slots(every, 100 * MS, 3, limit_ns=150 * MS)
    assert found["planned"] == [2, 2, 0] and found["right"] == [2, 1, 0] and found["refused"] == [0, 1, 0]
    assert found["ended"] == [1, 0, 1], "that of 1.13 s lies beyond"
    assert found["within"] == [1, 0, 0], "the other came too late"
    assert found["whole_p99_ns"] == [200 * MS, None, None] and found["p99_ns"] == [200 * MS, 1000 * MS, None]


def test_back_is_the_first_slot_in_which_all_is_well() -> None:
    def slot(number: int, latency_ms: float, bad: bool = False) -> list[Request]:
        found = [right(number * 100 * MS + i * MS, latency_ms * MS) for i in range(50)]
        return [*found, refused(number * 100 * MS + 60 * MS)] if bad else found

    every = [*slot(0, 1), *slot(1, 50), *slot(2, 1, bad=True), *slot(3, 9), *slot(4, 2), *slot(5, 1)]
    line = requests.slots(every, 100 * MS, 8)
    assert requests.back_ns(line, 100 * MS, 2 * MS) == 400 * MS, "the end of slot 4"
    assert requests.back_ns(line, 0, 2 * MS) == 100 * MS, "nothing had happened yet"
    assert requests.back_ns(line, 150 * MS, 10 * MS) == 250 * MS, "of slots that begin later"
    assert requests.back_ns(line, 600 * MS, 10 * MS) is None, "empty slots are no proof"


# --- Overload -----------------------------------------------------------------------------------

OVERLOAD = """
kind = "overload"
title = "Too much"
question = "And then?"
rounds = 7
[server]
models = ["thread_pool", "event_loop"]
workload = "cpu"
cpu_iterations = 1000
queue_limit = 64
[load]
connections = 512
[level]
p99_us = 100000
back_factor = 2
rss_growth_mb = 32
[steps]
on_full = ["reject", "wait"]
knee_hz = 1000
knee_connections = 16
factor = 2
base_share = 0.3
warmup_s = 0.1
knee_s = 0.3
before_s = 0.5
overload_s = 0.9
after_s = 1.8
slot_ms = 100
"""


def parsed(folder: Path, text: str, name: str = "mine") -> scenario.Scenario:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return scenarios.load(str(path))


def queue(steps: list[tuple[float, float]], service_ns: float, limit: int | None) -> list[Request]:
    """One server, first come first served, uniform arrivals: what each request must have seen. limit:
    so many inside, and others are refused at once; None: they wait."""
    every, at_ns, free_ns, ends = [], 0.0, 0.0, []
    for hz, seconds in steps:
        for i in range(round(hz * seconds)):
            due_ns = at_ns + i * S / hz
            ends = [end for end in ends if end > due_ns]
            if limit is not None and len(ends) >= limit:
                every.append(refused(due_ns))
                continue
            free_ns = max(free_ns, due_ns) + service_ns
            ends.append(free_ns)
            every.append(right(due_ns, free_ns - due_ns))
        at_ns += seconds * S
    return every


def looked(rss: Callable[[float], float], inside: float = 64, rate: float = 1000) -> dict[str, Any]:
    """Looks every 50 ms at a server whose memory and queue are known."""
    at = [i * 50 * MS for i in range(-2, 65)]
    columns = {"rss_bytes": [int(rss(t / S)) for t in at], "in_flight": [int(inside)] * len(at)}
    columns["answered"] = [int(rate * (t / S + 1)) for t in at]
    return {**NO_LOOKS, "at_ns": at, **columns}


def test_an_overload_of_a_known_queue(tmp_path: Path) -> None:
    """1000 a second is what it can do; it gets 2000 for 0.9 s. Refusing at 64, an answer is 64 ms old
    and half of what is offered is refused. Waiting, 900 are left over, and 300 a second keep coming: they
    are worked off 900 / (1000 - 300) = 1.286 s later."""
    found = parsed(tmp_path, OVERLOAD)
    plan_of = overload.rates(found.steps, 1000)
    assert plan_of == [(300, 0.5), (2000, 0.9), (300, 1.8)]
    looks = looked(lambda t: 50e6 + (4e6 if t > 0.7 else 0))

    metrics, line = overload.judged(found, 1000, queue(plan_of, MS, 64), looks)
    assert metrics["offered_hz"] == 2000 and metrics["before_p99_ns"] == pytest.approx(MS, rel=0.01)
    assert metrics["goodput_share"] == pytest.approx(1, abs=0.01) == metrics["useful_share"]
    assert metrics["refused_share"] == pytest.approx((900 - 64) / 1800, abs=0.01)
    assert metrics["over_p99_ns"] == pytest.approx(64 * MS, rel=0.02)
    # The queue of 64 is gone after 64 / (1000 - 300) = 0.09 s, within the first slot: the next is as before.
    assert metrics["recovery_ns"] == 200 * MS and metrics["recovered"] == 1
    assert metrics["inside_age_ns"] == pytest.approx(64 * MS, rel=0.01)
    assert metrics["rss_growth_bytes"] == 4e6 and metrics["rss_before_bytes"] == 50e6
    assert sum(line["refused"]) == line["kinds"]["503"] and len(line["p99_ns"]) == 32

    metrics, line = overload.judged(found, 1000, queue(plan_of, MS, None), looks)
    assert metrics["goodput_share"] == pytest.approx(1, abs=0.01) and metrics["refused_share"] == 0
    # Request number k of the overload waits k × 0.5 ms: those of the first 0.2 s come within 100 ms.
    assert metrics["useful_share"] == pytest.approx(0.2 / 0.9, abs=0.02)
    assert metrics["over_p50_ns"] == pytest.approx(450 * MS, rel=0.02)
    assert metrics["over_p99_ns"] == pytest.approx(891 * MS, rel=0.02)
    assert 1286 * MS < metrics["recovery_ns"] <= 1500 * MS
    assert line["kinds"] == {}

    never, _ = overload.judged(found, 1000, queue([*plan_of[:2], (990, 1.8)], MS, None), looks)
    assert never["recovery_ns"] is None and never["recovered"] == 0


def test_what_voids_an_overload(tmp_path: Path) -> None:
    found = parsed(tmp_path, OVERLOAD)
    plan_of = overload.rates(found.steps, 1000)
    every = queue(plan_of, MS, 64)

    def failing(every: list[Request], looks: dict[str, Any], lag_ms: float = 0.1, knee_hz: float = 1000) -> set[str]:
        metrics, _ = overload.judged(found, knee_hz, every, looks)
        metrics["lag_p99_ns"] = lag_ms * MS
        gates = overload.gates(found, metrics, every)
        return {name for name, gate in gates.items() if not gate["ok"]}

    steady = looked(lambda t: 50e6)
    assert failing(every, steady) == set()
    assert failing(every, looked(lambda t: 50e6 * (1 + max(0, t)))) == {"rss_growth_mb"}, "memory without bound"
    assert failing(every, steady, lag_ms=8) == {"generator_lag_ms"}
    assert failing(every, steady, knee_hz=700) == {"answered_over_maximum"}, "no overload at all"
    assert failing([*every, refused(0, status=500)], steady) == {"replies_wrong"}
    early = [refused(r.due_ns) if r.due_ns < 20 * MS else r for r in every]
    assert failing(early, steady) == {"answered_before"}
    with pytest.raises(rig.Failure, match="memory"):
        failing(every, NO_LOOKS)


# --- Lines --------------------------------------------------------------------------------------


def line(family: plan.Family, member: str, number: int, metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        **{"schema": 1, "kind": "service", "family": family.id, "case": family.case(member), "member": member},
        **{"round": number, "process": 0, "started": "2026-11-20T11:00:00Z", "seconds": 1.0},
        **{"status": "ok", "reason": None, "metrics": metrics, "gates": {}, "covariates": {"steal_percent": 0.0}},
        **more,
    }


Make = Callable[[scenario.Scenario, str, int], tuple[dict[str, Any], dict[str, Any]]]


def made_up(folder: Path, found: scenario.Scenario, make: Make, rounds: int = ROUNDS, **load: Any) -> Path:
    """A run of that scenario, whose lines are make()'s (metrics, timeline) by member and round."""
    (family,) = plans.make([scenario.with_rounds(found, rounds)], BUILT, 1, None).families
    family = plans.fixed(family, **load)
    lines = []
    for number in range(1, rounds + 1):
        for member in family.members:
            metrics, timeline = make(found, member, number)
            lines.append({**line(family, member, number, metrics, timeline=timeline), "process": len(lines)})
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json()]}
    return synthetic.write_run(folder, facts, lines)


def one(folder: Path) -> outcome.Outcome:
    (found,) = outcome.outcomes(*command.read(folder))
    return found


def told(folder: Path) -> str:
    return sections.text(one(folder)).replace(words.SPACE, " ")


def drawn(folder: Path) -> str:
    """The report, with its pictures: every one has its data in a table, and is the same twice."""
    assert report.main([str(folder)]) == 0
    pictures = {file.name: file.read_bytes() for file in folder.glob("scenario-*.svg")}
    assert pictures and report.main([str(folder)]) == 0
    assert {file.name: file.read_bytes() for file in folder.glob("scenario-*.svg")} == pictures
    for name in pictures:
        charts = [c.name for c in scenarios.KINDS[one(folder).scenario.kind].pictures(one(folder))]
        shown = {s for t in scenarios.KINDS[one(folder).scenario.kind].tables(one(folder)) for s in t.shows}
        assert name.removesuffix(".svg") in charts and set(charts) == shown
    return (folder / "report.md").read_text("utf-8").replace(words.SPACE, " ")


def overloaded(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    knee = 1000.0 * (1 + number / 100)
    limit = 64 if member.endswith("reject") else None
    metrics, timeline = overload.judged(
        found, knee, queue(overload.rates(found.steps, knee), S / knee, limit), looked(lambda t: 50e6 + 1e6 * number)
    )
    return metrics, timeline


def test_what_is_said_of_an_overload(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    text = told(folder)
    first = text.splitlines()[1]
    assert first.startswith("At 2 times what each can do, reject still gave")
    assert "% of that maximum within 100 ms, and answers were as fast as before after 0.2 s; wait still gave" in first
    assert first.endswith(" (intervals at 95 % each).")
    low, high = series.estimate(one(folder).family, "event_loop@wait", "useful_share").interval  # type: ignore
    assert 0.2 < low <= high < 0.25
    assert "event_loop 100 % (" in text and "old, back after 1.4 s (1.4 to 1.4)" in text
    assert "in time, 47 % (46 to 47) of what was offered refused" in text.splitlines()[2]
    assert "in time, 0 % (0 to 0) of what was offered refused" in text.splitlines()[3]
    rows = [row.split() for row in text.splitlines() if row.startswith(("reject ", "wait "))]
    assert len(rows) == 4 and all(row[-1] == str(ROUNDS) for row in rows)
    page = drawn(folder)
    assert "Slot by slot of 0.1 s" in page and "And then?" in page


def test_one_that_never_came_back_is_said_to_be(tmp_path: Path) -> None:
    def some(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, timeline = overloaded(found, member, number)
        lost = member == "thread_pool@wait" and number > 2  # the median is beyond what was watched
        return ({**metrics, "recovery_ns": None, "recovered": 0} if lost else metrics), timeline

    text = told(made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), some))
    assert (
        "thread_pool 22 %" in text and "back after not while it was watched (1.4 to not while it was watched)" in text
    )
    assert "as fast as before after 1.4 to not while it was watched" in text


def test_memory_without_bound_has_no_numbers(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        if row["member"] == "event_loop@wait":
            row["gates"] = {"rss_growth_mb": {"value": 900.0, "limit": 32.0, "scope": "all", "ok": False}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = told(folder)
    assert "event_loop@wait has no number: growth of memory, MB 900 (limit 32) in 7 of 7 rounds" in text
    assert "event_loop" not in next(row for row in text.splitlines() if row.startswith("wait: "))
    row = next(row.split() for row in text.splitlines() if row.startswith("wait     event_loop"))
    assert set(row[2:-1]) == {"–"} and row[-1] == "0"
    assert series.timeline(one(folder).family, "event_loop@wait", "p99_ns") == []


def test_a_single_round_beyond_a_gate_is_left_out(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        if (row["member"], row["round"]) == ("event_loop@wait", 3):
            row["gates"] = {"generator_lag_ms": {"value": 9.0, "limit": 5.0, "scope": "all", "ok": False}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = one(folder).family
    assert set(series.rounds(found, "event_loop@wait", "useful_share")) == {1, 2, 4, 5, 6, 7}
    assert len(series.good(found, "event_loop@wait")) == 6 and "has no number" not in told(folder)


def test_few_rounds_say_so(tmp_path: Path) -> None:
    text = told(made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded, rounds=2))
    assert "(no interval: 2 of 6 rounds needed)" in text.splitlines()[1] and "% (" not in text.splitlines()[2]


# --- A slow downstream service ------------------------------------------------------------------

SLOW = """
kind = "slow-downstream"
title = "Neighbours"
question = "Do they notice?"
rounds = 7
[server]
models = ["thread_pool", "event_loop"]
downstream_connections = 64
[downstream]
delay = "fixed:2000"
[load]
connections = 800
[level]
back_factor = 3
[steps]
deadlines_ms = [100, 0]
faults = ["stalled", "dead"]
slow_delay = "fixed:250000"
hits_hz = 1000
misses_hz = 200
warmup_s = 0.1
normal_s = 0.5
fault_s = 0.5
back_s = 0.5
slot_ms = 50
"""
PHASES = [("normal", 0), ("stalled", S // 2), ("after stalled", S), ("dead", 3 * S // 2), ("after dead", 2 * S)]
END = ("", 5 * S // 2)


def spans() -> list[dict[str, Any]]:
    found = faults.spans([*PHASES, END])
    return [{**phase, "planned_ns": S // 2} for phase in found]


def stuck(blocks: bool, deadline_ns: int | None) -> list[Request]:
    """Hits take 1 ms and misses 4. In the stall (0.5 to 1 s) misses wait for its end or their deadline;
    if the model blocks, hits from 0.7 s on wait for its end as well. Dead (1.5 to 2 s): misses fail."""
    every = []
    for i in range(2500):
        due = i * MS
        held = blocks and deadline_ns is None and 700 * MS <= due < S
        every.append(right(due, (S - due if held else 0) + MS, "hits"))
    for i in range(500):
        due = i * 5 * MS
        if S // 2 <= due < S:
            left = S - due
            late = deadline_ns is not None and left > deadline_ns
            every.append(refused(due, "misses", 504) if late else right(due, left + 4 * MS, "misses"))
        elif 3 * S // 2 <= due < 2 * S:
            every.append(refused(due, "misses", 502))
        else:
            every.append(right(due, 4 * MS, "misses"))
    return every


POOL = {
    **NO_LOOKS,
    "at_ns": [i * 50 * MS for i in range(50)],
    "pool_in_use": [64 if 12 <= i < 20 else 1 for i in range(50)],
}
POOL |= {key: [0] * 50 for key in NO_LOOKS if key not in POOL or not POOL[key]}


def failing(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    deadline = 100 * MS if member.endswith("100ms") else None
    return slow_downstream.judged(found, stuck(member.startswith("thread_pool"), deadline), POOL, spans())


def test_phases_of_a_known_stall(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)
    metrics, timeline = failing(found, "thread_pool@none", 1)
    assert metrics["normal_hits_p99_ns"] == MS and metrics["normal_misses_p99_ns"] == 4 * MS
    # 300 of 500 hits wait for the end of the stall, up to 0.3 s: the 5 slowest are beyond p99.
    assert metrics["stalled_hits_p99_ns"] == pytest.approx(301 * MS - 5 * MS, abs=MS)
    assert metrics["stalled_hits_bad_share"] == 0 == metrics["stalled_misses_bad_share"]
    assert metrics["dead_hits_p99_ns"] == MS and metrics["dead_misses_p99_ns"] is None
    assert metrics["dead_misses_bad_share"] == 1
    assert metrics["stalled_pool_max"] == 64 and metrics["normal_pool_max"] == 1
    assert metrics["after_stalled_hits_recovery_ns"] == 50 * MS == metrics["after_dead_misses_recovery_ns"]
    kinds = {p["name"]: p["misses"]["kinds"] for p in timeline["phases"]}
    assert kinds == {"normal": {}, "stalled": {}, "after stalled": {}, "dead": {"502": 100}, "after dead": {}}
    assert len(timeline["hits"]["p99_ns"]) == 50 and timeline["misses"]["right"][32] == 0

    metrics, timeline = failing(found, "event_loop@100ms", 1)
    assert metrics["stalled_hits_p99_ns"] == MS
    assert timeline["phases"][1]["misses"]["kinds"] == {"504": 80}
    assert metrics["stalled_misses_bad_share"] == pytest.approx(0.8)


def test_a_service_that_stays_slow_is_not_back(tmp_path: Path) -> None:
    """Misses take twice what back_factor allows for 0.2 s after the stall."""
    found = parsed(tmp_path, SLOW)
    every = [
        right(r.due_ns, 24 * MS, r.kind) if r.kind == "misses" and S <= r.due_ns < 1200 * MS else r
        for r in stuck(False, None)
    ]
    metrics, _ = slow_downstream.judged(found, every, POOL, spans())
    assert metrics["after_stalled_misses_recovery_ns"] == 250 * MS
    assert metrics["after_stalled_hits_recovery_ns"] == 50 * MS


def test_a_phase_without_requests_is_no_result(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)
    every = [r for r in stuck(False, None) if r.kind == "hits" or not S // 2 <= r.due_ns < S]
    with pytest.raises(rig.Failure, match="no misses were due while it was stalled"):
        slow_downstream.judged(found, every, POOL, spans())


def test_what_voids_a_slow_downstream(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)

    def failed(every: list[Request], phases: list[dict[str, Any]] | None = None, lag_ns: int = 1000) -> set[str]:
        judged = phases or spans()
        slow_downstream.judged(found, every, POOL, judged)
        gates = slow_downstream.gates(every, judged, {"lag_p99_ns": lag_ns})
        return {name for name, gate in gates.items() if not gate["ok"]}

    every = stuck(True, None)
    assert failed(every) == set()
    # Hits that wait for a connection of the generator's, which misses have taken.
    held = [r._replace(sent_ns=r.due_ns + 50 * MS) if r.kind == "hits" and r.due_ns % 50 == 0 else r for r in every]
    assert failed(held) == {"hits_held_back"}
    assert failed([*every, refused(S, "misses", 200)]) == {"replies_wrong"}
    assert failed(every, lag_ns=MS // 2) == {"lag_p99_over_p50"}
    early = [refused(r.due_ns, r.kind) if r.due_ns < 20 * MS else r for r in every]
    assert failed(early) == {"answered_before"}
    assert failed(every, [{**p, "planned_ns": S // 4} for p in spans()]) == {"phases_late_ms"}


def test_what_is_said_of_neighbours(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    first = told(folder).splitlines()[1]
    alone, both = first.split("; ")
    assert alone == (
        "Requests that do not need the failing service are with a deadline of 100 ms at most twice as slow in"
        " thread_pool (stalled: 1.0 × (1.0 to 1.0)) and event_loop (stalled: 1.0 × (1.0 to 1.0))"
    )
    assert both == (
        "without a deadline held up in thread_pool (stalled: 296 × (296 to 296)), at most twice as slow in event_loop"
        " (stalled: 1.0 × (1.0 to 1.0)) (intervals that hold together at 95 %)."
    )
    page = drawn(folder)
    assert "900 × 502" in page and "720 × 504" in page, "what came instead, over nine rounds"
    assert "after it was: thread_pool stalled 0.05 s (0.05 to 0.05) and 0.05 s (0.05 to 0.05), dead 0.05 s" in page
    assert "What a machine with 2 cores cannot decide here:" in page
    assert "In `mine` generator and downstream service share a CPU" in page


def test_few_rounds_give_neighbours_no_verdict(tmp_path: Path) -> None:
    first = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=2)).splitlines()[1]
    assert "held up" not in first and "at most twice" not in first
    assert "without a verdict in thread_pool (stalled: 296 ×)" in first and "2 of 9 rounds needed" in first
    enough_for_one = told(made_up(tmp_path / "more", parsed(tmp_path, SLOW), failing)).splitlines()[1]
    assert "held up" not in enough_for_one, "seven rounds are for one interval, and eight are looked at"


def test_neighbours_are_left_in_peace_by_all_faults_or_not_shown_to_be(tmp_path: Path) -> None:
    """The fault with the largest median need not be the one that could be worse than twice as slow."""

    def two(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = failing(found, "event_loop@100ms", number)
        wild = 5 * MS if member.startswith("thread_pool") and number == 4 else 1.1 * MS
        return {**metrics, "stalled_hits_p99_ns": 1.3 * MS, "dead_hits_p99_ns": wild}, line

    first = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), two, rounds=9)).splitlines()[1]
    assert "at most twice as slow in event_loop (stalled: 1.3 × (1.3 to 1.3))" in first
    assert "not resolved to be either in thread_pool (dead: 1.1 × (1.1 to 5.0))" in first


def test_hits_that_are_never_answered_are_worse_than_slow(tmp_path: Path) -> None:
    def refusing(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        every = [
            refused(r.due_ns, r.kind) if r.kind == "hits" and S // 2 <= r.due_ns < S else r for r in stuck(False, None)
        ]
        return slow_downstream.judged(found, every, POOL, spans())

    first = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), refusing, rounds=9)).splitlines()[1]
    assert "held up in thread_pool (stalled: never answered (never answered))" in first


def test_the_downstream_service_is_told_in_order() -> None:
    said: list[dict[str, Any]] = []

    class Told:
        def control(self, **settings: Any) -> dict[str, Any]:
            said.append(settings)
            return {"pid": 0}

    steps = {"faults": list(faults.FAULTS), "slow_delay": "fixed:9", "normal_s": 0, "fault_s": 0, "back_s": 0}
    fake = type("S", (), {"steps": steps, "downstream": {"delay": "fixed:1"}})
    at = faults.tell(Told(), fake, watching.Spent())  # type: ignore[arg-type]
    assert said.pop(0) == {"state": "up"}, "as it was: it only tells who the service is"
    assert [name for name, _ in at] == [*faults.phases(list(faults.FAULTS)), ""]
    assert [ns for _, ns in at] == sorted(ns for _, ns in at)
    assert said[::2] == [{"delay": "fixed:9"}, {"state": "stopped"}, {"state": "refusing"}, {"state": "dead"}]
    assert said[1::2] == [{"state": "up", "delay": "fixed:1"}] * 4


def test_a_service_that_died_has_used_what_it_used() -> None:
    def burn() -> int:
        before = watching.cpu_ns(os.getpid())
        while watching.cpu_ns(os.getpid()) - before < 30 * MS:
            pass
        return watching.cpu_ns(os.getpid())

    before = burn()
    spent = watching.Spent()
    spent.begin(os.getpid())
    after = burn()
    spent.look()
    with subprocess.Popen(["/bin/true"]) as gone:
        pass
    spent.of(gone.pid)  # it is no more: what the other has used stays
    assert 30 * MS <= spent.total_ns <= watching.cpu_ns(os.getpid()) - before and after > before


def test_connections_to_the_failing_service_are_told(tmp_path: Path) -> None:
    text = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing))
    assert (
        "Without a deadline, most connections to it in use of 64: thread_pool normal 1 (1 to 1), stalled 64 (64 to 64),"
        " dead 1 (1 to 1); event_loop" in text
    )


# --- Heavy among fast ---------------------------------------------------------------------------

MIXED = """
kind = "mixed"
title = "Heavy"
question = "Do they wait?"
rounds = 7
[server]
models = ["thread_pool", "event_loop"]
cpu_iterations = 1000
offload_threads = 2
[load]
connections = 64
[steps]
heavy_percent = 10
rate_hz = 100
load_share = 0.5
warmup_s = 0.1
duration_s = 1
closed_s = 0.3
"""


def heavy(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Offloading makes the fast requests' p99 4 times as low in the loop, and changes nothing in the pool."""
    gain = 4.0 if member == "event_loop@offloaded" else 1.0
    noise = 1 + number / 1000
    metrics = {"fast_p50_ns": 2e5 * noise, "fast_p99_ns": 4e6 * noise / gain, "heavy_p50_ns": 2e6, "heavy_p99_ns": 5e6}
    shift = 1 + (number % 3 - 1) / 100 if member == "thread_pool@offloaded" else 1.0
    metrics["fast_p99_ns"] *= shift
    return {**metrics, "closed_hz": 1000.0 / gain**0.5, "server_busy_percent": 50.0}, {}


def test_what_is_said_of_heavy_requests(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, MIXED), heavy, rate_hz=100.0)
    text = told(folder)
    first = text.splitlines()[1]
    assert first.startswith("Offloading lowers the p99 of fast requests in event_loop (from 4.02 ms (")
    assert "whether offloading changes the p99 of fast requests is not resolved in thread_pool (from 4.02 ms" in first
    assert (
        "event_loop: in place the fast requests' p99 is 4.00 × (" in text
        and "throughput to 0.500 × (0.50 to 0.50)" in text
    )
    assert "With the heavy requests offloaded: event_loop has the lowest p99" in text
    assert "With the heavy requests in place: " in text and "are not told apart as the lowest p99" in text
    page = drawn(folder)
    assert "What offloading does, round by round" in page
    assert "how a model scales over cores" in page and "downstream service share a CPU" not in page


def test_few_rounds_say_nothing_of_offloading(tmp_path: Path) -> None:
    first = told(made_up(tmp_path / "run", parsed(tmp_path, MIXED), heavy, rounds=3, rate_hz=100.0)).splitlines()[1]
    assert first.startswith("No verdict on ") and "3 of 7 rounds needed" in first and "lowers" not in first


#: What load says of a sound loop of 64 connections.
SOUND: dict[str, Any] = {
    **{"duration_ns": 1e9, "offered_hz": 100.0, "achieved_hz": 100.0, "wrong": 0, "failed": 0, "little_ratio": 1.0},
    **{"p50_ns": 2e5, "lag_p50_ns": 1e3, "lag_p99_ns": 5e3, "connections_held": 64, "watch_cpu_ns": 5e8, "cpu_ns": 1e8},
    "classes": [{"name": "fast", "p50_ns": 2e5}, {"name": "heavy", "p50_ns": 2e6}],
}
RIG = {"cpu_ns": 9.9e8}  # the generator had all of its CPU, the server half


def test_the_closed_loop_of_heavy_requests_has_its_gates(tmp_path: Path) -> None:
    (family,) = plans.make([parsed(tmp_path, MIXED)], BUILT, 1, None).families

    def failed(**closed: Any) -> dict[str, str]:
        found = mixed.gates(family, SOUND, {**SOUND, **closed}, {"lost": 0})
        return {name: gate["scope"] for name, gate in found.items() if not gate["ok"]}

    assert failed() == {}
    assert failed(little_ratio=1.2) == {"littles_law": "closed"}
    assert failed(wrong=1) == {"closed_replies_wrong": "closed"}
    assert failed(**RIG) == {"closed_saturated": "bound"}
    assert failed(connections_held=63) == {"connections_held": "all"}


def test_a_throughput_that_is_the_rig_s_is_no_gain(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, MIXED), heavy, rate_hz=100.0)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        ok = row["member"] != "event_loop@offloaded"
        value = "server" if ok else "generator"
        row["gates"]["closed_saturated"] = {"value": value, "limit": "", "scope": "bound", "ok": ok}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = told(folder)
    assert "throughput is not known: offloaded the generator was at its limit, not the server" in text
    assert "≥ 500 (" in text and "≥ 1" not in text and "throughput to 1.000 ×" in text, "thread_pool's stands"
    assert "the rig's" in [c.text for c in mixed.tables(one(folder))[1].rows[1]]


def test_without_its_maximum_there_is_no_overload(tmp_path: Path) -> None:
    found = parsed(tmp_path, OVERLOAD)

    def failed(**done: Any) -> set[str]:
        gates = readings.knee_gates(found, {**SOUND, **done})
        assert {gate["scope"] for gate in gates.values()} == {"all"} and set(gates) < set(GATE_NAMES)
        return {name for name, gate in gates.items() if not gate["ok"]}

    assert failed() == set()
    assert failed(failed=1) == {"knee_replies_wrong"} and failed(little_ratio=0.8) == {"knee_littles_law"}
    assert failed(**RIG) == {"knee_saturated"}, "twice of what the generator can do is not too much for the server"


def test_who_was_at_his_limit_is_told(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, MIXED), heavy, rate_hz=100.0)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        gate = {"value": "server", "limit": "server or nobody", "ok": True}
        nobody = row["round"] == 1
        row["gates"] = {
            "closed_saturated": {**gate, "scope": "bound"},
            "saturated": {**gate, "scope": "tail", "value": "nobody" if nobody else "server"},
        }
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = mixed.tables(one(folder))[-1]
    assert [c.title for c in table.columns[1:3]] == ["saturated", "… in the closed loop"]
    assert all([c.text for c in row[1:3]] == ["server 6, nobody 1", "server"] for row in table.rows)


@pytest.mark.parametrize(
    ("server", "delay", "model", "ceiling"),
    [
        ({"workload": "blend"}, "fixed:2000", "event_loop", 64 / 0.002),
        ({"workload": "blend"}, "fixed:2000", "thread_pool", 1 / 0.002),
        ({"workload": "call", "downstream_connections": 16}, "fixed:2000", "event_loop", 16 / 0.002),
        ({"workload": "fanout", "downstream_connections": 16, "fan": 4}, "fixed:2000", "event_loop", 4 / 0.002),
        ({"workload": "rpc"}, "fixed:2000", "event_loop", None),
        ({"workload": "blend"}, "exp:2000", "event_loop", None),
        ({"workload": "blend"}, "fixed:0", "event_loop", None),
    ],
)
def test_what_waits_has_a_ceiling(
    server: dict[str, Any], delay: str, model: str, ceiling: float | None, tmp_path: Path
) -> None:
    """And in a window of 2 s as much more as was under way when it began."""
    found = replace(parsed(tmp_path, MIXED), downstream={"delay": delay})
    found = replace(found, server={**found.server, **server})
    bound = readings.ceiling_hz(found, model, 2.0)
    assert bound == (None if ceiling is None else pytest.approx(ceiling * (1 + 0.002 / 2)))
    (family,) = plans.make([parsed(tmp_path, MIXED)], BUILT, 1, None).families
    fast = {**SOUND, "offered_hz": 1e6, "achieved_hz": 1e6}
    gates = readings.gates(family, fast, {"lost": 0}, below_knee=False, ceiling_hz=bound)
    assert [name for name, gate in gates.items() if not gate["ok"]] == ([] if bound is None else ["open_below_ceiling"])


def test_offloading_means_helpers_or_threads(tmp_path: Path) -> None:
    found = parsed(tmp_path, MIXED)
    assert mixed.options(found, "event_loop@offloaded") == {"workload": "mixed", "offload": True}
    assert mixed.options(found, "event_loop@in_place") == {"workload": "mixed", "offload": False}
    pool = mixed.options(found, "thread_pool@offloaded")
    assert pool["threads"] == 1 + 2 and pool["offload"] and pool["offload_threads"] is None
    shares = {each["name"]: (each["share"], each["heavy_percent"]) for each in mixed.classes(found)}
    assert shares == {"fast": (90, 0), "heavy": (10, 100)}


# --- Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (OVERLOAD, "connections = 512", "connections = 64", "load.connections: must be more than server.queue_limit (64)"),
        (OVERLOAD, "knee_connections = 16", "knee_connections = 65", "steps.knee_connections: must be neither more"),
        (OVERLOAD, '["reject", "wait"]', '["wait", "wait"]', "steps.on_full: names one twice"),
        (OVERLOAD, '["reject", "wait"]', '["drop"]', 'steps.on_full: "drop" is not one of reject, wait'),
        (OVERLOAD, "before_s = 0.5", "before_s = 0.1", "steps.before_s: must hold two slots"),
        (OVERLOAD, "queue_limit = 64", 'queue_limit = 64\non_full = "wait"', "server.on_full: is not known here"),
        (OVERLOAD, "factor = 2\nbase", "factor = 0.5\nbase", "steps.factor: 0.5: must be from 1"),
        (SLOW, '[downstream]\ndelay = "fixed:2000"', "", "downstream: is missing"),
        (SLOW, '[downstream]\ndelay = "fixed:2000"', '[downstream]\ndelay = "2ms"', 'downstream.delay: "2ms" is not of the form'),
        (SLOW, "fixed:250000", "lognormal:100", 'steps.slow_delay: "lognormal:100" is not of the form fixed:US, exp'),
        (SLOW, "fixed:250000", "lognormal:100.5,0.5", None),
        (SLOW, '["stalled", "dead"]', '["asleep"]', 'steps.faults: "asleep" is not one of slow, stalled'),
        (SLOW, "[100, 0]", "[0, 0]", "steps.deadlines_ms: names one twice"),
        (SLOW, "fault_s = 0.5", "fault_s = 0.1\n", None),
        (SLOW, "slot_ms = 50", "slot_ms = 300", "steps.normal_s: must hold two slots"),
        (SLOW, "[server]", '[server]\nworkload = "rpc"', "server.workload: is not known here"),
        (MIXED, "heavy_percent = 10", "heavy_percent = 100", "steps.heavy_percent: 100: must be from 0.01 to 99"),
        (MIXED, "[server]", "[server]\noffload = true", "server.offload: is not known here"),
        (MIXED, "[steps]", "[[load.classes]]\nname = 'a'\nshare = 1\n[[load.classes]]\nname = 'b'\nshare = 1\n[steps]",
         "load.classes: are this kind's own"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_by_its_key(text: str, old: str, new: str, said: str | None, tmp_path: Path) -> None:
    assert old in text
    if said is None:
        parsed(tmp_path, text.replace(old, new))
        return
    with pytest.raises(UsageError) as refusal:
        parsed(tmp_path, text.replace(old, new))
    assert said in str(refusal.value) and refusal.value.exit_code == 2


@pytest.mark.parametrize("name", ["overload", "slow-downstream", "mixed"])
def test_what_is_shipped_ends_in_minutes(name: str) -> None:
    """With four models, pilot and report included."""
    four = plan.Built(
        model_cases=tuple(f"model/rpc/{m}" for m in (*MODELS, "actor", "thread_per_connection")),
        services=("rpc",),
        cpus=(0, 1),
    )
    limit_s = {"overload": 240, "slow-downstream": 600, "mixed": 240}[name]
    assert plans.make([scenarios.load(name)], four, 1, None).seconds <= limit_s


# --- For real -----------------------------------------------------------------------------------

SMALL = {
    "overload": [("knee_hz = 0.0", "knee_hz = 40.0"), ("before_s = 0.5", "before_s = 0.3"), ("overload_s = 0.9", "overload_s = 0.3"),
                 ("after_s = 1.8", "after_s = 0.3"), ('on_full = ["reject", "wait"]', 'on_full = ["wait"]'),
                 ("connections = 512", "connections = 80"), ("back_factor = 2.0", "back_factor = 100.0")],
    "slow-downstream": [("hits_hz = 1000.0", "hits_hz = 60.0"), ("misses_hz = 300.0", "misses_hz = 30.0"),
                        ("[100, 0]", "[100]"), ('["slow", "stalled", "refusing", "dead"]', '["stalled", "dead"]'),
                        ("connections = 800", "connections = 60"), ("threads = 64", "threads = 8")],
    "mixed": [("rate_hz = 0.0", "rate_hz = 50.0"), ("heavy_percent = 10.0", "heavy_percent = 50.0"), ("duration_s = 1.6", "duration_s = 0.3"), ("closed_s = 0.4", "closed_s = 0.1")],
}  # fmt: skip
BUSY = ("the phases lay outside of what load had planned", "this machine was too busy", "load: not one right answer")


@standstill.excused
def test_each_for_real_in_small(assay: Assay, build: Path, tmp_path: Path) -> None:
    """That the chain holds; not one figure of time is asked for."""
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    named: list[object] = []
    for name, changes in SMALL.items():
        text = (scenario.FOLDER / f"{name}.toml").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / f"{name}.toml").write_text(text.replace("[server]", '[server]\nmodels = ["thread_pool"]', 1))
        named += ["--scenario", tmp_path / f"{name}.toml"]
    done = assay("run", *named, "--rounds", 1, "--seed", 3, "--force", "--reports", tmp_path, "--id", "small")
    folder = tmp_path / "small"
    assert done.stdout.splitlines()[-1:] == [str(folder)], done.stderr
    lines = {row["case"]: row for row in command.read(folder)[1].lines}
    assert len(lines) == 1 + 1 + 2
    for case, row in lines.items():
        if row["status"] != "ok":
            assert any(why in row["reason"] for why in BUSY), row["reason"]
            continue
        metrics, timeline = row["metrics"], row["timeline"]
        assert row["gates"]["lost"]["ok"] and metrics["lost"] == 0
        if "overload" in case:
            assert metrics["knee_hz"] == 40 and metrics["rss_before_bytes"] > 0 and sum(timeline["planned"]) > 0
            assert timeline["looks"]["in_flight"] and math.isfinite(metrics["useful_share"])
        elif "slow" in case:
            stalled, back, dead = timeline["phases"][1:4]
            assert [stalled["name"], back["name"], dead["name"]] == ["stalled", "after stalled", "dead"]
            assert set(dead["misses"]["kinds"]) <= {"502", "504", "timeout"} and "502" not in dead["hits"]["kinds"]
            if row["gates"]["phases_late_ms"]["ok"]:  # else there may have been nobody to ask
                assert dead["misses"]["kinds"] and max(timeline["looks"]["pool_in_use"]) >= 1
        else:
            assert metrics["fast_p99_ns"] > 0 and metrics["heavy_p50_ns"] > 0 and metrics["closed_hz"] > 0
    assert report.main([str(folder)]) == 0
    names = {file.name for file in folder.glob("scenario-*.svg")}
    assert {"scenario-overload-wait.svg", "scenario-slow-downstream-100ms.svg", "scenario-mixed-fast.svg"} <= names
