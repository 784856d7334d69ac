# SPDX-License-Identifier: MIT
"""Overload, a slow downstream service, heavy among fast requests: what their files may not say, how long
they take, and each kind once for real, in small."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import standstill
from assaylib import UsageError, plan, report, scenarios, service
from assaylib.programs import Build
from assaylib.scenarios import command, plans, scenario
from conftest import Assay
from failures import MIXED, MODELS, OVERLOAD, SLOW, parsed

# --- Files --------------------------------------------------------------------------------------

#: With the one fault that has a delay.
SLOWER = SLOW.replace('["stalled", "dead"]', '["slow", "dead"]')
#: Of SLOW, from who is measured to how many threads the pool has.
POOL = SLOW[SLOW.index("models = ") : SLOW.index("[downstream]")]


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (OVERLOAD, "connections = 512", "connections = 64", "load.connections: must be more than server.queue_limit (64)"),
        (OVERLOAD, "maximum_connections = 16", "maximum_connections = 65", "steps.maximum_connections: must be neither more"),
        (OVERLOAD, '["reject", "wait"]', '["wait", "wait"]', "steps.on_full: names one twice"),
        (OVERLOAD, '["reject", "wait"]', '["drop"]', 'steps.on_full: "drop" is not one of reject, wait'),
        (OVERLOAD, "before_s = 0.5", "before_s = 0.1", "steps.before_s: must hold two slots"),
        (OVERLOAD, "queue_limit = 64", 'queue_limit = 64\non_full = "wait"', "server.on_full: is not known here"),
        (OVERLOAD, "factor = 2\nbase", "factor = 0.5\nbase", "steps.factor: 0.5: must be from 1"),
        (SLOW, '[downstream]\ndelay = "fixed:2000"', "", "downstream: is missing"),
        (SLOW, '[downstream]\ndelay = "fixed:2000"', '[downstream]\ndelay = "2ms"', 'downstream.delay: "2ms" is not of the form'),
        (SLOW, "fixed:250000", "lognormal:100", 'steps.slow_delay: "lognormal:100" is not of the form fixed:US, exp'),
        (SLOWER, "fixed:250000", "lognormal:100.5,0.5", "steps.slow_delay: lognormal:100.5,0.5 is no slower than"),
        (SLOWER, "fixed:250000", "fixed:2000", "steps.slow_delay: fixed:2000 is no slower than downstream.delay, fixed"),
        (SLOWER, "fixed:250000", "bimodal:1000,20000,0.04", "steps.slow_delay: bimodal:1000,20000,0.04 is no slower"),
        (SLOWER, "fixed:250000", "bimodal:1000,20000,0.1", None),
        (SLOWER, "fixed:250000", "exp:2001", None),
        (SLOW, "fixed:250000", "fixed:2000", None),
        (SLOWER, "fixed:250000", "lognormal:1900,9", None),
        (SLOW, "fixed:250000", "lognormal:1900,11", 'steps.slow_delay: "lognormal:1900,11" must have SIGMA of at most 10'),
        (SLOW, "fixed:250000", "bimodal:1,2,1.5", '"bimodal:1,2,1.5" must have SLOW_SHARE of at most 1'),
        (SLOW, "fixed:2000", "bimodal:1,4e9,0.5", 'downstream.delay: "bimodal:1,4e9,0.5" is more than 3.6e+09 micro'),
        (SLOW, "fixed:2000", "exp:4e9", 'downstream.delay: "exp:4e9" must have US of at most 3.6e+09'),
        (SLOW, '["stalled", "dead"]', '["asleep"]', 'steps.faults: "asleep" is not one of slow, stalled'),
        (SLOW, "[100, 0]", "[0, 0]", "steps.deadlines_ms: names one twice"),
        (SLOW, "fault_s = 0.5", "fault_s = 0.1\n", None),
        (SLOW, "slot_ms = 50", "slot_ms = 300", "steps.normal_s: must hold two slots"),
        (SLOW, "[server]", '[server]\nworkload = "rpc"', "server.workload: is not known here"),
        (SLOW, "[64, 200]", "[64, 64]", "server.thread_pool.threads: names one twice"),
        (SLOW, "[64, 200]", "64", "server.thread_pool.threads: must be a list of whole numbers"),
        (SLOW, "[64, 200]", "[64, 2000]", "server.thread_pool.threads: 2000: must be from 1 to 1024"),
        (SLOW, "threads = [64, 200]", "spin_us = 5", "server.thread_pool.threads: is missing: a list of how many"),
        (SLOW, 'models = ["thread_pool", "event_loop"]', "", None),
        (SLOW, POOL, 'models = ["event_loop"]\n', None),
        (SLOW, POOL, "", "server.thread_pool.threads: is missing: a list of how many"),
        (OVERLOAD, "[load]", "[server.thread_pool]\nthreads = [1, 2]\n[load]", "server.thread_pool.threads: must be a whole"),
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
    limit_s = {"overload": 300, "slow-downstream": 730, "mixed": 240}[name]
    assert plans.make([scenarios.load(name)], four, 1, None).seconds <= limit_s


# --- For real -----------------------------------------------------------------------------------

SMALL = {
    "overload": [("maximum_hz = 0.0", "maximum_hz = 40.0"), ("before_s = 0.5", "before_s = 0.3"), ("overload_s = 0.9", "overload_s = 0.3"),
                 ("after_s = 1.8", "after_s = 0.3"), ('on_full = ["reject", "wait"]', 'on_full = ["wait"]'),
                 ("connections = 512", "connections = 80"), ("back_factor = 2.0", "back_factor = 100.0")],
    "slow-downstream": [("hits_hz = 1000.0", "hits_hz = 60.0"), ("misses_hz = 300.0", "misses_hz = 30.0"),
                        ("[100, 0]", "[100]"), ('["slow", "stalled", "refusing", "dead"]', '["stalled", "dead"]'),
                        ("connections = 800", "connections = 60"), ("threads = [64, 200]", "threads = [8, 20]")],
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
    assert len(lines) == 1 + 2 + 2
    for case, row in lines.items():
        if "machine_kept_up" in row["gates"]:  # no figures, and nobody's fault
            continue
        if row["status"] != "ok":
            assert any(why in row["reason"] for why in BUSY), row["reason"]
            continue
        metrics, timeline = row["metrics"], row["timeline"]
        assert row["gates"]["lost"]["ok"] and metrics["lost"] == 0
        if "overload" in case:
            assert metrics["maximum_hz"] == 40 and metrics["rss_before_bytes"] > 0 and sum(timeline["planned"]) > 0
            assert timeline["looks"]["in_flight"] and math.isfinite(metrics["useful_share"])
        elif "slow" in case:
            phases = {phase["name"]: phase for phase in timeline["phases"]}
            assert set(phases) == {"normal", "stalled", "after stalled", "dead", "after dead"}
            dead = phases["dead"]
            assert set(dead["misses"]["kinds"]) <= {"502", "504", "timeout"} and "502" not in dead["hits"]["kinds"]
            if row["gates"]["phases_late_ms"]["ok"]:  # else there may have been nobody to ask
                assert dead["misses"]["kinds"] and max(timeline["looks"]["pool_in_use"]) >= 1
        else:
            assert metrics["fast_p99_ns"] > 0 and metrics["heavy_p50_ns"] > 0 and metrics["closed_hz"] > 0
    assert report.main([str(folder)]) == 0
    names = {file.name for file in folder.glob("scenario-*.svg")}
    assert {"scenario-overload-wait.svg", "scenario-slow-downstream-100ms.svg", "scenario-mixed-fast.svg"} <= names
