# SPDX-License-Identifier: MIT
"""The scenario `lifecycle`: what is made of lines whose truth is known, and a real run in small."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import standstill
from assaylib import RefusedError, plan, report, rig, scenarios, words
from assaylib.gates import GATE_NAMES
from assaylib.programs import Build
from assaylib.verdicts import Estimate
from assaylib.scenarios import command, held, lifecycle, lifecycle_view, outcome, plans, requests, sections
from assaylib.scenarios.requests import Request
from lives import BUILT, assert_refused, line, measured, told, written

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


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (LIFECYCLE, "[0, 8]", "[8, 8]", "steps.connections: has a number twice"),
        (LIFECYCLE, "[steps]", "[server.actor]\nthreads = [2, 2]\n[steps]", "server.actor.threads: names one twice"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert_refused(tmp_path, text, old, new, said)


SELF = SimpleNamespace(pid=os.getpid(), beside_pid=None)  # some process that lives

# --- What is made of the lines ------------------------------------------------------------------


MS = 1_000_000
#: Who was busy in 0.4 s of load.
BUSY = {"duration_ns": 400 * MS, "watch_cpu_ns": 80 * MS, "cpu_ns": 40 * MS}
DRAIN_MS = {"thread_pool": 20.0, "event_loop": 5.0, "actor": 5.0}


def lives(
    folder: Path, rounds: int = 7, faults: dict[str, int] | None = None, passed: float = 0.6
) -> outcome.Outcome:
    families = plans.make([scenarios.load("lifecycle", rounds)], BUILT, 1, None).families
    lines = []
    for family in families:
        count = family.load["connections"]
        for number in range(1, rounds + 1):
            for member in family.members:
                ended: dict[str, Any] = {
                    "exit_code": 0,
                    "waiting": 16 if count else 0,
                    "waiting_answered": 16 if count else 0,
                }
                final = {"lost": 0, "answered": 516, "rejected": 0}
                if count:
                    ended["answers_received"] = 516
                    ended |= {"under_way": 3, "under_way_unanswered": 0}
                    ended["load_passed"] = passed if count == 64 else 0.6
                    ended["busy"] = {**BUSY, "watch_cpu_ns": 400 * MS if count == 512 else 80 * MS}
                if faults and (member, count, number) == ("actor", 64, 2):
                    for key, value in faults.items():
                        (final if key in final else ended)[key] = value
                gates = lifecycle._gates(ended, final)
                wrong = not all(gate["ok"] for name, gate in gates.items() if name != "load_passed")
                factor = 1 + 0.01 * (number % 4)
                metrics = {
                    "startup_ns": 9e6 * factor,
                    "spawn_ns": 4e6,
                    "listening_ns": 1e5,
                    "drain_ns": DRAIN_MS[member.partition(" ")[0]] * 1e6 * factor,
                    "exit_ns": DRAIN_MS[member.partition(" ")[0]] * 1.2e6,
                    "lost": final["lost"],
                    **(rig.busy_percents(ended["busy"]) if count else {}),
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
        "No request was lost at SIGTERM: of 112 servers that were told to stop, 84 of them under load, all exited with"
        in text
    )
    assert "all 43 344 answers" in text and "1 344 requests sent just before the signal" in text
    assert "and to 252 of the load that were certainly under way then." in text
    assert "To drain 64 connections takes 5.1 ms" in text
    assert "\nNo A/A: a difference below 3 % is taken for none, whatever the machine did.\n" in text
    assert "the next after event_loop and actor takes at least 4.00 ×" in text
    rows = "thread_pool (64 threads), thread_pool (512 threads), event_loop and actor"
    assert f"{rows} share the first place" in text and "a row for each number of them" in text
    assert report.main([str(tmp_path)]) == 0 and (tmp_path / "scenario-lifecycle-times.svg").exists()


def test_a_server_that_outlasts_the_load_is_told(tmp_path: Path) -> None:
    """Its drain may have ended because nobody asked any more."""
    assert "the load ended before" not in told(lives(tmp_path / "sound"))
    text = told(lives(tmp_path / "long", faults={"outlasted_load": 1}))
    assert "In 1 process (actor) the load ended before the server did: beside clients that ask on" in text
    assert "No request was lost" in text


def test_one_pool_has_a_thread_for_every_connection_that_waits() -> None:
    """With fewer the others queue behind it, and a drain of its setting is told as one of its model."""
    shipped = scenarios.load("lifecycle")
    for family in plans.make([shipped], BUILT, 1, None).families:
        threads = [family.load["threads"][member] for member in family.members if member.startswith("thread_pool")]
        assert max(threads) >= family.load["connections"] and min(threads) < max(threads)
        assert [shipped.options(member)["threads"] for member in family.members] == [*threads, 1, 1]
        assert {shipped.options(member)["model"] for member in family.members} == set(DRAIN_MS)


def test_who_was_at_his_limit_before_sigterm_is_told(tmp_path: Path) -> None:
    found = lives(tmp_path)
    table = lifecycle_view.tables(found)[-1]
    rows = [[cell.text for cell in row] for row in table.rows]
    assert [row[0] for row in rows] == ["1"] * 4 + ["64"] * 4 + ["512"] * 4, "without connections nobody asks"
    for count, _, server, generator, who in rows:
        full = count == "512"
        assert (server[:3], who) == (("100", "server") if full else ("20 ", "nobody")) and generator[:3] == "10 "
    gates = {row[0].text: [cell.text for cell in row] for row in sections.gate_table(found).rows}
    assert gates["saturated in the closed loop"][1] == "nobody 56, server 28"
    # A rig that is full marks, and is nobody's fault.
    ended = {"exit_code": 0, "waiting": 0, "waiting_answered": 0, "busy": {**BUSY, "cpu_ns": 400 * MS}}
    gate = lifecycle._gates(ended, {"lost": 0})["closed_saturated"]
    assert (gate["value"], gate["ok"], gate["scope"]) == ("generator", False, "tail")
    # Runs of before say nothing.
    for line_ in found.lines:
        line_["gates"].pop("closed_saturated", None)
    old = written(tmp_path / "old", [plan.Family.from_json(f) for f in found.facts["families"]], found.lines)
    assert {row[-1].text for row in lifecycle_view.tables(old)[-1].rows} == {"–"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"lost": 3}, "requests lost by its own count with 1"),
        ({"exit_code": 1}, "exit code with 1"),
        ({"waiting_answered": 15}, "requests that had been sent before SIGTERM not answered with 1"),
        ({"answers_received": 515}, "answers given that did not arrive with 1"),
        ({"under_way_unanswered": 1}, "requests of the load that had been sent before SIGTERM not answered with 1"),
        ({"replies_wrong": 2}, "answers that said 200 and were wrong with 1"),
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


def test_the_next_is_whoever_may_be_nearest() -> None:
    drains = {"a": [1.0] * 8, "b": [2.0] * 8, "c": [1.305, *[2.5] * 7]}
    family = SimpleNamespace(
        plan={"load": {"connections": 64}},
        level=lambda m, metric: Estimate.of(drains[m], 0.05),
        series=lambda m, metric: list(enumerate(drains[m])),
        why_withheld=lambda m, metric: "",
        tails={},
    )
    found = SimpleNamespace(models=list(drains), lines=[])
    said = lifecycle_view._drain(found, family)  # type: ignore[arg-type]
    assert said.endswith(f"; the next after a takes at least 1.30{words.SPACE}× what a does.")
    family.level = lambda m, metric: None if m == "b" else Estimate.of(drains[m], 0.05)
    family.why_withheld = lambda m, metric: "3 of 9 rounds count" if m == "b" else ""
    said = lifecycle_view._drain(found, family)  # type: ignore[arg-type]
    assert said.endswith(" b has no figure: 3 of 9 rounds count.")
    family.tails = {"c": "said"}
    said = lifecycle_view._drain(found, family)  # type: ignore[arg-type]
    assert said.endswith(" Beside c the rig and not the server was at its limit before SIGTERM.")


def test_a_server_that_had_to_be_killed_is_not_passed_over(tmp_path: Path) -> None:
    """It has written no figures: those of the others are no answer for it."""
    found = lives(tmp_path)
    killed = {**found.lines[-1], "status": "failed", "reason": "after SIGTERM: killed", "metrics": {}, "gates": {}}
    first, second, *_ = lifecycle_view.answer(replace(found, lines=[*found.lines[:-1], killed]))
    assert first.startswith("1 process failed without a word of losses; the others lost no request: of 111 servers")
    assert second == "1 process failed: after SIGTERM: killed."


# --- For real -----------------------------------------------------------------------------------


@standstill.excused
def test_a_real_life_in_small(opened: Build, tmp_path: Path) -> None:
    found = measured(opened, tmp_path, LIFECYCLE)
    for row in found.lines:
        metrics, counts = row["metrics"], row["counts"]
        assert metrics["lost"] == 0 and metrics["startup_ns"] > metrics["listening_ns"] > 0
        assert 0 < metrics["drain_ns"] <= metrics["exit_ns"]
        assert counts["waiting_answered"] == counts["waiting"] == (5 if row["family"].endswith("c8") else 0)
        busy = counts.get("busy") or {"duration_ns": 0}
        assert (busy["duration_ns"] >= 100 * MS) == ("closed_saturated" in row["gates"]) == ("answers_received" in counts)
    assert told(found).splitlines()[1].startswith("No request was lost at SIGTERM: of 2 servers that were told to stop, 1 of them under load,")


def test_what_the_limits_do_not_allow_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "l.toml").write_text(LIFECYCLE.replace("[0, 8]", "[0, 50000]"))
    made = plans.make([scenarios.load(str(tmp_path / "l.toml"))], BUILT, 1, None)
    monkeypatch.setattr(held, "PORTS", tmp_path / "range")
    (tmp_path / "range").write_text("32768 60999\n")
    monkeypatch.setattr(held.resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
    with pytest.raises(RefusedError, match="50005 connections to one port need as many local ports"):
        for family in made.families:
            scenarios.pilot(None, family, print)  # type: ignore[arg-type]


def test_a_drain_after_the_load_was_over_has_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load asked from 1 s to 1.7 s. Nobody lost anything: the command does not fail for it."""
    load = {"answered": 5, "wrong": 0, "window_began_ns": 1_000_000_000, "duration_ns": 700_000_000}
    load |= {"status_counts": {"200": 5}}
    loading = SimpleNamespace(wait=lambda **_: load, child=SELF)
    here: Any = SimpleNamespace(start_load=lambda **_: nullcontext(loading), server=SELF)
    monkeypatch.setattr(lifecycle, "_await_clients", lambda *_: None)
    monkeypatch.setattr(requests, "read", lambda _: [])
    for at_ns, ok in ((1_400_000_000, True), (1_800_000_000, False)):
        stopped = {"signalled_at": at_ns, "waiting": 2, "waiting_answered": 2, "exit_code": 0, "exit_ns": 0}
        monkeypatch.setattr(lifecycle, "_stop", lambda *_: dict(stopped))
        found = lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)
        gates = lifecycle._gates(found, {"lost": 0, "answered": 7, "rejected": 0})
        assert [name for name, gate in gates.items() if not gate["ok"]] == ([] if ok else ["load_passed"])
        assert set(gates) <= set(GATE_NAMES)
    load |= {"wrong": 1, "status_counts": {"200": 5, "503": 1}}
    assert lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)["replies_wrong"] == 0
    load |= {"status_counts": {"200": 6}}
    assert lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)["replies_wrong"] == 1
    text = told(lives(tmp_path, passed=1.2))
    assert "With 64 connections no process counts." in text and "No request was lost at SIGTERM: of 112" in text
    assert "told to stop, 56 of them under load, all exited" in text


