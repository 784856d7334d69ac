# SPDX-License-Identifier: MIT
"""Validity gates: each is violated, by a program that misbehaves where one can, and the case is refused
or marked. How fast anything is decides nothing here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import discard, gates, judge, machine
from assaylib.gates import Conditions
from assaylib.programs import Build
from conftest import ROOT

sys.path.append(str(ROOT / "tests" / "bench"))

from services_testing import Misbehaving, body_of, load, reply, serving  # noqa: E402

CONNECTIONS = 8
HEAVY_ITERATIONS = 60_000_000  # of `cpu`: a tenth of a second, or more
#: What load says of a sound run; a second's window.
SOUND: dict[str, Any] = {
    "duration_ns": 1e9,
    "offered_hz": 1000.0,
    "achieved_hz": 999.0,
    "wrong": 0,
    "failed": 0,
    "p50_ns": 200e3,
    "lag_p50_ns": 1e3,
    "lag_p99_ns": 5e3,
    "little_ratio": 1.01,
    "connections_held": CONNECTIONS,
    "watch_cpu_ns": 5e8,
    "cpu_ns": 4e8,
    **{f"{who}_cpus": 1 for who in ("watch", "own")},
    **{f"{who}_cpus_idle_ns": 4e8 for who in ("watch", "own")},
    **{f"{who}_cpus_steal_ns": 0 for who in ("watch", "own")},
}
ASKED = Conditions(CONNECTIONS, ceiling_hz=2000.0, rig_hz=5000.0)


# --- Each gate by itself --------------------------------------------------------------------------


def failed(found: gates.Gates) -> set[str]:
    return {name for name, gate in found.items() if not gate["ok"]}


def test_a_sound_run_passes_every_gate() -> None:
    found = gates.of(ASKED, opened=SOUND, closed=SOUND, final={"lost": 0})
    assert failed(found) == set()
    assert set(found) <= set(gates.GATE_NAMES), "each has a name in the report"
    assert {gates.gate_scope(n, g) for n, g in found.items()} == {"tail", "bound", "open", "closed", "all"}


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({"achieved_hz": 985.0}, {"achieved_over_offered"}),
        ({"offered_hz": 0.0}, {"achieved_over_offered"}),
        ({"lag_p99_ns": 21e3}, {"lag_p99_over_p50"}),
        ({"little_ratio": 1.11}, {"littles_law"}),
        ({"little_ratio": 0.89}, {"littles_law"}),
        ({"little_ratio": None}, {"littles_law"}),
        ({"wrong": 1}, {"replies_wrong", "closed_replies_wrong"}),
        ({"failed": 1}, {"replies_wrong", "closed_replies_wrong"}),
        ({"connections_held": 7}, {"connections_held"}),
        ({"achieved_hz": 2001.0}, {"below_ceiling", "open_below_ceiling"}),
        ({"cpu_ns": 9.5e8, "own_cpus_idle_ns": 4e7}, {"saturated", "closed_saturated"}),
        ({"watch_cpu_ns": 9.2e8, "watch_cpus_idle_ns": 8e7}, {"server_share"}),
        ({"answered": 99, "status_counts": {"200": 100}}, {"other_bytes"}),
    ],
)
def test_each_gate_is_broken_by_its_figure_alone(
    changed: dict[str, Any], broken: set[str]
) -> None:
    figures = {**SOUND, **changed}
    assert failed(gates.of(ASKED, opened=figures, closed=figures, final={"lost": 0})) == broken


def test_lost_requests_and_a_rate_that_is_the_rig_s() -> None:
    assert failed(gates.of(ASKED, final={"lost": 1})) == {"lost"}
    near = Conditions(CONNECTIONS, rig_hz=1200.0)
    assert failed(gates.of(near, closed=SOUND)) == {"rig_share"}
    assert failed(gates.of(near, opened=SOUND)) == {"open_rig_share"}
    unknown = gates.of(Conditions(CONNECTIONS, rig_hz=None), opened=SOUND, closed=SOUND)
    assert failed(unknown) == {"rig_share", "open_rig_share"}
    assert unknown["rig_share"] == {"value": "not known", "limit": 0.8, "scope": "bound", "ok": False}
    assert not any("rig" in name for name in gates.of(Conditions(CONNECTIONS), opened=SOUND, closed=SOUND))


def test_what_a_scenario_provokes_is_tolerated_and_no_more() -> None:
    refusing = {**SOUND, "wrong": 40, "achieved_hz": 500.0}
    asked = Conditions(CONNECTIONS, below_knee=False, tolerated=40)
    assert failed(gates.of(asked, opened=refusing)) == set()
    assert failed(gates.of(asked, opened={**refusing, "failed": 1})) == {"replies_wrong"}
    finding = Conditions(CONNECTIONS, below_knee=False, tolerated=None)
    nobody = {"p50_ns": None, "lag_p50_ns": None}  # not one right answer
    counts = {"answered": 0, "failed": 7, "status_counts": {"503": 40}}
    found = gates.of(finding, opened={**refusing, **nobody, **counts, "achieved_hz": 0.0})
    assert set(found) == {"saturated", "connections_held", "replies_wrong", "other_bytes"} and failed(found) == set()
    # Overload excuses no other bytes under a 200.
    counts = {"answered": 460, "wrong": 41, "status_counts": {"200": 461, "503": 40}}
    assert failed(gates.of(finding, opened={**refusing, **counts})) == {"replies_wrong", "other_bytes"}


def test_how_full_the_cpu_of_a_server_is_that_polls_says_nothing_of_a_knee() -> None:
    full = {**SOUND, "watch_cpu_ns": 9.2e8, "watch_cpus_idle_ns": 8e7}
    assert failed(gates.of(Conditions(CONNECTIONS, server_spins=True), opened=full)) == set()
    assert failed(gates.of(Conditions(CONNECTIONS, below_knee=False), opened=full)) == set(), "there it is the finding"


@pytest.mark.parametrize(
    ("changed", "who"),
    [
        ({}, "nobody"),
        ({"watch_cpu_ns": 9.2e8, "watch_cpus_idle_ns": 8e7}, "server"),
        # 60 % of a CPU of which the host took 35 %: all that there was.
        ({"watch_cpu_ns": 6e8, "watch_cpus_idle_ns": 5e7, "watch_cpus_steal_ns": 3.5e8}, "server"),
        ({"watch_cpu_ns": 6e8, "watch_cpus_idle_ns": 3e8, "watch_cpus_steal_ns": 1e8}, "nobody"),
        # A neighbour had most of its CPU; it could have had no more. Or it wanted next to nothing.
        ({"watch_cpu_ns": 2e8, "watch_cpus_idle_ns": 1e7}, "server"),
        ({"watch_cpu_ns": 2e6, "watch_cpus_idle_ns": 0}, "nobody"),
        ({"cpu_ns": 9.2e8, "own_cpus_idle_ns": 8e7}, "generator"),
        ({"watch_cpu_ns": 9.2e8, "watch_cpus_idle_ns": 8e7, "cpu_ns": 9.9e8, "own_cpus_idle_ns": 0},
         "server and generator"),
        # Two on one CPU that was hardly idle; a third that had little of it.
        ({"own_cpus_idle_ns": 3e7, "cpu_ns": 6e8, "beside_cpu_ns": 3e8, "beside_cpus": 1,
          "beside_cpus_idle_ns": 3e7}, "generator and downstream"),
        ({"own_cpus_idle_ns": 4e7, "cpu_ns": 1e8, "beside_cpu_ns": 8e8, "beside_cpus": 1,
          "beside_cpus_idle_ns": 4e7}, "downstream"),
        # Four CPUs and one thread: at its limit with a quarter of them.
        ({"watch_cpus": 4, "watch_cpu_ns": 9.5e8, "watch_cpus_idle_ns": 3e9}, "server"),
        # Nobody knows the CPUs: a window of one is what there was.
        ({"watch_cpus": None, "watch_cpus_idle_ns": None, "watch_cpu_ns": 9.2e8}, "server"),
    ],
)  # fmt: skip
def test_who_is_saturated(changed: dict[str, Any], who: str) -> None:
    found = gates.saturation({**SOUND, **changed}, threads=1)
    assert found.text == who
    assert found.rig == (who in ("generator", "downstream", "generator and downstream"))


def test_a_polling_generator_is_saturated_when_it_polls_no_more_or_is_late() -> None:
    polling = {**SOUND, "cpu_ns": 1e9, "own_cpus_idle_ns": 0, "polled_ns": 7e8}
    found = gates.saturation(polling, spins=True)
    assert found.who == () and found.shares["generator"] == pytest.approx(0.3)
    # Behind with reading answers, its connections all in use, it is late with nothing by its own account.
    assert gates.saturation({**polling, "polled_ns": 2e7, "lag_p50_ns": 0}, spins=True).text == "generator"
    assert gates.saturation({**polling, "cpu_ns": 5e8, "polled_ns": 9e8}, spins=True).who == (), "others had its CPU"
    assert gates.saturation({**polling, "lag_p50_ns": 30e3}, spins=True).text == "generator"
    # Of several rates there is no median of all: that of the lowest tells.
    steps = {"p50_ns": None, "steps": [{"p50_ns": 200e3}, {"p50_ns": 60e6}, {"p50_ns": None}]}
    assert gates.saturation({**polling, **steps}, spins=True).who == ()
    assert gates.saturation({**polling, **steps, "lag_p50_ns": 30e3}, spins=True).text == "generator"
    # A service on that CPU had what it wanted while the generator polled; or all that is fair.
    beside = {"beside_cpus": 1, "beside_cpus_idle_ns": 0}
    assert gates.saturation({**polling, "cpu_ns": 8e8, **beside, "beside_cpu_ns": 2e8}, spins=True).who == ()
    had_half = {**polling, "cpu_ns": 5e8, **beside, "beside_cpu_ns": 4.9e8}
    assert gates.saturation(had_half, spins=True).text == "downstream"
    assert gates.saturation({**polling, "cpu_ns": 8e8, **beside, "beside_cpu_ns": 2e8}).who == ("generator", "downstream")


# --- Programs that misbehave ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def programs(build: Path) -> Build:
    found = Build.open(build)
    for name in ("load", "serve", "downstream"):
        if found.find(name) is None:
            pytest.skip(f"{name} is not built")
        os.environ[f"ASSAY_{name.upper()}"] = str(found.program(name))
    return found


Loaded = Callable[..., dict[str, Any]]


@pytest.fixture
def loaded(programs: Build, tmp_path: Path) -> Loaded:
    def run(address: str, *arguments: object) -> dict[str, Any]:
        if "--connections" not in arguments:
            arguments = ("--connections", CONNECTIONS, *arguments)
        return load(tmp_path, address, "--duration", 0.5, *arguments)

    return run


ECHO = ("--workload", "echo", "--payload", "ack", "--codec", "cjson")
CLOSED = ("--arrival", "closed")


@contextmanager
def hog(cpus: set[int] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who uses a CPU and does nothing."""
    argv = [sys.executable, "-c", "while True: pass"]
    place = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    with subprocess.Popen(argv, preexec_fn=place) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_server_that_replies_short(loaded: Loaded) -> None:
    asked = iter(range(1 << 30))

    def answer(request: bytes) -> bytes:
        body = body_of(request)
        return reply(body[:-1] if next(asked) % 5 == 0 else body)

    with Misbehaving(answer) as server:
        opened = loaded(server.address, "--rate", 100, *ECHO)
        closed = loaded(server.address, *CLOSED, *ECHO)
    found = gates.of(Conditions(CONNECTIONS), opened=opened, closed=closed)
    assert {"replies_wrong", "closed_replies_wrong"} <= failed(found)
    assert found["replies_wrong"]["value"] == opened["wrong"] > 0


