# SPDX-License-Identifier: MIT
"""The scenarios `connections`, `lifecycle` and `map`: what is read of a process, what is made of lines
whose truth is known, and a real run of each in small."""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import RefusedError, UsageError, machine, plan, report, rig, scenarios, service, words
from assaylib.gates import passes
from assaylib.programs import Build
from assaylib.scenarios import (
    command,
    connections,
    held,
    lifecycle,
    lifecycle_view,
    map_cells,
    map_view,
    memory,
    outcome,
    plans,
    sections,
)
from assaylib.scenarios import map as mapping

MODELS = ("thread_pool", "event_loop", "actor")
CPUS = machine.cpus()
PT_TLS = 7
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=(0, 1))


# --- What is read of a process ------------------------------------------------------------------


def test_resident_stacks_are_those_that_pointers_lie_in() -> None:
    smaps = "\n".join(
        f"{first:x}-{last:x} rw-p 00000000 00:00 0 \nSize: 8 kB\nRss: {kib} kB\nPss: {kib} kB"
        for first, last, kib in ((0x1000, 0x3000, 4), (0x3000, 0x5000, 8), (0x9000, 0xA000, 16))
    )
    assert memory.stacks_of(smaps, [0x3000]) == 8192
    assert memory.stacks_of(smaps, [0x9FFF, 0x1000, 0x1008]) == (4 + 16) * 1024, "two in one count once"
    assert memory.stacks_of(smaps, [0x6000, 0xB000]) == 0


