# SPDX-License-Identifier: MIT
"""What a server that does nothing reaches through the same rig (METHOD 4) bounds every scenario that has a
rate: it is asked for in the pilot, and who comes near it is marked or has no number."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
import test_connections as held
import test_map as maps
from assaylib import judge, plan, rig, scenarios, words
from assaylib.gates import noop
from assaylib.programs import Build
from assaylib.scenarios import connections, mixed, plans, readings, sections
from assaylib.scenarios import map as mapping
from assaylib.sections.services import conditions
from failures import MIXED, OVERLOAD, SLOW, SOUND, parsed
from lives import CPUS

RATED = {"overload": OVERLOAD, "slow": SLOW, "mixed": MIXED, "connections": held.CONNECTIONS, "map": maps.MAP}
MODELS = plan.Built(
    model_cases=("model/rpc/thread_pool", "model/rpc/event_loop", "model/rpc/thread_per_connection"),
    services=("rpc",),
    cpus=CPUS,
)


def families(folder: Path, text: str) -> tuple[plan.Family, ...]:
    return plans.make([parsed(folder, text)], MODELS, 1, None).families


@standstill.excused
@pytest.mark.parametrize("name", RATED)
def test_the_pilot_asks_what_the_rig_can_carry(
    name: str, opened: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noop, "REPEATS", 1)
    monkeypatch.setattr(noop, "WINDOW_S", 1.0)
    said: list[str] = []
    family, _ = scenarios.pilot(opened, families(tmp_path, RATED[name])[0], said.append)
    found = family.load["rig_hz"]
    each = list(found.values()) if name == "map" else [found]
    assert not said and all(hz > 0 for hz in each)
    if name == "map":
        assert list(found) == ["2", "6"], "with as many connections as each cell has"


def test_one_window_without_an_answer_does_not_lose_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may leave a quarter of a second without one. What fails each time is not known, and said."""
    sound = {"wrong": 0, "failed": 0, "achieved_hz": 500.0}
    monkeypatch.setattr(noop, "server", lambda *_, **__: nullcontext())
    for outcomes, hz in (([None, sound, sound], 500.0), ([None, {**sound, "wrong": 3}, None], None)):
        left = iter(outcomes)

        def load(*_: Any, **__: Any) -> dict[str, Any]:
            found = next(left)
            if found is None:
                raise rig.Failure("load: not one right answer")
            return found

        monkeypatch.setattr(rig, "load", load)
        said: list[str] = []
        assert noop.closed_hz(None, {}, server_cpu=0, load_cpu=1, say=said.append) == hz  # type: ignore[arg-type]
        assert bool(said) == (hz is None) and next(left, "none") == "none"


@standstill.excused
def test_new_connections_are_bounded_by_new_connections(opened: Build) -> None:
    """A server that does nothing but keeps its connections would bound something else."""
    asked = {**connections._anew({"new_connections": 4}), "workload": "echo", "arrival": "closed"}
    with noop.server(opened, cpu=CPUS[0], close=True) as nothing:
        done = rig.load(opened, nothing, {**noop.any_reply(asked), "duration": 0.2}, cpu=CPUS[-1])
    assert done["answered"] > 4 and done["wrong"] == done["failed"] == 0
    assert done["closed_by_peer"] >= done["answered"] - 4


@standstill.excused
@pytest.mark.parametrize("close", [False, True])
def test_requests_of_many_pieces_are_answered_once(close: bool, opened: Build) -> None:
    """Each of them is larger than what one recv() brings."""
    anew = {"header": "Connection: close", "in_flight": 4} if close else {}
    asked = {"workload": "rpc", "payload": "feed", "codec": "cjson", "connections": 4, "arrival": "closed", **anew}
    with noop.server(opened, cpu=CPUS[0], close=close) as nothing:
        done = rig.load(opened, nothing, {**noop.any_reply(asked), "duration": 0.3}, cpu=CPUS[-1])
    assert done["answered"] > 0 and done["wrong"] == done["failed"] == 0