@standstill.excused
def test_a_server_that_drops_connections(loaded: Loaded) -> None:
    """It takes all, and after some requests no more, and resets what it has."""
    asked = iter(range(1 << 30))

    def answer(request: bytes) -> bytes | None:
        if next(asked) < CONNECTIONS // 2:
            return reply(body_of(request))
        server.listener.close()
        return None

    server = Misbehaving(answer)
    opened = loaded(server.address, "--rate", 200, *ECHO)
    found = gates.of(Conditions(CONNECTIONS), opened=opened)
    assert {"connections_held", "replies_wrong"} <= failed(found)
    assert found["connections_held"]["value"] < CONNECTIONS


def test_a_server_that_forgets_half_of_its_connections_breaks_little_s_law(loaded: Loaded) -> None:
    """All connections ask, but those that are answered are half of them."""
    taken = iter(range(1 << 30))

    def answer(request: bytes) -> bytes:
        if next(taken) < CONNECTIONS // 2:
            time.sleep(3)
        return reply(body_of(request))

    with Misbehaving(answer) as server:
        closed = loaded(server.address, *CLOSED, *ECHO, "--timeout", 1)
    found = gates.of(Conditions(CONNECTIONS), closed=closed)
    assert {"littles_law", "closed_replies_wrong"} <= failed(found)


