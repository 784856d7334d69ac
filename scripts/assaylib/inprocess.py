# SPDX-License-Identifier: MIT
"""Codec and model families: one Google Benchmark process per round, in which all members alternate
in short blocks of a fixed length (METHOD 1.2, 1.3)."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import machine
from .plan import Plan, blocks_s
from .planned import Family
from .programs import Build, Finished, execute, json_file, read_json
from .tiers import Tier

BLOCK_NS = 0.7e6
FLOOR_BLOCK_NS = 0.2e6  # of a memcpy: nothing is decided by its percents
BLOCKS_MIN, BLOCKS_MAX = 5, 150
PILOT_MIN_TIME_S = 0.005
PILOT_BLOCKS = 3
PILOT_TIMEOUT_S = 60.0
FIDELITY_TIMEOUT_S = 180.0
INJECTED_ITERATIONS_MIN = 5
TIMEOUT_FACTOR = 10.0  # of the planned time: a stuck process, not a slow moment
TIMEOUT_MIN_S = 60.0


# Of a program's context: what a family states in `load`.
CONDITIONS = (
    "payload codec cpus threads_of_a_model cpu_iterations hops messages requests_in_flight"
    " hot_percent put_percent heavy_percent offload_threads spin_us batch".split()
)


def _argv(build: Build, family: Family) -> list[str]:
    argv = [str(build.program("model_bench" if family.kind == "model" else "codec_bench"))]
    members = "|".join(map(re.escape, family.members))
    return [*argv, f"--benchmark_filter=^{family.id}/({members})$"]


def fidelity(
    build: Build, made: Plan, say: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """What each codec does not carry through encode and decode, and what it refuses, in the two
    lists that bench/codec_fidelity.c describes; empty ones, with a word about why, if that cannot
    be told."""
    known: dict[str, list[dict[str, Any]]] = {"fidelity": [], "fidelity_table": []}
    if not any(family.kind == "codec" for family in made.families):
        return known
    with json_file() as path:
        argv = [str(build.program("codec_bench")), "--fidelity", "--json", str(path)]
        done = execute(argv, timeout_s=FIDELITY_TIMEOUT_S)
        content, wrong = read_json(path)
    if wrong is not None or "fidelity" not in content:
        say(f"assay: fidelity is not known: {done.failure or wrong or 'not in the --json file'}")
        return known
    return {name: list(content.get(name, [])) for name in known}


def pilot(
    build: Build, family: Family, tier: Tier, say: Callable[[str], None]
) -> tuple[Family, dict[str, str]]:
    """The family with its iteration counts and its number of blocks; and the program's context."""
    argv = [
        *_argv(build, family),
        f"--benchmark_min_time={PILOT_MIN_TIME_S}",
        f"--benchmark_repetitions={PILOT_BLOCKS}",
    ]
    with json_file() as path:
        done = execute([*argv, "--json", str(path)], timeout_s=PILOT_TIMEOUT_S, cpus=_cpus(family))
        content, wrong = read_json(path)
    results = _results(content)
    measured = {member: results.get(family.case(member)) for member in family.members}
    # loop_ns: with what an operation does off the clock.
    times = {
        m: _counter(r, "loop_ns", _median_ns(r))
        for m, r in measured.items()
        if r and not r.get("error")
    }
    if not times:
        reason = done.failure or wrong or _first_error(results) or "no case was measured"
        say(f"assay: {family.id}: the pilot failed: {reason}")
        return replace(family, note=f"the pilot failed: {reason}"), {}
    counts = {}
    for member, time_ns in times.items():
        # A whole round of the corpus in every block: blocks must differ in nothing but their time.
        block_ns = FLOOR_BLOCK_NS if member.startswith("memcpy.") else BLOCK_NS
        documents = int(_counter(measured[member], "documents", 1))
        counts[member] = documents * max(1, round(block_ns / time_ns / documents))
    injected = {}
    if family.baseline in counts:
        same = counts[family.baseline]
        counts |= {member: same for member in family.aliases if member in counts}
        # The truth is a whole number of iterations more. They run over a part of the corpus only,
        # so there must be several of them to stand for its mean.
        injected = {
            member: 100 * round(same * percent / 100) / same
            for member, percent in family.injected.items()
            if same * percent >= 100 * INJECTED_ITERATIONS_MIN
        }
        counts |= dict.fromkeys(injected, same)
        times |= dict.fromkeys(injected, times[family.baseline])
    cycle_s = sum(counts[member] * times[member] for member in counts) / 1e9
    blocks = math.floor(blocks_s(family, tier) / cycle_s)
    blocks = min(BLOCKS_MAX, max(BLOCKS_MIN, blocks))
    versions, conditions = _context(content.get("context") or {})
    piloted = replace(
        family,
        members=tuple(m for m in family.members if m not in family.injected or m in injected),
        injected=injected,
        iterations={family.case(member): count for member, count in counts.items()},
        load={
            **family.load,
            "blocks": blocks,
            "blocks_s": round(blocks * cycle_s, 3),
            "cpus": _cpus(family),
            **conditions,
        },
    )
    return piloted, versions