def of_load(sent_ms: float, ended_ms: float, outcome: str = requests.RIGHT) -> Request:
    return Request("", round(sent_ms * MS), round(sent_ms * MS), round(ended_ms * MS), outcome, 0)


def test_what_was_under_way_at_sigterm_is_to_be_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM comes 400 ms after load's window began; all that the server says of itself is right."""
    load = {"answered": 5, "wrong": 0, "window_began_ns": 1_000 * MS, "duration_ns": 700 * MS}
    load |= {"status_counts": {"200": 5}}
    loading = SimpleNamespace(wait=lambda **_: load, child=SELF)
    given: dict[str, Any] = {}

    def start_load(**options: Any) -> Any:
        given.update(options)
        return nullcontext(loading)

    here: Any = SimpleNamespace(start_load=start_load, server=SELF)
    stopped = {"signalled_at": 1_400 * MS, "waiting": 0, "waiting_answered": 0, "exit_code": 0, "exit_ns": 0}
    monkeypatch.setattr(lifecycle, "_await_clients", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_stop", lambda *_: dict(stopped))

    def found(*every: Request) -> tuple[int, set[str]]:
        monkeypatch.setattr(requests, "read", lambda _: list(every))
        ended = lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)
        gates = lifecycle._gates(ended, {"lost": 0, "answered": 5, "rejected": 0})
        assert set(gates) <= set(GATE_NAMES)
        bad = {name for name, gate in gates.items() if not gate["ok"]}
        return ended["under_way"], bad - {"closed_saturated"}  # of this very process, which may be busy

    before, last, after = of_load(100, 105), of_load(399, 404), of_load(401, 402, requests.FAILED)
    lost = {"under_way_unanswered"}
    assert found(before, last, after) == (0, set()), "who asked after the signal may find nobody"
    assert not lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)["outlasted_load"]
    stopped["exit_ns"] = load["window_began_ns"] + load["duration_ns"] - stopped["signalled_at"] + 1
    assert lifecycle._under_load(here, {"waiting": 0, "load_s": 0}, 8)["outlasted_load"]
    assert given["requests"], "load writes of every request what became of it"
    assert found(before, of_load(390, 404), last) == (1, set())
    assert found(before, of_load(390, 404, requests.FAILED), last) == (1, lost)
    assert found(before, of_load(390, 5_390, requests.TIMEOUT), last) == (1, lost)
    assert found(before, of_load(200, 204, requests.FAILED), last) == (1, lost), "long before, too"
    assert found(before, of_load(390, 404, requests.WRONG), last) == (1, set()), "a refusal is an answer"
    assert found(before, of_load(399, 404, requests.FAILED)) == (0, set()), "load may have been stopped before it sent"
    assert found(before, of_load(390, 404, requests.FAILED), after) == (0, set()), "… until after the signal"
    assert found(before, of_load(397, 404, requests.FAILED), last) == (0, set()), "it may not have been there yet"