def test_a_generator_that_is_too_small(loaded: Loaded, programs: Build) -> None:
    """One connection to a service that takes 20 ms, for 500 requests a second."""
    with serving("downstream", "--delay", "fixed:20000") as server:
        opened = loaded(server.address, "--connections", 1, "--rate", 500, *ECHO)
    found = gates.of(Conditions(1, ceiling_hz=50.0), opened=opened)
    assert "achieved_over_offered" in failed(found)
    assert found["achieved_over_offered"]["value"] < 0.5
    assert "open_below_ceiling" not in failed(found)


@standstill.excused
def test_a_generator_that_is_late(programs: Build, tmp_path: Path) -> None:
    """Stopped for a part of its window, as a busy machine may stop it."""
    path, asked, begun = tmp_path / "load.json", iter(range(1 << 30)), threading.Event()

    def answer(request: bytes) -> bytes:
        if next(asked) == 0:
            begun.set()
        return reply(body_of(request))

    with Misbehaving(answer) as server:
        argv = [programs.program("load"), "--target", f"http://{server.address}/", "--rate", "200",
                "--connections", "64", "--warmup", "0", "--duration", "2", *ECHO, "--json", path]  # fmt: skip
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert begun.wait(300)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.6)
            process.send_signal(signal.SIGCONT)
            process.wait(300)
    found = gates.of(Conditions(64), opened=json.loads(path.read_text()))
    assert "lag_p99_over_p50" in failed(found) and found["lag_p99_over_p50"]["scope"] == "tail"


