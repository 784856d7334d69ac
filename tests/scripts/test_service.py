# SPDX-License-Identifier: MIT
"""Services: real servers under real load, and what their lines and gates say."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import standstill
from assaylib import coded, gates, machine, plan, rig, run, served, service, store, tiers
from assaylib.programs import Build
from conftest import ROOT

WORKLOADS = ("rpc", "call")  # `cpu` is in the run of .ci/run


@pytest.fixture(scope="module", autouse=True)
def _built(build: Path) -> None:
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")


def test_figures_per_request_are_of_the_same_requests() -> None:
    """Two hundred of those due in the window were answered after it: their CPU time is not in it. Switches
    are counted from the warm-up on, as the answers beside them are."""
    said: dict[str, Any] = dict.fromkeys(rig.COPIED, 0.0)
    said |= {"answered": 1000, "completed": 800, "duration_ns": 1e9, "cpu_ns": 1e8, "watch_rss_bytes": 1}
    said |= {"watch_cpu_ns": 8e6, "watch_cpu_user_ns": 6e6, "watch_cpu_system_ns": 2e6}
    said |= {"polled_ns": None, "watch_voluntary_switches": 1400, "watch_involuntary_switches": 100, "watch_answered": 1500}
    found = rig.opened(said)
    times = [found[f"{name}_per_request"] for name in ("cpu_ns", "cpu_user_ns", "cpu_system_ns")]
    assert times == [10_000, 7_500, 2_500]
    assert found["context_switches_per_request"] == 1
    assert rig.opened(said | {"watch_voluntary_switches": None})["context_switches_per_request"] is None
    assert rig.opened(said | {"completed": 0})["cpu_ns_per_request"] is None
    # A generator that polls uses all of its CPU, and works a part of that time.
    busy = [rig.opened(said | {"polled_ns": ns})["load_busy_percent"] for ns in (None, 7e7, 2e8)]
    assert busy == [pytest.approx(10), pytest.approx(3), 0]


@pytest.fixture(scope="module")
def lines(build: Path, tmp_path_factory: pytest.TempPathFactory) -> list[store.Line]:
    """A smoke run's, but one round of each and short. A second without its CPU is the end of a call:
    whether all replies were right is asked here."""
    tier = replace(tiers.TIERS["smoke"], service_rounds=1, closed_s=0.3)
    only = f"^service/({'|'.join(WORKLOADS)})$"

    def experiment(number: int) -> list[store.Line]:
        reports = tmp_path_factory.mktemp("reports")
        assert run.start(Build.open(build), ROOT, run.Request(tier, only, 7, "services", reports, True)) == 0
        found = store.read_samples(reports / "services" / "samples.jsonl").lines
        for line in found:
            for gate in ("replies_wrong", "closed_replies_wrong", "connections_held"):
                assert line["gates"][gate]["ok"], gate
            assert line["gates"]["rig_share"]["value"] > 0, "a server that does nothing was asked, too"
        return found

    return standstill.again(experiment)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_what_a_line_says(workload: str, lines: list[store.Line]) -> None:
    mine = [line for line in lines if line["family"] == f"service/{workload}"]
    assert {line["member"] for line in mine} >= {"thread_pool", "thread_pool.same"}
    for line in mine:
        metrics = line["metrics"]
        assert metrics["p50_ns"] <= metrics["p99_ns"] <= metrics["p999_ns"] <= metrics["max_ns"]
        assert metrics["answered"] + metrics["wrong"] + metrics["failed"] == metrics["sent"]
        assert metrics["turns_per_request"] == (2 if workload == "call" else 1)
        for key in ("cpu_ns_per_request", "closed_hz", "startup_ns", "drain_ns", "rss_bytes"):
            assert metrics[key] > 0, key
        # What makes one model cheaper than another stands beside its times.
        for key in ("messages_per_request", "wakeups_per_request", "context_switches_per_request"):
            assert metrics[key] >= 0, key
        assert metrics["syscalls_per_request"] >= 2, "a read and a write at least"
        assert metrics["lost"] == 0 and line["gates"]["lost"]["ok"]
        assert "others_percent" in line["covariates"]
        assert set(line["gates"]) <= set(gates.GATE_NAMES)
        for name in ("saturated", "closed_saturated"):  # who was at his limit, and how near each was
            gate = line["gates"][name]
            assert gate["ok"] == (gate["value"] == "nobody" or "server" in gate["value"])
            for who in ("server", "generator", *(["downstream"] if workload == "call" else [])):
                assert f"{who} " in gate["said"]


def test_call_waits_for_its_downstream_and_stays_below_the_ceiling(
    lines: list[store.Line],
) -> None:
    for line in lines:
        if line["family"] == "service/call":
            assert line["metrics"]["p50_ns"] > 5e6
            assert line["gates"]["below_ceiling"]["ok"]
            assert line["gates"]["below_ceiling"]["limit"] == 25600 or "pool" not in line["case"]


def family(workload: str, /, **load: Any) -> plan.Family:
    tier = tiers.TIERS["smoke"]
    members = ("thread_pool", "thread_pool.same")
    stated = served.service_load(workload, members, tier, machine.cpus())
    return plan.Family(
        id=f"service/{workload}",
        kind="service",
        title=workload,
        baseline="thread_pool",
        members=members,
        aliases={"thread_pool.same": "same"},
        floors={},
        injected={},
        rounds=2,
        load={**stated, "rate_hz": 500.0, **load},
    )


def measured(build: Path, family: plan.Family, member: str = "thread_pool") -> dict[str, Any]:
    return service.measure(Build.open(build), family, member, seed=1, padding=0)[member]


@standstill.excused
def test_a_rate_that_cannot_be_served_fails_its_gate(build: Path) -> None:
    """1 thread that waits 5 ms: 200 requests a second and no more."""
    slow = family("call", threads={"thread_pool": 1}, rate_hz=400.0, connections=16)
    line = measured(build, slow)
    assert line["status"] == "ok", line["reason"]
    assert not line["gates"]["achieved_over_offered"]["ok"]
    assert line["gates"]["below_ceiling"] == {
        "value": line["metrics"]["closed_hz"],
        "limit": 200.0,
        "scope": "closed",
        "ok": line["metrics"]["closed_hz"] <= 200.0,
    }


@standstill.excused
@pytest.mark.parametrize(
    ("workload", "member", "turns"),
    [
        ("store", "thread_pool", 1.0),
        ("fanout", "thread_pool", 2.0),
        ("mixed", "event_loop", 1.0),
        ("mixed_offloaded", "event_loop", 1.1),
        ("journal", "event_loop", 2.0),
        ("journal", "thread_pool", 2.0),
    ],
)
def test_other_workloads(workload: str, member: str, turns: float, build: Path) -> None:
    """Those of `publish` alone: they start as planned, and load finds every reply right."""
    tier = tiers.TIERS["publish"]
    stated = served.service_load(workload, ("event_loop", "thread_pool", "thread_pool.same"), tier, machine.cpus())
    short = dict.fromkeys(("warmup_s", "closed_warmup_s", "closed_duration_s"), 0.1)
    line = measured(build, family(workload, **{**stated, **short, "duration_s": 0.5, "rate_hz": 200.0}), member)
    assert line["status"] == "ok", line["reason"]
    assert line["metrics"]["turns_per_request"] == pytest.approx(turns, rel=0.1)
    for kind in ("fast", "heavy") if workload.startswith("mixed") else ():
        assert 0 < line["metrics"][f"{kind}_p50_ns"] <= line["metrics"][f"{kind}_p99_ns"]
    for gate in ("replies_wrong", "closed_replies_wrong", "lost"):
        assert line["gates"][gate]["ok"], gate


@standstill.excused
@pytest.mark.parametrize(("member", "codec"), [("cjson.same", "cjson"), ("msgpack_c", "msgpack_c")])
def test_a_codec_behind_one_model(member: str, codec: str, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and load speak the member's codec, whatever the model."""
    built = plan.Built(
        codec_cases=tuple(f"codec/order/encode/{name}" for name in coded.CODECS),
        model_cases=("model/rpc/thread_pool", "model/rpc/event_loop"),
        services=("rpc",),
        cpus=machine.cpus(),
    )
    (one,) = coded.families(built, tiers.TIERS["publish"])
    short = dict.fromkeys(("warmup_s", "closed_warmup_s", "closed_duration_s"), 0.1)
    asked: list[dict[str, Any]] = []
    for name in ("server", "start_load"):
        real = getattr(rig, name)

        def spy(*arguments: Any, real: Any = real, **named: Any) -> Any:
            asked.append(dict(arguments[-1]))
            return real(*arguments, **named)

        monkeypatch.setattr(rig, name, spy)
    line = measured(build, replace(one, load={**one.load, **short, "rate_hz": 100.0}), member)
    assert line["status"] == "ok", line["reason"]
    assert line["gates"]["replies_wrong"]["ok"] and line["gates"]["closed_replies_wrong"]["ok"]
    assert len(asked) == 4 and {each["codec"] for each in asked} == {codec} and asked[0]["model"] == "event_loop"


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({"payload": "nope"}, "nope"),
        ({"codec": "nope"}, "nope"),
        ({"queue_limit": 0}, "--queue-limit"),
        ({"rate_hz": None}, "no rate"),
    ],
)
def test_what_does_not_start_is_a_failed_line(
    load: dict[str, Any], words: str, build: Path
) -> None:
    line = measured(build, family("rpc", **load))
    assert line["status"] == "failed" and words in line["reason"]
    assert line["metrics"] == {} and "SIGKILL" not in line["reason"], "it had not to be ended"


