# SPDX-License-Identifier: MIT
"""The scenario `map`: what is made of lines whose truth is known, and a real run in small."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import standstill
from assaylib import UsageError, plan, report, scenarios
from assaylib.programs import Build
from assaylib.scenarios import held, map_cells, map_view, outcome, plans, sections
from assaylib.scenarios import map as mapping
from lives import BOUND, BUILT, MODELS, assert_refused, line, measured, told, written

MAP = """
kind = "map"
title = "Small"
question = "Which?"
rounds = 1
[server]
models = ["event_loop", "thread_per_connection"]
[steps]
cpu_us = [1]
wait_us = [0, 1000]
connections = [2, 6]
warmup_s = 0.02
window_s = 0.1
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (MAP, "[0, 1000]", "[1000, 0]", "steps.wait_us: must ascend"),
        (MAP, "[server]", '[server]\nworkload = "rpc"', "server.workload: is not known here"),
        (MAP, "[2, 6]", "[2, 6000]", "server.queue_limit: 1024 is below 6000"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert_refused(tmp_path, text, old, new, said)


def test_a_map_of_one_model_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MAP.replace(', "thread_per_connection"', ""))
    with pytest.raises(UsageError, match="server.models: a map compares"):
        plans.make([scenarios.load(str(tmp_path / "mine.toml"))], BUILT, 1, None)


# --- What is made of the lines ------------------------------------------------------------------


def mapped(folder: Path, rounds: int = 8, noise: float = 0.005, **changed: Any) -> outcome.Outcome:
    """Without a wait thread_pool serves 1.5 times as much; at 5 ms all reach connections ÷ wait; with
    512 connections and 1 ms event_loop and actor are ahead together."""
    families = plans.make([scenarios.load("map", rounds)], BUILT, 1, None).families
    lines = []
    for family in families:
        wait_us = family.load["wait_us"]
        for number in range(1, rounds + 1):
            for place, member in enumerate(family.members):
                model, points = plans.model_of(member), []
                for count in (8, 64, 512):
                    hz = 10000.0
                    if wait_us == 0:
                        hz *= 1.5 if model == "thread_pool" else 1.0
                    elif wait_us == 5000:
                        hz = count * 1e6 / wait_us * 0.99
                    elif count == 512:
                        hz *= 1.0 if model == "thread_pool" else 1.4
                    hz *= 1 + noise * ((number * 7 + place * 5 + count) % 11 - 5) / 5
                    gates = {"connections_held": {"value": count, "limit": count, "scope": "all", "ok": True}}
                    point = {
                        "connections": count,
                        "closed_hz": hz,
                        "cpu_ns_per_request": 1e9 / hz,
                        "gates": gates,
                    }
                    point |= {"server_busy_percent": 99.0, "ceiling_hz": None}
                    if wait_us:
                        point["ceiling_hz"] = count * 1e6 / wait_us
                    points.append({**point, **changed.get(f"{model}@{count}", {})})
                lines.append(line(family, member, number, len(lines), points=points))
    return written(folder, families, lines)


def states(found: outcome.Outcome) -> dict[tuple[float, float, int], tuple[str, frozenset[str]]]:
    cells = map_cells.cells(found)
    return {(c.cpu_us, c.wait_us, c.connections): (c.state, frozenset(c.first)) for c in cells}


def test_the_map_shows_what_is_so(tmp_path: Path) -> None:
    found = mapped(tmp_path)
    for (_, wait_us, count), (state, first) in states(found).items():
        if wait_us == 0:
            assert (state, first) == (map_cells.AHEAD, {"thread_pool"})
        elif wait_us == 1000 and count == 512:
            assert (state, first) == (map_cells.TIE, {"event_loop", "actor"})
        else:
            assert (state, first) == (map_cells.TIE, set(MODELS))
    text = told(found)
    assert (
        "Of 27 cells, one model has a higher throughput than all others in 9 (thread_pool in 9), 18 ties, and 0"
        in text
    )
    assert "thread_pool: ahead of the next by at least 1.4" in text and "with no wait" in text
    assert "at the ceiling of connections ÷ wait" in text
    assert report.main([str(tmp_path)]) == 0
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "In `map` generator and downstream service share a CPU" in page, "said once for all its families"
    assert "Rows with more threads than cores (in `map`) show a shape" in page, "512 threads of the pool"
    svg = (tmp_path / "scenario-map-throughput.svg").read_text("utf-8")
    # Names stand in the cells: nothing hangs on colour.
    assert svg.count(">pool<") >= 9 and svg.count(">all<") == 15 and svg.count(">tie<") == 3