def test_a_service_that_skips_the_wait(loaded: Loaded, programs: Build) -> None:
    """It should take 8 s and takes none: whoever is above the ceiling did not wait. One that waits is
    below it, however little time there is."""
    with serving("downstream", "--delay", "fixed:0") as server:
        closed = loaded(server.address, *CLOSED, *ECHO)
    found = gates.of(Conditions(CONNECTIONS, ceiling_hz=CONNECTIONS / 8), closed=closed)
    assert "below_ceiling" in failed(found)
    with serving("downstream", "--delay", "fixed:200000") as server:
        closed = loaded(server.address, *CLOSED, *ECHO)
    found = gates.of(Conditions(CONNECTIONS, ceiling_hz=CONNECTIONS / 0.2), closed=closed)
    assert "below_ceiling" not in failed(found)


@standstill.excused
def test_a_server_that_works_is_saturated_and_says_so(loaded: Loaded, programs: Build) -> None:
    """The first requests of all connections take longer than the window: whether the generator gets its
    CPU in time for the next ones decides nothing."""
    cpu = min(os.sched_getaffinity(0))
    heavy = ("--workload", "cpu", "--cpu-iterations", HEAVY_ITERATIONS)
    with serving("serve", "--model", "inline", *heavy, "--cpus", cpu) as server:
        os.sched_setaffinity(server.process.pid, {cpu})
        closed = loaded(server.address, *CLOSED, *heavy, "--any-reply", "--watch-pid", server.process.pid)
    gate = gates.of(Conditions(CONNECTIONS, threads=1), closed=closed)["closed_saturated"]
    assert "server" in gate["value"] and gate["ok"], gate["said"]


@standstill.excused
def test_neighbours_that_are_taken_for_the_rig(loaded: Loaded, programs: Build) -> None:
    """A generator that only polls, a downstream service that only burns: neither leaves the server
    anything to show."""
    cpu = max(os.sched_getaffinity(0))
    with serving("serve", "--model", "inline", "--workload", "echo") as server, hog({cpu}) as burning:
        opened = loaded(
            server.address, "--rate", 50, *ECHO, "--spin-us", 1_000_000,
            "--watch-pid", server.process.pid, "--beside-pid", burning.pid,
        )  # fmt: skip
    gate = gates.of(Conditions(CONNECTIONS), opened=opened)["saturated"]
    assert "downstream" in gate["value"] and not gate["ok"], gate["said"]
    assert "generator" in gate["value"], gate["said"]