def test_a_server_that_dies_under_load_is_a_failed_line(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = service._open

    def killing(build: Build, family: plan.Family, server: rig.Server, seed: int) -> Any:
        os.kill(server.child.pid, signal.SIGKILL)
        return start(build, family, server, seed)

    monkeypatch.setattr(service, "_open", killing)
    line = measured(build, family("rpc"))
    assert line["status"] == "failed" and "SIGKILL" in line["reason"]


@standstill.excused
def test_each_is_a_process_on_the_cpu_that_is_stated(build: Path) -> None:
    opened, (first, *_, last) = Build.open(build), (*machine.cpus(), machine.cpus()[-1])
    serving = rig.server(opened, {"model": "event_loop", "workload": "echo", "threads": 1}, cpu=first)
    asked = {"workload": "echo", "arrival": "closed", "connections": 2, "warmup": 0.0, "duration": 0.5}
    with rig.downstream(opened, {"delay": "fixed:0"}, cpu=last) as beside, serving as server:
        with rig.start_load(opened, server, asked, cpu=last) as loading:
            stated = {server.pid: first, beside.child.pid: last, loading.child.pid: last}
            for pid, cpu in stated.items():
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    assert os.sched_getaffinity(int(thread.name)) == {cpu}
            assert len(stated) == 3 and loading.wait()["answered"] > 0


@pytest.mark.parametrize(("value", "rounded"), [(1234.5, 1200), (99.9, 99), (10000, 10000), (7, 7)])
def test_rates_have_two_digits(value: float, rounded: float) -> None:
    assert service.two_digits(value) == rounded


@standstill.excused
def test_the_pilot_s_rate_is_below_everybody_s(build: Path) -> None:
    said: list[str] = []
    piloted, versions = service.pilot(
        Build.open(build), family("rpc", rate_hz=None), said.append
    )
    assert not said and versions["llhttp"]
    slowest = min(piloted.load["pilot_closed_hz"].values())
    assert 0 < piloted.load["rate_hz"] <= service.RATE_SHARE * slowest
    assert piloted.load["rig_hz"] > 0
