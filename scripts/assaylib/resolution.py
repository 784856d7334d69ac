# SPDX-License-Identifier: MIT
"""The machine of a run, and what it can resolve (METHOD 1.12)."""

from __future__ import annotations

from . import judge, words
from .about import cores
from .judge import Judgement


def resolution(judged: Judgement) -> list[tuple[str, str]]:
    """The machine, and what it can resolve."""
    run = judged.run
    environment, figures = run.get("environment") or {}, run.get("machine") or {}
    cpu = environment.get("cpu")
    name = (
        f"{cpu.get('model', 'unknown')} ({cpu.get('architecture', '?')})"
        if isinstance(cpu, dict)
        else str(cpu or "unknown")
    )
    rows = [
        (
            "Processor",
            (
                f"{name},"
                f" {words.counted(cores(run), 'logical CPU') if cores(run) else 'cores unknown'}"
            ),
        )
    ]
    where = environment.get("hypervisor")
    rows.append(
        (
            "Runs on",
            (
                f"a virtual machine ({where})"
                if where and str(where) not in ("none seen", "none")
                else "bare metal, as far as can be seen"
            ),
        )
    )
    system = [str(environment[k]) for k in ("distribution", "os", "kernel") if environment.get(k)]
    rows.append(("System", ", ".join(system) or "unknown"))

    def ns(*names: str) -> str | None:
        value = next((figures[n] for n in names if isinstance(figures.get(n), (int, float))), None)
        if value is None:
            return None
        return (
            f"{words.fixed(value, 1)} ns" if value < 1000 else f"{words.fixed(value / 1000, 1)} µs"
        )

    clock, late50, late99 = ns("clock_cost_ns"), ns("timer_late_p50_ns"), ns("timer_late_p99_ns")
    same, other = ns("wake_same_cpu_p50_ns", "wake_same_core_ns"), ns(
        "wake_other_cpu_p50_ns", "wake_cross_core_ns"
    )
    if clock:
        rows.append(("Reading the clock", clock))
    if late50 and late99:
        rows.append(
            (
                "A timer is late by",
                f"{late50} (median), {late99} (p99): tails below that are the machine's",
            )
        )
    if same or other:
        parts = [f"{same} on the same CPU" if same else "", f"{other} on another" if other else ""]
        rows.append(("Waking a thread", ", ".join(p for p in parts if p)))
    loop = next(
        (
            figures[k]
            for k in ("loop_wall_iqr_percent", "loop_variation_percent")
            if figures.get(k) is not None
        ),
        None,
    )
    if loop is not None:
        rows.append(("A fixed loop varies by", f"{words.fixed(float(loop), 1)} % (interquartile)"))
    if figures.get("steal_percent") is not None:
        rows.append(
            (
                "Stolen by the host",
                (
                    f"{words.fixed(float(figures['steal_percent']), 2)} % while this was"
                    f" measured{_steal(judged)}"
                ),
            )
        )
    counters = figures.get("hardware_counters")
    if counters is not None:
        rows.append(
            (
                "Hardware counters",
                {True: "yes", False: "none", "yes": "yes"}.get(counters, f"none: {counters}"),
            )
        )
    if not figures:
        rows.append(("Resolution", "was not measured in this run"))
    return rows


def _steal(judged: Judgement) -> str:
    seen = [
        float(s["covariates"]["steal_percent"])
        for f in judged.families
        for s in [*f.discarded.values(), *(s for r in f.samples.values() for s in r.values())]
        if (s.get("covariates") or {}).get("steal_percent") is not None
    ]
    return (
        f"; {words.fixed(judge.median(seen), 1)} % in the median process,"
        f" {words.fixed(max(seen), 1)} % at most"
        if seen
        else ""
    )