def test_a_pool_has_threads_for_those_who_wait_and_else_for_the_cpu(tmp_path: Path) -> None:
    """512 that can all run on one CPU would be a handicap of the setting's."""
    found = mapped(tmp_path, rounds=1)
    for family in map(plan.Family.from_json, found.facts["families"]):
        wait_us = family.load["wait_us"]
        pool = 512 if wait_us else 1
        threads = {"thread_pool": pool, "event_loop": 1, "actor": 1, "thread_pool.same": pool}
        assert family.load["threads"] == threads
        served = mapping.of(mapping._with(family, wait_us, 1))
        assert {member: served.options(plans.model_of(member))["threads"] for member in family.members} == threads
    assert (
        "thread_pool has 512 threads where requests wait, so that as many can wait at once, and 1 where they do not, as"
        in told(found)
    )
    for family in found.facts["families"]:  # of a run of before
        family["load"]["threads"] = {**family["load"]["threads"], "thread_pool": 512}
    old = written(tmp_path / "old", [plan.Family.from_json(f) for f in found.facts["families"]], found.lines)
    assert "where they do not, as" not in told(old)


def test_noise_makes_cells_undecided_and_nobody_s_win(tmp_path: Path) -> None:
    found = mapped(tmp_path, noise=0.5)
    assert {state for state, _ in states(found).values()} == {map_cells.UNDECIDED}
    text = told(found)
    assert "in none is one model ahead of all others" in text and "27 that this machine cannot decide" in text
    assert report.main([str(tmp_path)]) == 0
    assert ">?<" in (tmp_path / "scenario-map-throughput.svg").read_text("utf-8")


def test_few_rounds_decide_nothing(tmp_path: Path) -> None:
    found = mapped(tmp_path, rounds=3)
    assert {state for state, _ in states(found).values()} == {map_cells.UNDECIDED}
    assert "too few rounds count for intervals" in told(found)


def test_a_tie_of_servers_that_the_generator_held_back_is_none(tmp_path: Path) -> None:
    held_back = {"gates": {"closed_saturated": {**BOUND, "value": "generator", "ok": False}}}
    changed = {f"{model}@64": held_back for model in MODELS}
    for (_, wait_us, count), (state, _) in states(mapped(tmp_path, **changed)).items():
        if count == 64 and wait_us == 1000:
            assert state == map_cells.UNDECIDED
        if count == 64 and wait_us == 5000:
            assert state == map_cells.TIE, "there the wait is the limit, whoever is busy"


def test_who_was_at_his_limit_stands_beside_each_cell(tmp_path: Path) -> None:
    held_back = {"gates": {"closed_saturated": {**BOUND, "value": "generator", "ok": False}}}
    found = mapped(tmp_path, **{"actor@64": held_back})
    gates = {row[0].text: [cell.text for cell in row] for row in sections.gate_table(found).rows}
    assert gates["connections held"][1] == "8–512" and gates["saturated in the closed loop"][1] == "generator"
    table = map_view.tables(found)[-1]
    models = [column.title for column in table.columns[3:]]
    assert len(table.rows) == 27 and models.count("actor") == 1
    for row in table.rows:
        limited = row[2].text == "64"
        assert [cell.text for cell in row[3:]] == ["generator" if limited and m == "actor" else "–" for m in models]


