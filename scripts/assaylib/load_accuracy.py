# SPDX-License-Identifier: MIT
"""`assay load-accuracy`: load against a service whose delays and stalls are known, for real.

`downstream` gives request number i the delay that its seed gives to i, so what load must report can be
computed (this module draws the same numbers anew). No answer can come before its delay is over:
percentiles below the computed ones are load's mistake, and exit code 1. What is above is this
machine's lateness (timers, wake-ups, a host that takes the CPU away) or load's own, which is shown
beside it. tests/bench/test_load_accuracy.c holds load to 1 % where no machine can be late.
"""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import SCHEMA, AssayError, UsageError, machine
from .programs import Build, Child, execute, json_file, read_json
from .rig import START_TIMEOUT_S, listening

QUANTILES = {"p50": 500_000, "p90": 900_000, "p99": 990_000, "p999": 999_000}  # in millionths
RATE_HZ = 500
CONNECTIONS = 400  # more than are ever in flight: nothing waits for one
SEED = 1
SLACK_S = 60.0
BELOW_MAX = 0.01  # of the computed value: beyond it load reports what cannot be


@dataclass(frozen=True)
class Case:
    name: str
    delay: str
    stall_every_s: float = 0.0
    stall_for_s: float = 0.0


def cases(duration_s: float) -> tuple[Case, ...]:
    """Two stalls lie in the run, and are a fifteenth of it."""
    return (
        Case("fixed", "fixed:2000"),
        Case("exponential", "exp:5000"),
        Case("lognormal", "lognormal:3000,0.6"),
        Case("stall", "fixed:2000", duration_s / 3, duration_s / 30),
    )


def _mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def _uniform(seed: int, index: int) -> float:
    """In (0, 1]: SplitMix64, as bench/draw.h."""
    bits = _mix((_mix(seed) + (index + 1) * 0x9E3779B97F4A7C15) % 2**64)
    return ((bits >> 11) + 1) / 2**53


def delay_s(case: Case, serial: int) -> float:
    """Of request number `serial`, as bench/delay.c."""
    kind, _, numbers = case.delay.partition(":")
    first, *rest = (float(number) for number in numbers.split(","))
    if kind == "exp":
        first *= -math.log(_uniform(SEED, serial))
    elif kind == "lognormal":
        radius = math.sqrt(-2 * math.log(_uniform(SEED, 2 * serial)))
        first *= math.exp(rest[0] * radius * math.cos(2 * math.pi * _uniform(SEED, 2 * serial + 1)))
    return first / 1e6


