# SPDX-License-Identifier: MIT
"""bench/peers/generator.py: what it reads from the tools, and what it refuses to count."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import standstill
from conftest import ROOT


def generator(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("generator", ROOT / "bench/peers/generator.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their types
    spec.loader.exec_module(module)
    module.NAME = name  # type: ignore[attr-defined]
    return module


def test_requests_are_those_that_were_answered_rightly(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    wrk = "  17443 requests in 3.07s, 1.36MB read\nRequests/sec:   5681.59\n"
    assert generator("wrk").requests_of(wrk, out) == 17443
    h2load = "requests: 24249 total, 24265 started, 24249 done, 24240 succeeded, 9 failed, 0 errored\n"
    assert generator("h2load").requests_of(h2load, out) == 24240
    out.write_text(json.dumps({"answered": 5, "wrong": 0, "failed": 0}))
    assert generator("load").requests_of("", out) == 5
    for broken in ("nothing", wrk + "  Non-2xx or 3xx responses: 3\n", wrk + "  Socket errors: connect 0, read 4\n"):
        module = generator("wrk")
        with pytest.raises(module.Failure):
            module.requests_of(broken, out)
    out.write_text(json.dumps({"answered": 5, "wrong": 1, "failed": 0}))
    module = generator("load")
    with pytest.raises(module.Failure, match="1 wrong"):
        module.requests_of("", out)


def test_totals_of_the_tools(tmp_path: Path) -> None:
    module, raw = generator("load"), tmp_path / "raw"
    raw.write_text("version: 1\nevents: Ir\nsummary: 4711\nfn=(1) main\ntotals: 4711\n")
    assert module.instructions(raw) == 4711
    head = "% time     seconds  usecs/call     calls    errors syscall\n"
    raw.write_text(head + " 66.07    0.131953          19      6913           sendto\n100.00    0.199719          13     14531        17 total\n")
    assert module.system_calls(raw) == 14531
    raw.write_text(head + "100.00    0.199719          13     14531           total\n")
    assert module.system_calls(raw) == 14531
    raw.write_text(head + "100.00    0.199719                 14531        17 total\n")
    assert module.system_calls(raw) == 14531
    raw.write_text("strace: killed\n")
    with pytest.raises(module.Failure):
        module.system_calls(raw)
    with pytest.raises(module.Failure):
        module.instructions(raw)


def given(rate: int | None) -> argparse.Namespace:
    return argparse.Namespace(load="load", connections=1, rate=rate, slack_us=None)


def test_modes_that_a_generator_has_not() -> None:
    module = generator("wrk")
    with pytest.raises(module.Failure):
        module.command(given(1000), "127.0.0.1:1", 1, Path("out"))
    module = generator("wrk2")
    with pytest.raises(module.Failure):
        module.command(given(None), "127.0.0.1:1", 1, Path("out"))


@standstill.excused
def test_ours_is_measured(build: Path, tmp_path: Path) -> None:
    peers = build / "bench/peers"
    if not os.access(peers / "generator_load", os.X_OK):
        pytest.skip("a build without peers")
    argv = [peers / "generator_load", "--bare", build / "bench/bare", "--load", build / "bench/load",
            "--connections", "4", "--seconds", "1", "--json", tmp_path / "out.json"]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["requests_hz"] > 0 and told["generator_cpu_ns"] > 0
    if shutil.which("strace") is None or shutil.which("valgrind") is None:
        pytest.skip("no strace or no valgrind")
    # At a rate: how many requests there are in the short run and in the long is not the machine's
    # affair, nor how many of a closed loop's answers one look finds.
    done = subprocess.run([*argv, "--exact", "--rate", "100"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    # One send and one receive each, a wait until it is due and one for the answer; fewer waits where
    # several come at once.
    assert 2 <= told["system_calls_per_request"] < 6
    assert told["instructions_per_request"] > 100