def test_the_lead_is_over_whoever_may_be_next_and_the_reach_over_him_who_is_named() -> None:
    """b is nearest by its median, c may be nearer; c is furthest behind in paired rounds, b has the least figure."""
    behind = {"b": [0.4] * 8, "c": [0.1, *[0.5] * 7]}
    family = SimpleNamespace(
        candidates=["a", "b", "c"],
        alpha=0.05,
        advantages=lambda first, other, *_: behind[other],
        level=lambda member, metric: SimpleNamespace(median={"b": 1.0, "c": 2.0}[member]),
    )
    cell = map_cells.Cell(1, 0, 8, "closed_hz", map_cells.AHEAD, ["a"], "", family)  # type: ignore[arg-type]
    assert cell.lead and cell.lead.interval == (0.1, 0.5)
    assert cell.reach and cell.reach[0] == "c"
    (said,) = map_view._most([cell])
    assert "the requests of c." in said and "(1.10 to 1.65)" in said


def test_a_cell_without_a_number_of_somebody_is_undecided(tmp_path: Path) -> None:
    failed = {"littles_law": {"value": 0.5, "limit": 0.1, "scope": "all", "ok": False}}
    for (_, _, count), (state, _) in states(mapped(tmp_path, **{"actor@8": {"gates": failed}})).items():
        assert (state == map_cells.UNDECIDED) == (count == 8)


def test_all_are_there_before_a_cell_is_looked_at(tmp_path: Path) -> None:
    """Clients and, where somebody is asked, the connections downstream; and a loop goes round often enough
    for its ends not to count in Little's law."""
    (tmp_path / "m.toml").write_text(MAP.replace("thread_per_connection", "actor"))
    families = plans.make([scenarios.load(str(tmp_path / "m.toml"))], BUILT, 1, None).families
    steps = mapping.of(families[0]).steps
    asked: dict[str, Any] = {}

    def load(**options: Any) -> Any:
        asked.update(options)
        raise InterruptedError

    for family in families:
        with pytest.raises(InterruptedError):
            mapping._point(SimpleNamespace(load=load), family, "event_loop", 512)  # type: ignore[arg-type]
        assert asked["settle_s"] >= 0.25 and asked["settle_s"] == held.settle_s(512)
        wait_us = family.load["wait_us"]
        assert asked["warmup_s"] >= steps["warmup_s"] + (0.25 if wait_us else 0)
        assert asked["duration_s"] >= 6 * (wait_us + 512 * 31) / 1e6


# --- For real -----------------------------------------------------------------------------------


@standstill.excused
def test_a_real_map_in_small(opened: Build, tmp_path: Path) -> None:
    found = measured(opened, tmp_path, MAP)
    waits = {family["id"]: family["load"]["wait_us"] for family in found.facts["families"]}
    for row in found.lines:
        for point in row["points"]:
            assert point["gates"]["closed_replies_wrong"]["ok"] and point["gates"]["connections_held"]["ok"]
            assert point["gates"]["closed_saturated"]["scope"] == "bound" and point["cpu_ns_per_request"] > 0
            if waits[row["family"]]:
                assert point["ceiling_hz"] == point["connections"] * 1000
                assert point["closed_hz"] <= point["ceiling_hz"]
    assert "4 that this machine cannot decide" in told(found)


@standstill.excused
def test_iterations_of_the_map_are_found_once(opened: Build, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MAP.replace("cpu_us = [1]", "cpu_us = [1, 100]"))
    built = plan.Built(
        model_cases=("model/rpc/event_loop", "model/rpc/thread_per_connection"), services=("rpc",), cpus=(0,)
    )
    families = plans.make([scenarios.load(str(tmp_path / "m.toml"))], built, 1, None).families
    said: list[str] = []
    found = [mapping.pilot(opened, family, said.append)[0].load for family in families]
    assert not said and len({load["iteration_ns"] for load in found}) == 1
    by_cost = {load["cpu_us"]: load["cpu_iterations"] for load in found}
    assert by_cost[100.0] == pytest.approx(100 * by_cost[1.0], rel=0.01)