def computed_s(case: Case, count: int) -> dict[str, float]:
    """Percentiles (nearest rank) of what requests due every 1/RATE_HZ must see, the first at 0."""
    latencies = []
    for serial in range(count):
        due = serial / RATE_HZ
        end = due + delay_s(case, serial)
        if case.stall_every_s and end >= case.stall_every_s:
            into = end % case.stall_every_s
            end += max(0.0, case.stall_for_s - into)
        latencies.append(end - due)
    latencies.sort()
    return {name: latencies[-(-count * ppm // 1_000_000) - 1] for name, ppm in QUANTILES.items()}


def _measure(build: Build, case: Case, duration_s: float) -> dict[str, Any]:
    """load's JSON of one run against a fresh service."""
    cpus = sorted(os.sched_getaffinity(0))
    serving = [str(build.program("downstream")), "--listen", "127.0.0.1:0", "--delay", case.delay]
    if not case.delay.startswith("fixed:"):
        serving += ["--seed", str(SEED)]
    if case.stall_every_s:
        serving += ["--stall-every", str(case.stall_every_s), "--stall-for", str(case.stall_for_s)]
    with json_file() as path, Child(serving, cpus=[cpus[0]], line=True) as child:
        argv = [
            str(build.program("load")),
            *("--target", f"http://{listening(child)}/"),
            *("--workload", "echo"),
            *("--arrival", "uniform"),
            *("--rate", str(RATE_HZ)),
            *("--connections", str(CONNECTIONS)),
            *("--warmup", "0"),
            *("--duration", f"{duration_s:g}"),
            *("--timeout", f"{SLACK_S:g}"),
            *("--json", str(path)),
        ]
        done = execute(argv, timeout_s=duration_s + 2 * SLACK_S, cpus=[cpus[-1]])
        child.signal(signal.SIGTERM)
        child.wait(START_TIMEOUT_S + SLACK_S)
        content, wrong = read_json(path)
    if done.returncode not in (0, 1) or wrong is not None:
        raise AssayError(done.failure or f"load: {wrong}")
    return dict(content)


def _row(case: Case, name: str, right_s: float, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    reported = [run[f"{name}_ns"] / 1e9 for run in runs]
    return {
        "case": case.name,
        "percentile": name,
        "computed_s": right_s,
        # Stalls go by the service's clock, whose start lies somewhere between two requests.
        "phase_s": 1 / RATE_HZ if case.stall_every_s else 0.0,
        "reported_s": reported,
        "median_over_percent": 100 * (statistics.median(reported) / right_s - 1),
        "least_over_percent": 100 * (min(reported) / right_s - 1),
    }


def judge(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What cannot be: an answer before its time."""
    return [
        f"{row['case']} {row['percentile']}: reported {1e3 * min(row['reported_s']):.3f} ms, but no"
        f" answer that counts there can have come before {1e3 * (row['computed_s'] - row['phase_s']):.3f} ms"
        for row in rows
        if min(row["reported_s"]) < (1 - BELOW_MAX) * row["computed_s"] - row["phase_s"]
    ]


def main(build: Build, *, duration_s: float, rounds: int, as_json: Path | None) -> int:
    if rounds < 1:
        raise UsageError(f"--rounds {rounds}: must be at least 1")
    if not 1 <= duration_s <= 3600:
        raise UsageError(f"--duration {duration_s:g}: must be from 1 to 3600")
    before = machine.Ticks.now()
    chosen = cases(duration_s)
    runs: dict[str, list[dict[str, Any]]] = {case.name: [] for case in chosen}
    for _ in range(rounds):
        for case in chosen:
            runs[case.name].append(_measure(build, case, duration_s))
    stolen = machine.Ticks.now().steal_percent_since(before)
    rows, incomplete = [], []
    for case in chosen:
        whole = [run for run in runs[case.name] if run["answered"] == run["planned"]]
        if len(whole) < len(runs[case.name]):
            incomplete.append(f"{case.name}: {len(runs[case.name]) - len(whole)} of {rounds} runs left requests out")
        if whole:
            right = computed_s(case, whole[0]["planned"])
            rows += [_row(case, name, right[name], whole) for name in QUANTILES]
    lateness = machine.measure(build, lambda text: None)
    lags = [run["lag_p99_ns"] for of_case in runs.values() for run in of_case]
    _print(rows, lags, lateness, stolen, rounds)
    wrong = judge(rows) + incomplete
    for line in wrong:
        print(f"WRONG {line}")
    if as_json:
        facts = {"schema": SCHEMA, "rate_hz": RATE_HZ, "duration_s": duration_s, "rows": rows,
                 "lag_p99_ns": lags, "machine": lateness, "steal_percent": stolen, "wrong": wrong}  # fmt: skip
        as_json.write_text(json.dumps(facts, indent=1) + "\n")
    return 1 if wrong else 0


def _print(
    rows: Sequence[dict[str, Any]], lags: Sequence[int], lateness: dict[str, Any], stolen: float, rounds: int
) -> None:
    print(f"{'':12} {'':>6} {'computed':>10} {'reported':>10} {'over':>9} {'over':>9}   of {rounds} runs: the")
    print(f"{'':12} {'':>6} {'ms':>10} {'ms':>10} {'ms':>9} {'%':>9}   median, and in % the least")
    for row in rows:
        right, reported = 1e3 * row["computed_s"], 1e3 * statistics.median(row["reported_s"])
        print(
            f"{row['case']:12} {row['percentile']:>6} {right:10.3f} {reported:10.3f} {reported - right:9.3f}"
            f" {row['median_over_percent']:9.2f}   {row['least_over_percent']:.2f}"
        )
    print(
        f"load was itself late by {min(lags) / 1e6:.3f} to {max(lags) / 1e6:.3f} ms (p99 of a run). This machine's"
        f" timers are late by {lateness.get('timer_late_p50_ns', 0) / 1e6:.3f} ms (p50) and"
        f" {lateness.get('timer_late_p99_ns', 0) / 1e6:.3f} ms (p99); waking a thread on the other CPU takes"
        f" {lateness.get('wake_cross_core_ns', 0) / 1e6:.3f} ms (p50). The host took {stolen:.1f} % of the CPUs."
    )
    print("Every answer passes a timer and a wake-up in the service and one in load: what is over is theirs.")