def test_sockets_are_counted_when_they_are_accepted() -> None:
    """Both ways to count, on connections of which one waits in the backlog."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        taken = [listener.accept()[0] for _ in range(2)]
        count, buffered = memory.sockets(port)
        assert count == 2 == memory._from_proc(port)
        clients[0].sendall(b"x" * 5000)
        clients[1].sendall(b"x" * 5000)
        more = memory.sockets(port)[1]
        if buffered is not None and more is not None:
            assert more >= buffered + 10000, "what nobody has read is in their buffers"
        for each in (*clients, *taken):
            each.close()


def test_memory_of_a_process_that_is_this_one() -> None:
    waiting = threading.Event()
    threads = [threading.Thread(target=waiting.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        found = memory.read(os.getpid(), 1)
    finally:
        waiting.set()
        for thread in threads:
            thread.join()
    assert found.threads >= 4 and found.rss_bytes > 1 << 20 and found.kernel_bytes > 0
    assert found.stack_bytes is None or 0 < found.stack_bytes < found.rss_bytes
    with pytest.raises(rig.Failure, match="ended"):
        memory.read(2**22 + 1, 1)


def test_new_connections_that_were_none_and_held_ones_that_are_missing_have_no_number() -> None:
    steps = {"new_connections": 4, "new_s": 1.0}
    sound = {"answered": 1000, "closed_by_peer": 997, "wrong": 0, "failed": 0, "little_ratio": None}
    sound |= {"achieved_hz": 1000.0, "p99_ns": 1e6, "duration_ns": 1e9, "watch_cpu_ns": 9.9e8, "cpu_ns": 5e8}
    sound |= {"connections_held": 4}

    def failed(**said: Any) -> set[str]:
        here = type("Here", (), {"load": lambda self, **asked: {**sound, **said}})()
        found = connections._new(here, steps)  # type: ignore[arg-type]
        assert bool(found["metrics"]) == bool({**sound, **said}["answered"])
        assert not passes({"gates": found["gates"]}, "closed_new_hz") or not said
        assert passes({"gates": found["gates"]}, "own_bytes_per_connection"), "memory is another matter"
        return {name for name, gate in found["gates"].items() if not gate["ok"]}

    assert failed() == set()
    assert failed(closed_by_peer=980) == {"closed_connections_that_stayed"}
    assert failed(wrong=1) == {"closed_replies_wrong"}
    assert failed(answered=0, closed_by_peer=0) == {"closed_answered"}
    points = [{"connections": n, "sockets": n - (n == 80)} for n in (8, 24, 80)]
    assert not connections._held_gate(points)["ok"] and connections._held_gate(points[:2])["ok"]


def test_what_the_limits_do_not_allow_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))

    def refuse(*_: Any) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(
        RefusedError, match=r"5000 connections need 5200 open files, and the hard limit is 1024"
    ):
        held.allow(5000)


# --- What a file may not say --------------------------------------------------------------------

CONNECTIONS = """
kind = "connections"
title = "Small"
question = "How much?"
rounds = 1
[server]
models = ["event_loop", "thread_per_connection"]
workload = "echo"
queue_limit = 1000
[steps]
connections = [8, 24, 80]
settle_s = 0.02
active_warmup_s = 0.05
active_s = 0.3
new_connections = 4
new_s = 0.1
"""
LIFECYCLE = """
kind = "lifecycle"
title = "Small"
question = "How fast?"
rounds = 1
[server]
models = ["event_loop"]
workload = "blend"
cpu_iterations = 1000
downstream_connections = 8
[downstream]
delay = "fixed:3000"
[steps]
connections = [0, 8]
load_s = 0.1
waiting = 5
"""
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
        (CONNECTIONS, "[8, 24, 80]", "[80, 8]", "steps.connections: must be two numbers or more, ascending"),
        (CONNECTIONS, "[8, 24, 80]", "[8]", "steps.connections: must be two numbers"),
        (CONNECTIONS, "queue_limit = 1000", "queue_limit = 79", "server.queue_limit: 79 is below the 80"),
        (
            CONNECTIONS,
            "[steps]",
            "[load]\nconnections = 3\n[steps]",
            "load: a scenario of kind connections has no such",
        ),
        (LIFECYCLE, "[0, 8]", "[8, 8]", "steps.connections: has a number twice"),
        (MAP, "[0, 1000]", "[1000, 0]", "steps.wait_us: must ascend"),
        (MAP, "[server]", '[server]\nworkload = "rpc"', "server.workload: is not known here"),
        (MAP, "[2, 6]", "[2, 6000]", "server.queue_limit: 1024 is below 6000"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=f"{path}: {said}".replace("[", r"\[").replace(".", r"\.")):
        scenarios.load(str(path))


def test_a_map_of_one_model_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MAP.replace(', "thread_per_connection"', ""))
    with pytest.raises(UsageError, match="server.models: a map compares"):
        plans.make([scenarios.load(str(tmp_path / "mine.toml"))], BUILT, 1, None)


# --- What is made of the lines ------------------------------------------------------------------


def line(family: plan.Family, member: str, number: int, process: int, **given: Any) -> dict[str, Any]:
    return {
        **{
            "schema": 1,
            "kind": "service",
            "family": family.id,
            "case": family.case(member),
            "member": member,
        },
        **{
            "round": number,
            "process": process,
            "started": "2026-11-20T11:00:00Z",
            "seconds": 1.0,
            "status": "ok",
        },
        **{"reason": None, "metrics": {}, "gates": {}, "covariates": {"steal_percent": 0.0}, **given},
    }


def written(folder: Path, families: Any, lines: list[dict[str, Any]]) -> outcome.Outcome:
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json() for family in families]}
    synthetic.write_run(folder, facts, lines)
    (found,) = outcome.outcomes(*command.read(folder))
    return found


def told(found: outcome.Outcome) -> str:
    return sections.text(found).replace(words.SPACE, " ")


BOUND = {"limit": "server or nobody", "scope": "bound"}
PER_CONNECTION = {"thread_pool": 1024, "event_loop": 2048, "actor": 4096}  # bytes of RSS


def held_memory(folder: Path, rounds: int = 7, gone: str = "") -> outcome.Outcome:
    """Servers whose connections cost what is known, give or take a page; `gone` does not hold them."""
    families = plans.make([scenarios.load("connections", rounds)], BUILT, 1, None).families
    lines = []
    for family in families:
        for number in range(1, rounds + 1):
            for member in family.members:
                points = [
                    {
                        "connections": count,
                        "rss_bytes": 5_000_000 + PER_CONNECTION[member] * count + 4096 * (number % 3 - 1),
                        "stack_bytes": 20_000,
                        "page_table_bytes": 80_000,
                        "threads": 2,
                        "sockets": count,
                        "socket_bytes": 256 * count if family.load["state"] == "active" else 0,
                        "kernel_bytes": 10_000_000 + 8192 * count,
                    }
                    for count in (100, 2000, 10000)
                ]
                ok = member != gone
                gates = {
                    "connections_held": {
                        "value": 10000 if ok else 9000,
                        "limit": 10000,
                        "scope": "all",
                        "ok": ok,
                    }
                }
                metrics = {**connections.per_connection(points), "kept_bytes_per_connection": 10.0}
                metrics |= {
                    "closed_new_hz": 1000.0 + PER_CONNECTION[member],
                    "closed_new_server_busy_percent": 99.0,
                }
                who = "generator" if member == "actor" else "server"
                gates["closed_saturated"] = {**BOUND, "value": who, "ok": who == "server"}
                lines.append(
                    line(family, member, number, len(lines), points=points, metrics=metrics, gates=gates)
                )
    return written(folder, families, lines)


def test_slopes_of_memory_are_found_and_ranked(tmp_path: Path) -> None:
    found = held_memory(tmp_path)
    text = told(found)
    assert (
        "An idle connection costs the server's process 1.0 KiB (1.0 to 1.0) under thread_pool, 2.0 KiB"
        in text
    )
    assert "thread_pool takes least, the next at least 2.00 ×" in text
    assert "A connection with a request in flight costs the server's process 1.2 KiB (1.2 to 1.3)" in text
    assert "not a line" not in text
    assert (
        "5 096 (5 096 to 5 096) under actor" in text and "under actor the server was not at its limit" in text
    )
    rows = [row.split() for row in text.splitlines() if row.startswith("active")]
    assert [row[1] for row in rows] == list(MODELS) and all(row[-1] == "7" for row in rows)
    assert report.main([str(tmp_path)]) == 0
    drawn = (tmp_path / "report.md").read_text("utf-8")
    assert "The server's own memory at each step" in drawn and "Kernel, both ends" in drawn
    assert {f.name for f in tmp_path.glob("*.svg")} == {
        "scenario-connections-parts.svg",
        "scenario-connections-growth.svg",
    }


def test_connections_that_were_not_held_give_no_number(tmp_path: Path) -> None:
    text = told(held_memory(tmp_path, gone="actor"))
    assert "actor" not in text.split("An idle connection costs")[1].split(".\n")[0]
    row = next(row for row in text.splitlines() if row.startswith("idle") and "actor" in row)
    assert set(row.split()[2:]) == {"–", "0"}


def test_few_servers_have_slopes_without_intervals(tmp_path: Path) -> None:
    text = told(held_memory(tmp_path, rounds=3))
    assert "1.0 KiB under thread_pool" in text and "too few rounds to put anybody behind" in text
    assert "No interval: 3 of 6 rounds needed." in text


DRAIN_MS = {"thread_pool": 20.0, "event_loop": 5.0, "actor": 5.0}


def lives(folder: Path, rounds: int = 7, faults: dict[str, int] | None = None) -> outcome.Outcome:
    families = plans.make([scenarios.load("lifecycle", rounds)], BUILT, 1, None).families
    lines = []
    for family in families:
        count = family.load["connections"]
        for number in range(1, rounds + 1):
            for member in family.members:
                ended = {
                    "exit_code": 0,
                    "waiting": 16 if count else 0,
                    "waiting_answered": 16 if count else 0,
                }
                final = {"lost": 0, "answered": 516, "rejected": 0}
                if count:
                    ended["answers_received"] = 516
                if faults and (member, count, number) == ("actor", 64, 2):
                    for key, value in faults.items():
                        (final if key in final else ended)[key] = value
                gates = lifecycle._gates(ended, final)
                wrong = not all(gate["ok"] for gate in gates.values())
                factor = 1 + 0.01 * (number % 4)
                metrics = {
                    "startup_ns": 9e6 * factor,
                    "spawn_ns": 4e6,
                    "listening_ns": 1e5,
                    "drain_ns": DRAIN_MS[member] * 1e6 * factor,
                    "exit_ns": DRAIN_MS[member] * 1.2e6,
                    "lost": final["lost"],
                }
                more = {"status": "failed", "reason": "as told"} if wrong else {}
                lines.append(
                    line(
                        family, member, number, len(lines), metrics=metrics, gates=gates, counts=ended, **more
                    )
                )
    return written(folder, families, lines)


def test_nothing_lost_is_said_with_what_was_counted(tmp_path: Path) -> None:
    text = told(lives(tmp_path))
    assert (
        "No request was lost at SIGTERM: of 63 servers that were told to stop under load, all exited with 0"
        in text
    )
    assert "all 32 508 answers" in text and "1 008 requests sent just before the signal" in text
    assert "To drain 64 connections takes 5.1 ms" in text
    assert "the next after event_loop and actor takes at least 4.00 ×" in text
    assert "thread_pool, event_loop and actor share the first place" in text
    assert report.main([str(tmp_path)]) == 0 and (tmp_path / "scenario-lifecycle-times.svg").exists()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"lost": 3}, "requests lost by its own count with 1"),
        ({"exit_code": 1}, "exit code with 1"),
        ({"waiting_answered": 15}, "requests that had been sent before SIGTERM not answered with 1"),
        ({"answers_received": 515}, "answers given that did not arrive with 1"),
    ],
)
def test_whatever_is_lost_is_the_first_thing_said(fault: dict[str, int], said: str, tmp_path: Path) -> None:
    found = lives(tmp_path, faults=fault)
    first = told(found).splitlines()[1]
    assert (
        first.startswith("Servers did not end as they should")
        and said in first
        and first.endswith("(actor).")
    )
    # And the command fails: such a line is no good one.
    assert [row["status"] for row in found.lines].count("failed") == 1
    folder, _ = tmp_path, command.show(tmp_path)
    assert command.show(folder) == 1


def test_a_server_that_had_to_be_killed_is_not_passed_over(tmp_path: Path) -> None:
    """It has written no figures: those of the others are no answer for it."""
    found = lives(tmp_path)
    killed = {**found.lines[-1], "status": "failed", "reason": "after SIGTERM: killed", "metrics": {}, "gates": {}}
    first, second, *_ = lifecycle_view.answer(replace(found, lines=[*found.lines[:-1], killed]))
    assert first.startswith("1 server failed and told nothing of losses; the others lost no request: of 62 servers")
    assert second == "1 process failed: after SIGTERM: killed."


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
    table = map_view.tables(mapped(tmp_path, **{"actor@64": held_back}))[-1]
    models = [column.title for column in table.columns[3:]]
    assert len(table.rows) == 27 and models.count("actor") == 1
    for row in table.rows:
        limited = row[2].text == "64"
        assert [cell.text for cell in row[3:]] == ["generator" if limited and m == "actor" else "–" for m in models]


def test_a_cell_without_a_number_of_somebody_is_undecided(tmp_path: Path) -> None:
    failed = {"littles_law": {"value": 0.5, "limit": 0.1, "scope": "all", "ok": False}}
    for (_, _, count), (state, _) in states(mapped(tmp_path, **{"actor@8": {"gates": failed}})).items():
        assert (state == map_cells.UNDECIDED) == (count == 8)


# --- For real -----------------------------------------------------------------------------------


@pytest.fixture
def opened(build: Path) -> Build:
    found = Build.open(build)
    if not service.workloads(found):
        pytest.skip("serve, load and downstream are not built")
    return found


def measured(opened: Build, folder: Path, text: str) -> outcome.Outcome:
    """One round of it, as a run makes it, without waiting for a quiet machine."""
    (folder / "mine.toml").write_text(text)
    wanted = scenarios.load(str(folder / "mine.toml"))
    built = plan.Built(
        model_cases=tuple(f"model/rpc/{m}" for m in ("thread_per_connection", "event_loop")),
        services=("rpc",),
        cpus=CPUS,
    )
    families = [scenarios.pilot(opened, f, print)[0] for f in plans.make([wanted], built, 1, None).families]
    lines: list[dict[str, Any]] = []
    for family in families:
        for member in family.members:
            found = scenarios.measure(opened, family, member, seed=1, padding=0)[member]
            assert found["status"] == "ok", (family.id, member, found["reason"])
            lines.append(
                line(family, member, 1, len(lines), **{**found, "covariates": {"steal_percent": 0.0}})
            )
    return written(folder, families, lines)


@standstill.excused
def test_real_connections_in_small(opened: Build, tmp_path: Path) -> None:
    found = measured(opened, tmp_path, CONNECTIONS)
    for row in found.lines:
        assert [point["sockets"] for point in row["points"]] == [8, 24, 80] and row["gates"][
            "connections_held"
        ]["ok"]
        metrics = row["metrics"]
        if row["member"] == "event_loop":
            assert metrics["threads_per_connection"] == 0
            continue
        assert metrics["threads_per_connection"] == pytest.approx(1)
        assert metrics["rss_bytes_per_connection"] > 1000, "each has a stack of its own"
        stack = metrics.get("stack_bytes_per_connection")
        assert stack is None or 1000 < stack <= metrics["rss_bytes_per_connection"] * 1.5
    assert "No interval: 1 of 6 rounds needed." in told(found)


@standstill.excused
def test_a_real_life_in_small(opened: Build, tmp_path: Path) -> None:
    found = measured(opened, tmp_path, LIFECYCLE)
    for row in found.lines:
        metrics, counts = row["metrics"], row["counts"]
        assert metrics["lost"] == 0 and metrics["startup_ns"] > metrics["listening_ns"] > 0
        assert 0 < metrics["drain_ns"] <= metrics["exit_ns"]
        assert counts["waiting_answered"] == counts["waiting"] == (5 if row["family"].endswith("c8") else 0)
    assert told(found).splitlines()[1].startswith("No request was lost at SIGTERM: of 1 server")


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


def test_a_server_that_is_killed_while_it_drains_is_a_failure(
    opened: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "l.toml").write_text(LIFECYCLE)
    families = plans.make(
        [scenarios.load(str(tmp_path / "l.toml"))],
        plan.Built(model_cases=("model/rpc/event_loop",), services=("rpc",), cpus=(0,)),
        1,
        None,
    ).families
    sent = held.Held.send

    def kill(self: held.Held, first: int = 0) -> None:
        sent(self, first)
        os.kill(running[0].pid, signal.SIGKILL)

    running: list[rig.Server] = []
    stand = lifecycle._stop

    def remember(here: Any, *rest: Any) -> Any:
        running.append(here.server)
        return stand(here, *rest)

    monkeypatch.setattr(held.Held, "send", kill)
    monkeypatch.setattr(lifecycle, "_stop", remember)
    found = scenarios.measure(opened, families[1], "event_loop", seed=1, padding=0)["event_loop"]
    assert found["status"] == "failed" and "SIGKILL" in found["reason"]


def test_threads_do_not_carry_what_few_need(build: Path) -> None:
    """Thread-local storage is part of every thread's stack, and touched when it is made: a decoder's
    16 KiB there were 160 MiB with 10,000 threads."""
    serve = Build.open(build).find("serve")
    if serve is None:
        pytest.skip("serve is not built")
    data = serve.read_bytes()
    if data[4] != 2 or data[5] != 1:
        pytest.skip("not a 64-bit little-endian ELF file")
    (at,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    heads = (struct.unpack_from("<IIQQQQQQ", data, at + i * size) for i in range(count))
    assert sum(head[6] for head in heads if head[0] == PT_TLS) <= 2048


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
