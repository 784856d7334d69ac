# SPDX-License-Identifier: MIT
"""What HTTP costs alone: from parts_bench, in fresh processes at the beginning of a run with services.

A request through a socket pair, less as many bytes through one that nobody looks at: parsing it and
writing the answer's head, in a process whose caches are warm. And parsing an answer, as a server does
that asks another service.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .. import machine
from ..plan import Plan
from ..programs import Build, execute, json_file, read_json

PROCESSES = 7  # an interval takes six
REPETITIONS, MIN_TIME_S = 25, 0.001
TIMEOUT_S = 60.0
Blocks = Sequence[Sequence[float]]
REQUEST, FLOOR, RESPONSE = (
    "parts/http_exchange/socketpair",
    "parts/floor/socketpair",
    "parts/http_parse/response",
)


def measure(build: Build, made: Plan, say: Callable[[str], None]) -> dict[str, list[float]]:
    """{"request_ns": [one per process], "response_ns": [...]}, or nothing, with a word about why."""
    path = build.find("parts_bench")
    if path is None or not any(family.kind == "service" for family in made.families):
        return {}
    found: dict[str, list[float]] = {"request_ns": [], "response_ns": []}
    argv = [
        str(path),
        f"--benchmark_filter=^({REQUEST}|{FLOOR}|{RESPONSE})$",
        f"--benchmark_repetitions={REPETITIONS}",
        f"--benchmark_min_time={MIN_TIME_S}",
        "--benchmark_enable_random_interleaving=true",
    ]
    for _ in range(PROCESSES):
        with json_file() as out:
            cpus = [machine.cpus()[0]]  # where servers run
            done = execute([*argv, "--json", str(out)], timeout_s=TIMEOUT_S, cpus=cpus)
            content, wrong = read_json(out)
        blocks = {} if wrong else _blocks(content)
        if done.failure or not {REQUEST, FLOOR, RESPONSE} <= set(blocks):
            say(f"assay: what HTTP costs alone is not known: {done.failure or wrong or 'no figures'}")
            return {}
        found["request_ns"].append(round(beyond(blocks[REQUEST], blocks[FLOOR]), 3))
        found["response_ns"].append(round(statistics.median(ns for _, ns in blocks[RESPONSE]), 3))
    return found


def beyond(ours: Blocks, floor: Blocks) -> float:
    """Median difference of each block to the floor's nearest in time: [slot, ns] each."""
    return statistics.median(
        ns - min(floor, key=lambda other: abs(other[0] - slot))[1] for slot, ns in ours
    )


def _blocks(content: Any) -> dict[str, Blocks]:
    return {
        each["case"]: each["blocks"]
        for each in content.get("benchmarks") or []
        if each.get("blocks")
    }
