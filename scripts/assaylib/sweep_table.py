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
from .verdicts import BETTER

METRIC, CPU, OTHER = "closed_hz", "cpu_ns_per_request", "other_p50_ns"


@dataclass(frozen=True)
class Choice:
    """Of one model. Ratios of throughput, from the even rounds."""

    family: Family
    tuned: str  #: the default, if nothing was better in the odd rounds
    worst: str
    gain: Estimate | None  #: tuned over default; None: it is the default
    why_stays: str  #: the default is good enough, because …; empty: it is not
    loss: Estimate | None  #: the better of the two over the worst
    below: Estimate | None  #: the default over the worst; None: it is the default


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
    gains = {family.baseline: 0.0, **gains}
    tuned = max(gains, key=gains.__getitem__)
    gain = _estimate(_half(family, tuned, family.baseline, False)) if tuned != family.baseline else None
    why = _why_stays(family, tuned, gain)
    kept = family.baseline if why else tuned
    worst = min((m for m in gains if m != kept), key=gains.__getitem__)
    loss = _estimate(_half(family, kept, worst, False))
    below = _estimate(_half(family, family.baseline, worst, False)) if worst != family.baseline else None
    return Choice(family, tuned, worst, gain, why, loss, below)


def _why_stays(family: Family, tuned: str, gain: Estimate | None) -> str:
    """Why what a setting gains over the default is not enough; empty: it is."""
    if tuned == family.baseline:
        return "no setting had a higher throughput than the default in the odd rounds"
    if gain is None or gain.interval is None:
        return "which are too few to tell"
    if not family.bound_allows(tuned, family.baseline, METRIC, BETTER):
        return "where the rig was the limit: what the default serves is at least that"
    low, floor, margin = gain.interval[0], family.floors.get(METRIC), family.deltas.get(METRIC, 0.0)
    if low <= 0:
        return "which is less" if gain.interval[1] < 0 else "which is not told from 1"
    if low <= math.log1p(floor or 0.0):
        return "which is not told from the default's own spread"
    if low <= math.log1p(margin):
        return f"which is told from the default, but not shown to be more than the margin of {words.margin(margin)}"
    return ""


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
    if not tuned or not default:
        return ""
    rate = choice.family.plan["load"].get("rate_hz")  # behind sockets; else it is of the closed loop, too
    at = f" (that at a fixed rate of {words.fixed(rate, 0)} requests/s)" if rate else ""
    return f", at {tuned.median / default.median:.2f} × its CPU time per request{at}"


def verdict(choice: Choice) -> str:
    """A sentence per model."""
    load = choice.family.plan["load"]
    model = f"{load['model']}, {about(load)}"
    if choice.tuned == choice.family.baseline:
        said = f"{model}: {choice.why_stays}: it stays"
    elif choice.why_stays:
        said = (
            f"{model}: {choice.tuned} came out best in the odd rounds and is {_ratio(choice.gain)} the default"
            f" in the even ones, {choice.why_stays}: the default stays"
        )
    else:
        said = (
            f"{model}: {choice.tuned} serves {_ratio(choice.gain)} the default's requests in the even rounds,"
            f" which had no say in choosing it{_cost(choice)}"
        )
    return f"{said}. {_wrong(choice)}"


def _wrong(choice: Choice) -> str:
    """How far a wrong setting would have been from the right one; of what is not told no distance."""
    family, loss, below = choice.family, choice.loss, choice.below
    kept = family.baseline if choice.why_stays else choice.tuned
    if kept != family.baseline and not (below and below.interval and below.interval[0] > 0):
        return f"No setting was told to be worse than the default, which is then the wrong one ({_ratio(choice.gain)})."
    if not family.bound_allows(kept, choice.worst, METRIC, BETTER):
        return "How far a wrong setting is away cannot be told: the rig was the limit."
    if loss and loss.interval and loss.interval[0] > 0:
        return f"A wrong setting ({choice.worst}) is {_ratio(loss)} away: {kept} over it."
    found = f"{kept} over it: {_ratio(loss)}"
    if loss is None or loss.interval is None:
        return f"How far a wrong setting ({choice.worst}) is away cannot be told from so few rounds ({found})."
    told = "better" if loss.interval[1] < 0 else "not told from it"
    return f"What came out worst in the odd rounds ({choice.worst}) is {told} in the even ones ({found})."


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
                ("≥ " if member in family.bounded else "") + words.fixed(level.median, 0) if level else "–",
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
    return "\n".join([*lines, *map(conditions, judged.families[:1])]).strip("\n")


def conditions(family: Family) -> str:
    """What the columns are figures of."""
    load = family.plan["load"]
    return (
        f"Requests/s: in a closed loop of {load['connections']} connections (`rpc` behind sockets), of some that"
        " pipeline while another asks for one at a time (others wait: its median), or in process, where one thread"
        " shares one CPU with its client and several are not pinned. CPU per request: in the same loop, but behind"
        " sockets at a fixed rate, the same for all settings of a model. Medians of rounds; throughput ÷ default is"
        " the median over pairs of one round, and need not be the quotient of two medians. Intervals of one model"
        " and work hold together at 95 %. ≥: the rig was the limit, and this is a bound from below"
    )


def section(run: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """The appendix of a report."""
    judged = judge.judge(run, samples.every)
    table = Table(conditions(judged.families[0]), [Column(name, i > 3) for i, name in enumerate(COLUMNS)])
    for family in judged.families:
        for i, (model, work, *cells) in enumerate(rows(family)):
            table.add(Cell(model if i == 0 else "", "head"), work if i == 0 else "", *cells)
    choices = [choose(family) for family in judged.families]
    return Section(
        "sweep",
        "Default and tuned settings",
        [
            Text(
                f"Run {run['id']}, of {run['created']}: threads, batch, spin and queue limit, one at a time away from the default,"
                f" each in fresh servers. The default is {run['sweep_defaults']}. The odd rounds choose"
                " what is called tuned; the even rounds say what that is worth."
            ),
            Items([verdict(choice) for choice in choices if choice]),
            table,
            Items([f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw]),
        ],
    )
