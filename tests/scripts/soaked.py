# SPDX-License-Identifier: MIT
"""Soaks whose truth is known: lines as `assay soak` writes them."""

from __future__ import annotations

import math
import random
from typing import Any

from assaylib.soak import tails, verdicts

HOUR_S, STRETCH_S = 3600.0, 60.0
MIB = 1 << 20


def stretches(
    model: str = "event_loop",
    *,
    hours: float = 1.0,
    leak: float = 0.0,
    descriptors: float = 0.0,
    slower: float = 0.0,
    dearer: float = 0.0,
    machine: float = 0.0,
    jump_at: float | None = None,
    noise: float = 0.05,
    gaps: float = 0.0,
    seed: int = 1,
    first: int = 0,
    **changed: Any,
) -> list[dict[str, Any]]:
    """Lines of a server that grows by so many bytes and descriptors and whose p99 and CPU time per request rise by
    so large a share, all over the whole time; its heap is warm after five minutes. machine: what it is by which
    the p99 of all rises, minute by minute. gaps: by how much the p99 of a whole minute scatters besides, as a
    standard deviation of its logarithm; one minute in twenty is a hundred times as long."""
    chance, shared, lines = random.Random(seed), random.Random(0), []
    rough = random.Random(f"gaps/{seed}")
    count = round(hours * HOUR_S / STRETCH_S)
    for i in range(count):
        at = (i + 0.5) * STRETCH_S
        share = at / (hours * HOUR_S)
        jump = 8 * MIB if jump_at is not None and share > jump_at else 0
        warm = 4 * MIB * min(1.0, at / 300)
        timeline = [
            {
                "at_s": at + 6 * k - 27,
                "rss_bytes": int(20 * MIB + warm + leak * share + jump + chance.randrange(40_000)),
                "descriptors": 71 + int(descriptors * share),
                "threads": 3,
            }
            for k in range(10)
        ]
        p99 = 2e6 * (1 + slower * share) * math.exp(chance.gauss(0, noise))
        p99 *= 1 + machine * share * shared.uniform(0.5, 1.5)
        gap = math.exp(rough.gauss(0, gaps)) * (100 if rough.random() < 0.05 else 1) if gaps else 1.0
        metrics = {
            "p99_ns": round(p99 * gap),
            "max_ns": round(10 * p99),
            "cpu_ns_per_request": 20e3 * (1 + dearer * share) * math.exp(shared.gauss(0, 0.02)),
            "answered": 60_000,
            "failed": 0,
            "wrong": 0,
            "offered": 60_000,
            "unsent": 0,
        }
        line = {
            **{"schema": 1, "kind": "service", "family": f"soak/{model}", "case": f"soak/{model}/{model}"},
            **{
                "member": model,
                "round": i + 1,
                "process": first + i,
                "attempt": 0,
                "started": "2026-11-20T11:00:00Z",
            },
            **{
                "seconds": 60.0,
                "status": "ok",
                "reason": None,
                "at_s": at,
                "metrics": metrics,
                "timeline": timeline,
                "second_p99_ns": [round(p99)] * 3,
            },
            "covariates": {"steal_percent": 1.0},
        }
        lines.append(line)
    lines[-1]["final"] = {"lost": 0, "drain_ns": 1000}
    for key, value in changed.items():
        lines[count // 2]["metrics"][key] = value
    return lines


def told(lines: list[dict[str, Any]], hours: float = 1.0) -> verdicts.Verdict:
    return verdicts.judge("event_loop", lines, 1000.0, hours * HOUR_S, connections=64)


def asked_after(
    lines: list[dict[str, Any]], nothing: list[dict[str, Any]], times: float = 1.0
) -> list[dict[str, Any]]:
    for line, each in zip(lines, nothing, strict=True):
        line["yardstick"] = {key: each[key] for key in ("status", "reason", "metrics", "covariates")}
        line["yardstick"]["second_p99_ns"] = [times * ns for ns in each["second_p99_ns"]]
        line["yardstick"]["metrics"]["p99_ns"] *= times
    return lines


def judged_alone(lines: list[dict[str, Any]]) -> verdicts.Verdict:
    return verdicts.judge("event_loop", lines, 1000.0, HOUR_S, connections=64, yardstick=tails.nothing(lines))
