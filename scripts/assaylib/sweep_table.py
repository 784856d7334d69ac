# SPDX-License-Identifier: MIT
"""What a sweep says: which setting to take, what that gains, and what a wrong one would have cost.

The best of many looks better than it is. So the odd rounds choose (the highest median throughput
against the default), and the even rounds say what the choice is worth: they had no say in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from . import UsageError, judge, store, words
from .blocks import Cell, Column, Items, Raw, Section, Table, Text
from .intervals import ALPHA
from .judge import Estimate, Family
from .store import SWEEP_TIER as TIER

METRIC, CPU, OTHER = "closed_hz", "cpu_ns_per_request", "other_p50_ns"


@dataclass(frozen=True)
class Choice:
    """Of one model. Ratios of throughput, from the even rounds."""

    family: Family
    tuned: str  #: the default, if nothing was better in the odd rounds
    worst: str
    gain: Estimate | None  #: tuned over default; None: it is the default
    stays: bool  #: the default is good enough: the gain is not more than the A/A floor
    loss: Estimate | None  #: the better of the two over the worst


def about(load: dict[str, Any]) -> str:
    """The work that a family's settings were tried under."""
    said = {
        "in_process": f"`{load['workload']}` in process",
        "pipelined": f"`{load['workload']}`, pipelined",
    }
    return said.get(load.get("how", ""), f"`{load['workload']}` behind sockets")


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    run = store.read_run(folder)
    if run["tier"] != TIER:
        raise UsageError(f"{folder}: not a sweep")
    return run, store.read_samples(folder / "samples.jsonl")


def _half(family: Family, member: str, other: str, odd: bool) -> list[float]:
    return [value for number, value in family.paired(member, other, METRIC, True) if number % 2 == odd]


def choose(family: Family) -> Choice | None:
    """None without rounds to choose by."""
    odd = {m: _half(family, m, family.baseline, True) for m in family.candidates if m != family.baseline}
    gains = {m: judge.median(values) for m, values in odd.items() if values}
    if not gains:
        return None
    best, worst = (max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__))
    tuned = best if gains[best] > 0 else family.baseline
    gain = _estimate(_half(family, tuned, family.baseline, False)) if tuned != family.baseline else None
    floor = math.log1p(family.deltas.get(METRIC, 0.0))
    stays = not (gain and gain.interval and gain.interval[0] > floor)
    kept = family.baseline if stays else tuned
    return Choice(family, tuned, worst, gain, stays, _estimate(_half(family, kept, worst, False)))


def _estimate(values: Sequence[float]) -> Estimate | None:
    return Estimate.of(values, ALPHA) if values else None


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    interval = words.interval(estimate, 2, " to ")
    return f"{math.exp(estimate.median):.2f} ×" + (f" ({interval})" if estimate.interval else " (no interval)")


def _cost(choice: Choice) -> str:
    """What the tuned setting takes for it: a higher throughput may be bought with CPU time."""
    tuned, default = (choice.family.level(m, CPU) for m in (choice.tuned, choice.family.baseline))
    return f", at {tuned.median / default.median:.2f} × its CPU time per request" if tuned and default else ""


def verdict(choice: Choice) -> str:
    """A sentence per model."""
    load = choice.family.plan["load"]
    model = f"{load['model']}, {about(load)}"
    if choice.tuned == choice.family.baseline:
        said = f"{model}: no setting had a higher throughput than the default in the odd rounds: it stays"
    elif choice.stays:
        said = (
            f"{model}: {choice.tuned} came out best in the odd rounds and is {_ratio(choice.gain)} the default"
            " in the even ones, which is not told from the default's own spread: the default stays"
        )
    else:
        said = (
            f"{model}: {choice.tuned} serves {_ratio(choice.gain)} the default's requests in the even rounds,"
            f" which had no say in choosing it{_cost(choice)}"
        )
    kept = "default" if choice.stays else choice.tuned
    return f"{said}. A wrong setting ({choice.worst}) is {_ratio(choice.loss)} away: {kept} over it."


COLUMNS = (
    "model", "work", "setting", "", "requests/s", "CPU, µs/request", "others wait, µs", "throughput ÷ default",
    "interval", "rounds",
)  # fmt: skip


def rows(family: Family) -> list[list[str]]:
    """Every setting, with default and tuned named."""
    choice, table = choose(family), []
    for member in family.candidates:
        level, cpu, other = (family.level(member, metric) for metric in (METRIC, CPU, OTHER))
        c = family.compared(member, METRIC)
        e = c.estimate if c else None
        named = "default" if member == family.baseline else ""
        if choice and member != family.baseline:
            named = "tuned" if member == choice.tuned else "worst" if member == choice.worst else ""
        table.append(
            [
                family.plan["load"]["model"],
                about(family.plan["load"]),
                "as it comes" if member == family.baseline else member,
                named,
                words.fixed(level.median, 0) if level else "–",
                words.fixed(cpu.median / 1e3, 1 if cpu.median >= 1e4 else 2) if cpu else "–",
                words.fixed(other.median / 1e3, 0) if other else "–",
                "1.000" if member == family.baseline else words.fixed(math.exp(e.median), 3) if e else "–",
                words.interval(e, 3, " to ") if e and e.interval else "",
                str(len(family.series(member, METRIC))),
            ]
        )
    return table


def text(run: dict[str, Any], samples: store.Samples) -> str:
    """For a terminal."""
    judged = judge.judge(run, samples.every)
    lines = []
    for family in judged.families:
        table = [list(COLUMNS), *rows(family)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(COLUMNS))]
        padded = ("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) for cells in table)
        lines += [line.rstrip() for line in padded]
        choice = choose(family)
        lines += [verdict(choice) if choice else f"{family.id}: no rounds that count: nothing to choose by", ""]
    return "\n".join(lines).strip("\n")


def section(run: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """The appendix of a report."""
    judged = judge.judge(run, samples.every)
    load = judged.families[0].plan["load"]
    table = Table(
        f"A closed loop: of {load['connections']} connections (`{load['workload']}` behind sockets), of some that"
        " pipeline while another asks for one at a time (others wait: its median), or in process: median of rounds;"
        " intervals of one model and work hold together at 95 %",
        [Column(name, i > 3) for i, name in enumerate(COLUMNS)],
    )
    for family in judged.families:
        for i, (model, work, *cells) in enumerate(rows(family)):
            table.add(Cell(model if i == 0 else "", "head"), work if i == 0 else "", *cells)
    choices = [choose(family) for family in judged.families]
    return Section(
        "sweep",
        "Default and tuned settings",
        [
            Text(
                f"Run {run['id']}, of {run['created']}: every setting that has a default, one at a time away from it,"
                f" each in fresh servers. The default is {run['sweep_defaults']}. The odd rounds choose"
                " what is called tuned; the even rounds say what that is worth."
            ),
            Items([verdict(choice) for choice in choices if choice]),
            table,
            Items([f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw]),
        ],
    )