def test_a_busy_neighbour_is_seen_by_the_discard_rule() -> None:
    rule = {**discard.declared(), "others_percent_max": 5.0}
    with ExitStack() as hogs:
        for _ in os.sched_getaffinity(0):
            hogs.enter_context(hog())
        for _ in range(120):  # seconds: they may take their time to begin
            watch = machine.Watch()
            time.sleep(1)
            covariates = watch.covariates(None)
            if covariates["others_percent"] > 5:
                break
    assert covariates["others_percent"] > 5
    assert "other programs" in (discard.excuse(rule, "service", covariates) or "")


# --- What becomes of a case -----------------------------------------------------------------------


def services(change: Callable[[dict[str, Any]], None]) -> judge.Judgement:
    run, lines = synthetic.make_run(kinds=("service",), service_rounds=12)
    for line in lines:
        change(line)
    return judge.judge(run, lines)


def gate(line: dict[str, Any], name: str, ok: bool, scope: str, value: Any = 1) -> None:
    line["gates"][name] = {"value": value, "limit": 0, "scope": scope, "ok": ok}


def test_where_the_rig_was_the_limit_throughput_is_a_bound() -> None:
    """event_loop is truly better by 35 % in `rpc`; where it was the rig's, that is still so, and
    thread_pool, which the rig held down, may be as good as any."""

    def held_down(who: str) -> judge.Judgement:
        def change(line: dict[str, Any]) -> None:
            ok = line["member"].partition(".")[0] != who
            value = "server" if ok else "generator"
            gate(line, "closed_saturated", ok, "bound", value)

        return services(change)

    rival = held_down("event_loop").families[0]
    found = rival.compared("event_loop", "closed_hz")
    assert found and found.verdict == judge.BETTER and list(rival.bounded) == ["event_loop"]
    assert "generator" in rival.bounded["event_loop"]
    base = held_down("thread_pool").families[0]
    found = base.compared("event_loop", "closed_hz")
    assert found and found.verdict == judge.UNRESOLVED and "the rig" in found.doubt
    cpu = base.compared("event_loop", "cpu_ns_per_request")
    assert cpu and cpu.verdict == judge.BETTER, "CPU per request stands"


def test_nothing_is_equal_because_the_rig_was() -> None:
    """`cpu` is the same for all models; if both were held down, that says nothing about them."""
    free = services(lambda line: None)
    found = next(f for f in free.families if f.id == "service/cpu").compared("actor", "closed_hz")
    assert found and found.estimate
    bound = services(lambda line: gate(line, "rig_share", False, "bound", 0.95))
    for family in bound.families:
        for each in family.comparisons:
            if each.metric == "closed_hz":
                assert each.verdict not in (judge.BETTER, judge.WORSE, judge.EQUIVALENT)


def test_a_rare_failure_of_the_rig_leaves_its_round_out_and_many_the_number() -> None:
    def change(line: dict[str, Any]) -> None:
        rare = line["member"] == "actor" and line["round"] == 3
        often = line["member"] == "event_loop" and line["round"] % 2
        gate(line, "lag_p99_over_level", not (rare or often), "open")

    family = services(change).families[0]
    assert len(family.series("actor", "cpu_ns_per_request")) == 11
    said = family.dropped["actor", "open"]
    assert said == "generator's lag p99 ÷ the service level 1 (limit 0) in 1 of 12 rounds"
    assert family.why_withheld("event_loop", "cpu_ns_per_request")
    assert not family.why_withheld("event_loop", "closed_hz"), "that gate does not govern it"


@pytest.mark.parametrize("name", ["open_below_ceiling", "replies_wrong", "achieved_over_offered", "server_share"])
def test_no_round_is_left_out_for_what_the_server_did(name: str) -> None:
    """One bad round of twelve: the other eleven would be a choice of the server's own."""

    def once(line: dict[str, Any]) -> None:
        gate(line, name, (line["member"], line["round"]) != ("actor", 3), "open")

    family = services(once).families[0]
    why = family.why_withheld("actor", "cpu_ns_per_request")
    assert why == f"{gates.gate_name(name)} 1 (limit 0) in 1 of 12 rounds" and not family.dropped
    assert family.series("actor", "cpu_ns_per_request") == [] == family.series("actor", "p99_ns")
    assert family.advantages("actor", "thread_pool", "p99_ns", False) == []
    found = family.compared("actor", "cpu_ns_per_request")
    assert found and found.verdict not in (judge.BETTER, judge.WORSE, judge.EQUIVALENT) and found.why_not == why
    assert len(family.series("actor", "closed_hz")) == 12, "that gate does not govern it"
    assert len(family.series("event_loop", "cpu_ns_per_request")) == 12


