# SPDX-License-Identifier: MIT
"""Who was busy in an overload: looks at the CPU time of server, generator and service, and what is made of them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from assaylib import rig
from assaylib.gates import saturation
from assaylib.scenarios import overload, watching
from assaylib.scenarios.stand import TooBusy
from failures import MS, OVERLOAD, parsed


def used(**shares: tuple[float, float]) -> dict[str, list[int]]:
    """Looks every 50 ms at CPUs of which each is used so much outside of the overload and in it."""
    rows: list[dict[str, int]] = [{"at_ns": -100 * MS, "watch_cpus": 1, "own_cpus": 1}]
    rows[0] |= dict.fromkeys(("watch_cpu_ns", "watch_cpus_idle_ns", "watch_cpus_steal_ns"), 7 * MS)
    rows[0] |= dict.fromkeys(("cpu_ns", "own_cpus_idle_ns", "own_cpus_steal_ns"), 9 * MS)
    while rows[-1]["at_ns"] < 3200 * MS:
        row = dict(rows[-1])
        for name, cpus in (("watch_cpu_ns", "watch_cpus"), ("cpu_ns", "own_cpus")):
            share = shares[name][500 * MS <= row["at_ns"] < 1400 * MS]
            row[name] += round(share * 50 * MS)
            row[f"{cpus}_idle_ns"] += round((1 - share) * 50 * MS)
        rows.append({**row, "at_ns": row["at_ns"] + 50 * MS})
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_who_is_at_his_limit_in_the_overload_is_asked_of_it_alone(tmp_path: Path) -> None:
    """0.9 s of 3.2: over all of them a server that had no rest in the overload was at 50 %, and so was
    a generator that was not able to offer it."""
    found = parsed(tmp_path, OVERLOAD)
    result: dict[str, Any] = {"lag_p50_ns": 1000, "steps": [{"p50_ns": MS, "polled_ns": None}] * 3}

    def gate(steps: list[dict[str, Any]] | None = None, text: str = "", **shares: tuple[float, float]) -> dict[str, Any]:
        told = {**result, "steps": steps or result["steps"]}
        alone = overload.in_overload(found.steps, used(**shares), told)
        return overload.over_saturated(parsed(tmp_path, text) if text else found, alone)

    calm = gate(watch_cpu_ns=(0.3, 0.6), cpu_ns=(0.1, 0.2))
    assert (calm["value"], calm["said"]) == ("nobody", "server 60 %, generator 20 %")
    full = gate(watch_cpu_ns=(0.3, 1.0), cpu_ns=(0.1, 0.2))
    assert full == {"value": "server", "limit": "server or nobody", "scope": "all", "ok": True, "said": full["said"]}
    assert gate(watch_cpu_ns=(1.0, 0.3), cpu_ns=(0.1, 0.2))["value"] == "nobody", "before and after it"
    rig_s = gate(watch_cpu_ns=(0.3, 0.6), cpu_ns=(0.1, 1.0))
    assert rig_s["value"] == "generator" and not rig_s["ok"], "what was asked was no overload"
    assert gate(watch_cpu_ns=(0.3, 1.0), cpu_ns=(0.1, 1.0))["ok"]
    # One that polls uses all of its CPU: 0.63 s of the 0.9 in vain, or 0.009.
    polls = OVERLOAD.replace("[load]", "[load]\nspin_us = 300")
    for polled_ns, who in ((630 * MS, "nobody"), (9 * MS, "generator")):
        steps = [{"p50_ns": MS, "polled_ns": ns} for ns in (490 * MS, polled_ns, 1700 * MS)]
        assert gate(steps, polls, watch_cpu_ns=(0.3, 0.6), cpu_ns=(1.0, 1.0))["value"] == who
    with pytest.raises(TooBusy, match="look twice"):
        overload.in_overload(found.steps, {}, result)


def test_looks_at_who_is_busy_are_as_load_has_them(tmp_path: Path) -> None:
    """This process is all three: what one used, every one did."""
    here: Any = SimpleNamespace(pid=os.getpid(), beside_pid=os.getpid(), child=SimpleNamespace(pid=os.getpid()))
    busy = watching.Busy(here, here)
    busy.look()
    before = watching.cpu_ns(os.getpid())
    while watching.cpu_ns(os.getpid()) - before < 50 * MS:
        pass
    busy.look()
    looks = busy.since(0)
    found = watching.window(looks, looks["at_ns"][0], looks["at_ns"][-1] + 1)
    assert found and found["duration_ns"] == looks["at_ns"][-1] - looks["at_ns"][0]
    for name, cpus in (("watch_cpu_ns", "watch_cpus"), ("cpu_ns", "own_cpus"), ("beside_cpu_ns", "beside_cpus")):
        assert found[name] >= 50 * MS and found[cpus] == len(os.sched_getaffinity(0))
        assert 0 <= found[f"{cpus}_steal_ns"] and found[f"{cpus}_idle_ns"] <= found["duration_ns"] * found[cpus] + 50 * MS
    assert watching.window(looks, looks["at_ns"][0], looks["at_ns"][-1]) is None, "one look is none"
    assert rig.busy_percents(found)["server_busy_percent"] > 0
    assert rig.busy_percents({**found, "polled_ns": 2 * found["cpu_ns"]})["load_busy_percent"] == 0


def test_a_server_that_answers_nobody_is_looked_at_all_the_same() -> None:
    """It may take the whole of our patience for not answering."""
    looked = threading.Event()

    def silent() -> dict[str, float]:
        looked.wait(60)
        raise rig.Failure("no answer")

    server: Any = SimpleNamespace(pid=os.getpid(), beside_pid=None, metrics=silent)
    loading: Any = SimpleNamespace(child=SimpleNamespace(pid=os.getpid()))
    busy = watching.Busy(server, loading)
    with watching.Watching(server, busy) as watch:
        until = time.monotonic() + 50
        while len(busy.since(0).get("cpu_ns", [])) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        seen = len(busy.since(0)["cpu_ns"])
        looked.set()
    assert watch.since(0)["at_ns"] == [] and seen >= 2


def test_cpus_that_a_container_numbers_anew_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    here: Any = SimpleNamespace(pid=os.getpid(), beside_pid=None, child=SimpleNamespace(pid=os.getpid()))
    monkeypatch.setattr(watching.Ticks, "by_cpu", staticmethod(dict))
    busy = watching.Busy(here, here)
    busy.look()
    busy.look()
    found = watching.window(busy.since(0))
    assert found and "cpu_ns" in found and not any("cpus" in name for name in found)
    assert saturation({**found, "duration_ns": 1}).shares