class Here:
    """A server under load that says what is told."""

    def __init__(self, **figures: Any) -> None:
        self._figures = {**SOUND, "answered": 1000, "p99_ns": 1e6, "closed_by_peer": 1000, **figures}

    def load(self, **_: Any) -> dict[str, Any]:
        return self._figures


def broken(gates: dict[str, Any]) -> dict[str, str]:
    return {name: gate["scope"] for name, gate in gates.items() if not gate["ok"]}


def test_a_maximum_that_is_the_rig_s_is_none(tmp_path: Path) -> None:
    (family,) = families(tmp_path, OVERLOAD)
    held_all = {**SOUND, "connections_held": 16, "achieved_hz": 1000.0}
    far, near = (plans.fixed(family, rig_hz=hz) for hz in (2000.0, 1200.0))
    lacking = {**held_all, "connections_held": 15}
    assert broken(readings.maximum_gates(far, held_all, "event_loop")) == {}
    assert broken(readings.maximum_gates(near, held_all, "event_loop")) == {"maximum_rig_share": "all"}
    assert broken(readings.maximum_gates(far, lacking, "event_loop")) == {"maximum_connections_held": "all"}


def test_a_throughput_near_the_rig_s_is_a_bound(tmp_path: Path) -> None:
    (family,) = families(tmp_path, MIXED)
    both = {"open_rig_share": "tail", "rig_share": "bound"}
    for hz, marks in ((1000.0, {}), (120.0, both), (None, both)):
        here = plans.fixed(family, rig_hz=hz)
        assert broken(mixed.gates(here, SOUND, SOUND, {"lost": 0})) == marks
    steps = {"new_connections": 64, "new_s": 1.0}
    for hz, marks in ((1000.0, {}), (120.0, {"rig_share": "bound"}), (None, {"rig_share": "bound"})):
        assert broken(connections._new(Here(), steps, hz)["gates"]) == marks  # type: ignore[arg-type]


def test_a_cell_of_the_map_near_the_rig_s_is_a_bound(tmp_path: Path) -> None:
    family = plans.fixed(families(tmp_path, maps.MAP)[0], rig_hz={"2": 1000.0, "6": 120.0})
    for count, marks in ((2, {}), (6, {"rig_share": "bound"})):
        point = mapping._point(Here(connections_held=count), family, "event_loop", count)  # type: ignore[arg-type]
        assert broken(point["gates"]) == marks


def test_answers_under_way_when_a_window_begins_are_below_the_ceiling(tmp_path: Path) -> None:
    """Two connections that wait 1 ms each: 2000 a second, and in a window of 0.1 s at most two more. Half of
    that where one thread waits for both."""
    family = families(tmp_path, maps.MAP)[1]
    assert family.load["wait_us"] == 1000 and set(family.load["threads"].values()) == {1}
    beyond = {"below_ceiling": "closed"}
    for model, hz, marks in (
        ("event_loop", 2015.0, {}),
        ("event_loop", 2025.0, beyond),
        ("thread_pool", 1005.0, {}),
        ("thread_pool", 1015.0, beyond),
    ):
        here = Here(connections_held=2, achieved_hz=hz)
        assert broken(mapping._point(here, family, model, 2)["gates"]) == marks  # type: ignore[arg-type]


def test_a_report_says_what_the_rig_could_do(tmp_path: Path) -> None:
    found = maps.mapped(tmp_path)
    for family in found.judged.families:
        family.plan["load"]["rig_hz"] = {"8": 50000.0, "64": None, "512": 60000.0}
    said = sections.conditions(found).replace(words.SPACE, " ")
    assert "through the same rig, in a closed loop: 50 000/s with 8 connections and 60 000/s with 512" in said
    for family in found.judged.families:
        family.plan["load"]["rig_hz"] = {"8": None, "64": None, "512": None}
    assert "through the same rig is not known: no rate was held against it" in sections.conditions(found)
    run, lines = synthetic.make_run(count=2, kinds=("service",))
    run["families"][0]["load"]["rig_hz"] = None
    first, second, *_ = judge.judge(run, lines).families
    assert "no rate was held against it" in conditions(first)
    assert "same rig" not in conditions(second), "of an earlier version"