def _context(context: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """What a program tells of itself: library versions, and the conditions that it measures in."""
    versions, conditions = {}, {}
    for key, value in context.items():
        if key == "library_version":
            versions["libbenchmark"] = str(value)
        elif key.endswith("_version"):
            name, _, version = str(value).rpartition(" ")
            versions[name or key.removesuffix("_version")] = version
        elif key in CONDITIONS:
            conditions[key] = int(value) if str(value).isdigit() else value
    return versions, conditions


def measure(
    build: Build, family: Family, tier: Tier, *, padding: int
) -> dict[str, dict[str, Any]]:
    """One process; for every member what goes into its line."""
    if not family.iterations:
        return {member: _failed(family.note or "no pilot", 0.0) for member in family.members}
    argv = [
        *_argv(build, family),
        f"--benchmark_repetitions={family.load['blocks']}",
        "--benchmark_enable_random_interleaving=true",
    ]
    if family.injected:
        argv += ["--inject", ",".join(map(str, tier.inject))]
    timeout_s = max(TIMEOUT_MIN_S, TIMEOUT_FACTOR * blocks_s(family, tier))
    watch = machine.Watch()
    with json_file() as path:
        counts = path.with_name("iterations.json")
        counts.write_text(json.dumps(family.iterations), "utf-8")
        done = execute(
            [*argv, "--iterations", str(counts), "--json", str(path)],
            timeout_s=timeout_s,
            cpus=_cpus(family),
            padding=padding,
        )
        content, wrong = read_json(path)
    covariates = watch.covariates(done)
    results = _results(content)
    shared = {"seconds": round(done.seconds, 3), "covariates": covariates}
    return {
        member: {**_line(results.get(family.case(member)), done, wrong), **shared}
        for member in family.members
    }


def _line(result: dict[str, Any] | None, done: Finished, wrong: str | None) -> dict[str, Any]:
    if result is None:
        return _failed(done.failure or wrong or "the program did not measure it", done.seconds)
    if result.get("error"):
        return _failed(str(result["error"]), done.seconds)
    blocks = result.get("blocks") or []
    if not blocks:
        return _failed("no blocks", done.seconds)
    # A crash after this member's result spoils the process: its time is not to be trusted either.
    if done.returncode < 0:
        return _failed(done.failure or "died", done.seconds)
    metrics = {"time_ns": _median_ns(result), "block_iterations": result.get("iterations")}
    if any(result.get("thread_cpu_ns") or []):
        metrics["thread_cpu_ns"] = float(statistics.median(result["thread_cpu_ns"]))
    for name, value in (result.get("counters") or {}).items():
        metrics.setdefault(name, value)
    return {"status": "ok", "reason": None, "metrics": metrics, "repetitions": blocks}


def _failed(reason: str, seconds: float) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 3),
        "status": "failed",
        "reason": reason,
        "metrics": {},
        "repetitions": [],
        "covariates": {},
    }


def _results(content: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(content, dict):
        return {}
    return {result["case"]: result for result in content.get("benchmarks", [])}


def _first_error(results: dict[str, dict[str, Any]]) -> str | None:
    return next((str(r["error"]) for r in results.values() if r.get("error")), None)


def _median_ns(result: dict[str, Any]) -> float:
    return float(statistics.median(ns for _, ns in result["blocks"]))


def _counter(result: dict[str, Any] | None, name: str, default: float) -> float:
    return float(((result or {}).get("counters") or {}).get(name, default))


def _cpus(family: Family) -> list[int] | None:
    """Codecs stay on one CPU, away from this command; a model's threads spread as they would, and
    so do those that encode side by side."""
    alone = family.kind == "codec" and "_threads" not in family.id
    return [machine.cpus()[-1]] if alone else None
