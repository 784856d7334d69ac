# SPDX-License-Identifier: MIT
"""A run as Google Benchmark JSON, with one `iteration` entry per *process*: so that its compare.py,
and whatever else reads the format, tests the right unit of replication."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from . import judge, store

# Keys that the format defines; a counter of such a name would be a duplicate key.
RESERVED = frozenset(
    "name family_index per_family_instance_index run_name run_type repetitions repetition_index"
    " threads iterations real_time cpu_time time_unit error_occurred error_message label"
    " aggregate_name aggregate_unit bytes_per_second items_per_second".split()
)


def main(folder: Path) -> int:
    run, samples = store.load(folder)
    content = convert(run, samples.lines)
    if not content["benchmarks"]:
        print("assay: the run has no process that counts", file=sys.stderr)
    print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    return 0


def convert(run: dict[str, Any], lines: list[store.Line]) -> dict[str, Any]:
    discarded = {family.id: family.discarded for family in judge.judge(run, lines).families}
    order = {
        f"{family['id']}/{member}": (index, place)
        for index, family in enumerate(run["families"])
        for place, member in enumerate(family["members"])
    }
    left_out = {"failed": 0, "discarded": 0}
    entries = []
    for line in lines:
        if line["case"] not in order:
            continue
        if line["status"] != "ok":
            left_out["failed"] += 1
        elif (line["member"], line["round"]) in discarded[line["family"]]:
            left_out["discarded"] += 1
        else:
            entries.append((order[line["case"]], line["round"], _entry(line, order)))
    entries.sort(key=lambda entry: entry[:2])
    benchmarks = [entry for _, _, entry in entries]
    seen: Counter[str] = Counter()
    for entry in benchmarks:
        entry["repetition_index"] = seen[entry["name"]]
        seen[entry["name"]] += 1
    for entry in benchmarks:
        entry["repetitions"] = seen[entry["name"]]
    return {"context": _context(run, left_out), "benchmarks": benchmarks}


def _context(run: dict[str, Any], left_out: dict[str, int]) -> dict[str, Any]:
    environment = run["environment"]
    return {
        "date": run["created"],
        "executable": "assay",
        "num_cpus": environment["cores"] * environment.get("threads_per_core", 1),
        "load_avg": [environment.get("load1", 0.0)],
        "library_build_type": "release" if run["build"]["fit"] else "debug",
        "json_schema_version": 1,
        "assay_run": run["id"],
        "assay_commit": run["commit"],
        "assay_unit": "one entry per process",
        "assay_left_out": left_out,
    }


def _entry(line: store.Line, order: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """In process: the median of the process's blocks. Services: real_time is the median latency,
    cpu_time the server's CPU time per request, both at the stated rate."""
    metrics = line["metrics"]
    if line["kind"] == "service":
        real, cpu = metrics["p50_ns"], metrics["cpu_ns_per_request"]
    else:
        real, cpu = metrics["time_ns"], metrics.get("thread_cpu_ns", metrics["time_ns"])
    family_index, place = order[line["case"]]
    entry = {
        "name": line["case"],
        "family_index": family_index,
        "per_family_instance_index": place,
        "run_name": line["case"],
        "run_type": "iteration",
        "repetitions": 0,
        "repetition_index": 0,
        "threads": 1,
        "iterations": int(metrics.get("block_iterations") or metrics.get("answered") or 1),
        "real_time": real,
        "cpu_time": cpu,
        "time_unit": "ns",
        "repetition_times_ns": [ns for _, ns in line.get("repetitions", [])],
    }
    for key, value in {**metrics, **(line.get("covariates") or {})}.items():
        number = isinstance(value, (int, float)) and math.isfinite(value)
        if number and key not in entry and key not in RESERVED:
            entry[key] = value
    return entry
