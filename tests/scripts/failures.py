# SPDX-License-Identifier: MIT
"""Shared by the tests of scenarios in which something goes wrong: their files in small, requests that
are made up, and runs whose lines are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import synthetic
from assaylib import plan, report, scenarios, words
from assaylib.scenarios import command, outcome, plans, requests, scenario, sections, watching
from assaylib.scenarios.requests import Request

MODELS = ("thread_pool", "event_loop")
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=(0, 1))
MS, S = 1_000_000, 1_000_000_000
ROUNDS = 7
NO_LOOKS: dict[str, Any] = {key: [] for key in ("at_ns", "rss_bytes", *watching.METRICS)}

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
maximum_hz = 1000
maximum_connections = 16
factor = 2
base_share = 0.3
warmup_s = 0.1
maximum_s = 0.3
before_s = 0.5
overload_s = 0.9
after_s = 1.8
slot_ms = 100
"""
SLOW = """
kind = "slow-downstream"
title = "Neighbours"
question = "Do they notice?"
rounds = 7
[server]
models = ["thread_pool", "event_loop"]
downstream_connections = 64
[server.thread_pool]
threads = [64, 200]
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
#: What load says of a sound loop of 64 connections.
SOUND: dict[str, Any] = {
    **{"duration_ns": 1e9, "offered_hz": 100.0, "achieved_hz": 100.0, "wrong": 0, "failed": 0, "little_ratio": 1.0},
    **{"p50_ns": 2e5, "lag_p50_ns": 1e3, "lag_p99_ns": 5e3, "connections_held": 64, "watch_cpu_ns": 5e8, "cpu_ns": 1e8},
    **{"answered": 100, "status_counts": {"200": 100}},
    "classes": [{"name": "fast", "p50_ns": 2e5}, {"name": "heavy", "p50_ns": 2e6}],
}
RIG = {"cpu_ns": 9.9e8}  # the generator had all of its CPU, the server half


def right(due_ns: float, latency_ns: float, kind: str = "") -> Request:
    due = int(due_ns)
    return Request(kind, due, due, due + int(latency_ns), requests.RIGHT, 200)


def refused(due_ns: float, kind: str = "", status: int = 503) -> Request:
    due = int(due_ns)
    return Request(kind, due, due, due + MS, requests.WRONG, status)


def parsed(folder: Path, text: str, name: str = "mine") -> scenario.Scenario:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return scenarios.load(str(path))


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