def test_less_than_was_offered_is_the_rig_s_where_that_was_at_its_limit() -> None:
    def once(line: dict[str, Any]) -> None:
        bad = (line["member"], line["round"]) == ("actor", 3)
        gate(line, "achieved_over_offered", not bad, "open", 0.5)
        gate(line, "saturated", not bad, "tail", "generator" if bad else "nobody")

    family = services(once).families[0]
    assert not family.withheld and len(family.series("actor", "p99_ns")) == 11
    assert family.dropped["actor", "open"] == "achieved ÷ offered 0.5 (limit 0) in 1 of 12 rounds"


def test_a_process_that_failed_for_what_its_server_did_is_a_round_of_the_case() -> None:
    def once(line: dict[str, Any]) -> None:
        if (line["member"], line["round"]) == ("actor", 3):
            gate(line, "lost", False, "all", 2)
            line |= gates.of_server(line["gates"])
            assert (line["status"], line["reason"]) == ("failed", "requests lost by its own count: 2")

    family = services(once).families[0]
    assert family.why_withheld("actor", "closed_hz") == "requests lost at SIGTERM 2 (limit 0) in 1 of 12 rounds"
    (tally,) = (g for g in family.gates if g.name == "lost")
    assert (tally.failed, tally.total) == (1, 1)


def test_every_gate_of_the_rig_has_a_name() -> None:
    assert gates.OF_RIG < set(gates.GATE_NAMES)


def test_what_the_machine_did_stands_beside_the_gates() -> None:
    def change(line: dict[str, Any]) -> None:
        line["covariates"]["steal_percent"] = 22.0 if line["round"] == 5 else 1.0
        line["covariates"]["others_percent"] = 2.0

    family = services(change).families[0]
    tallies = {(g.member, g.name): g for g in family.host}
    steal = tallies["actor", "steal_percent"]
    assert (steal.failed, steal.total, steal.limit, max(steal.values)) == (1, 12, 5.0, 22.0)
    assert ("actor", 5) in family.discarded
    assert tallies["actor", "others_percent"].failed == 0


def reported(folder: Path, cores: int, load_cpu: int, downstream_cpu: int, held_down: str = "") -> str:
    """The Markdown of services whose server had CPU 0."""
    pytest.importorskip("jinja2")
    from assaylib import report

    run, lines = synthetic.make_run(kinds=("service",), service_rounds=12)
    run["environment"]["cores"] = cores
    for family in run["families"]:
        family["load"] |= {"server_cpu": 0, "load_cpu": load_cpu, "rig_hz": 40000.0}
        if family["id"].endswith("call"):
            family["load"]["downstream_cpu"] = downstream_cpu
    for line in lines:
        who = "generator" if line["case"] == held_down else "server"
        gate(line, "closed_saturated", who == "server", "bound", who)
    report.render(synthetic.write_run(folder, run, lines))
    return (folder / "report.md").read_text("utf-8")


def test_a_machine_with_too_few_cores_says_what_it_cannot_decide(tmp_path: Path) -> None:
    text = reported(tmp_path / "two", 2, 1, 1, held_down="service/rpc/event_loop")
    assert "What a machine with 2 cores cannot decide here:" in text
    assert "In `call` generator and downstream service share a CPU; it would take a third." in text
    assert "show a shape: whether that many threads pay" in text, "4 threads on 2 cores"
    assert "`rpc`: the throughput of event_loop is the rig's" in text
    assert "≥ event_loop: a bound from below" in text and "| ≥ " in text
    assert "a server that does nothing, through the same rig, in a closed loop: 40" in text
    one = reported(tmp_path / "one", 1, 0, 0)
    assert "Server and generator share a CPU" in one and "Two CPUs are the least" in one
    many = reported(tmp_path / "many", 8, 1, 2)
    assert "share a CPU" not in many and "show a shape" not in many and "the rig's" not in many
    assert "how a model scales over cores" in many, "the server had one CPU there, too"