def test_clients_are_accepted_in_silence_and_sigterm_comes_within_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside 512 busy threads nobody would let the last of 512 clients in."""
    load = {"answered": 5, "wrong": 0, "window_began_ns": 0, "duration_ns": 1, "status_counts": {"200": 5}}
    asked: dict[str, Any] = {}
    slept: list[float] = []

    def start_load(**options: Any) -> Any:
        asked.update(options)
        return nullcontext(SimpleNamespace(wait=lambda **_: load, child=SELF))

    monkeypatch.setattr(lifecycle, "_await_clients", lambda *_: None)
    monkeypatch.setattr(requests, "read", lambda _: [])
    monkeypatch.setattr(lifecycle.time, "sleep", slept.append)
    monkeypatch.setattr(lifecycle, "_stop", lambda *_: {"signalled_at": 0, "waiting_answered": 0, "exit_ns": 0})
    for count in (1, 512, 10_000):
        slept.clear()
        here: Any = SimpleNamespace(start_load=start_load, server=SELF)
        lifecycle._under_load(here, {"waiting": 0, "load_s": 0.5}, count)
        assert asked["settle_s"] > count / held.OPENED_HZ
        for seen_s in (0.0, asked["settle_s"]):  # all are there at once, or at the last moment
            at_s = round(seen_s + sum(slept) - asked["settle_s"], 9)
            assert 0.5 <= at_s <= round(asked["duration_s"] - lifecycle.AFTER_S, 9)


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
