# SPDX-License-Identifier: MIT
"""Heavy among fast requests: what is said of lines, and what voids them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from assaylib import plan
from assaylib.scenarios import mixed, plans, readings, scenario
from failures import BUILT, MIXED, MODELS, RIG, SOUND, drawn, made_up, one, parsed, told


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
    assert "that offloading changes the p99 of fast requests by more than 3 % is not shown in thread_pool (" in first
    assert (
        "event_loop: in place the fast requests' p99 is 4.00 × (" in text
        and "throughput to 0.500 × (0.50 to 0.50)" in text
    )
    assert "With the heavy requests offloaded: event_loop has the lowest p99" in text
    assert "With the heavy requests in place: " in text and "are not told apart as the lowest p99" in text
    assert "\nNo A/A: a difference below 3 % is taken for none, whatever the machine did.\n" in text
    page = drawn(folder)
    assert "What offloading does, round by round" in page
    assert "how a model scales over cores" in page and "downstream service share a CPU" not in page


def test_a_gain_within_the_margin_is_none(tmp_path: Path) -> None:
    def little(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = heavy(found, "thread_pool@in_place", number)
        return {**metrics, "fast_p99_ns": metrics["fast_p99_ns"] / (1.02 if member.endswith("offloaded") else 1)}, line

    first = told(made_up(tmp_path / "run", parsed(tmp_path, MIXED), little, rate_hz=100.0)).splitlines()[1]
    assert "lowers" not in first and "raises" not in first and "by more than 3 % is not shown in thread_pool" in first


def test_what_offloading_stands_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with a thread for each connection has nothing to gain by it: what its rows differ by is chance."""
    models = (*MODELS, "thread_per_connection")
    built = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in models), services=("rpc",), cpus=(0, 1))
    monkeypatch.setattr("failures.BUILT", built)
    text = MIXED.replace('"event_loop"]', '"event_loop", "thread_per_connection"]')

    def luck(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = heavy(found, member, number)
        return {**metrics, "fast_p99_ns": 4e6 / 1.1} if member == "thread_per_connection@offloaded" else metrics, line

    lines = told(made_up(tmp_path / "run", parsed(tmp_path, text), luck, rounds=8, rate_hz=100.0)).splitlines()
    assert "lowers the p99 of fast requests in event_loop (" in lines[1]
    assert lines[1].count("thread_per_connection") == 1 and lines[1].endswith("is the same server both times.")
    assert lines[2] == (
        "Offloaded means: event_loop: 2 helper threads beside the loop or the worker; thread_pool: 2 threads more of the"
        " same, since heavy requests may block them; thread_per_connection: no change: it has a thread for each"
        " connection, and what its two rows differ by is chance."
    )


def test_nobody_gains_by_less_than_a_server_differs_from_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offloading helps the loop by 8 %, in place it is 5 % ahead. The model to which offloading is nothing shows what
    that is worth."""
    models = (*MODELS, "thread_per_connection")
    built = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in models), services=("rpc",), cpus=(0, 1))
    monkeypatch.setattr("failures.BUILT", built)
    text = MIXED.replace('"event_loop"]', '"event_loop", "thread_per_connection"]')

    def said(same: float) -> list[str]:
        by = {"event_loop@in_place": 1.05, "event_loop@offloaded": 1.05 * 1.08, "thread_per_connection@offloaded": same}

        def make(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
            metrics, line = heavy(found, "thread_pool@in_place", number)
            return {**metrics, "fast_p99_ns": metrics["fast_p99_ns"] / by.get(member, 1.0)}, line

        run = made_up(tmp_path / f"{same}", parsed(tmp_path, text), make, rounds=8, rate_hz=100.0)
        return told(run).splitlines()

    calm, loud = said(1.0), said(1.1)
    assert calm[1].startswith("Offloading lowers the p99 of fast requests in event_loop (from")
    assert "With the heavy requests in place: event_loop has the lowest p99 of fast requests." in calm
    up_to = "thread_per_connection, the same server both times, differs from itself by up to"
    assert f"No p99 is put before another by less than 3 %: {up_to} 0 %." in calm
    assert "lowers" not in loud[1] and "by more than 10 % is not shown in thread_pool (" in loud[1]
    assert any(one.startswith("With the heavy requests in place: ") and "not told apart" in one for one in loud)
    assert f"No p99 is put before another by less than 10 %: {up_to} 10 %." in loud


def test_few_rounds_say_nothing_of_offloading(tmp_path: Path) -> None:
    first = told(made_up(tmp_path / "run", parsed(tmp_path, MIXED), heavy, rounds=3, rate_hz=100.0)).splitlines()[1]
    assert first.startswith("No verdict on ") and "3 of 7 rounds needed" in first and "lowers" not in first


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
    assert "throughput is not known: offloaded the rig was the limit, or may have been, not the server" in text
    assert "≥ 500 (" in text and "≥ 1" not in text and "throughput to 1.000 ×" in text, "thread_pool's stands"
    assert "the rig's" in [c.text for c in mixed.tables(one(folder))[1].rows[1]]


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
