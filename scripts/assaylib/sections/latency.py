# SPDX-License-Identifier: MIT
"""Latency of services at the fixed rate: described, with ratios to the baseline, never judged."""

from __future__ import annotations

import math
from typing import Callable

from .. import words
from ..blocks import Block, Cell, Column, Table
from ..figures import few, marked, middle, spread
from ..intervals import ALPHA
from ..judge import Family, Judgement
from ..verdicts import Estimate


def latency(judged: Judgement, family: Family, name: Callable[[str], str]) -> Table:
    table = Table(
        (
            "Latency at the fixed rate, from the planned send time, µs: median of rounds;"
            " described, not judged"
        ),
        [
            Column("model"),
            Column("p50", True),
            Column("lowest–highest", True),
            Column("p99", True),
            Column("lowest–highest", True),
            Column("p99.9", True),
            Column("longest", True),
            Column("generator's lag p99", True),
        ],
        shows=("service-cost",),
    )
    timers = (judged.run.get("machine") or {}).get("timer_late_p99_ns")
    any_below = False
    for m in family.candidates:
        p99 = family.level(m, "p99_ns")
        below, late = bool(timers and p99 and p99.median < timers), m in family.tails
        any_below = any_below or below
        table.add(
            name(m),
            *marked(spread(family, m, "p50_ns", 1e3, 0), late),
            *marked(spread(family, m, "p99_ns", 1e3, 0), below or late),
            middle(family, m, "p999_ns", 1e3, mark=" †" if late else ""),
            middle(family, m, "max_ns", 1e3, mark=" †" if late else ""),
            middle(family, m, "lag_p99_ns", 1e3),
        )
        why = family.why_withheld(m, "p99_ns")
        if why:
            table.notes.append(f"{words.label(m)}: latency withheld: {why}.")
    table.notes += few(family, family.candidates)
    if any_below:
        table.notes.append(
            f"† below this machine's own timer lateness (p99 {words.fixed(timers / 1000, 0)} µs): the"
            " machine's tail, not the server's."
        )
    for why, names in family.tails_by(family.candidates).items():
        table.notes.append(
            f"† {why}, so this is the machine's latency and not the server's alone: "
            + ". ".join(f"{words.label(m)}: {family.tails[m]}" for m in names)
            + "."
        )
    return table


def apart(family: Family, name: Callable[[str], str]) -> Table:
    """Fast requests among heavy ones: what do those behind which they stand do to them?"""
    table = Table(
        "Latency of fast and of heavy requests apart, µs: median of rounds; described, not judged",
        [
            Column("model"),
            *(Column(f"{kind} {p}", True) for kind in ("fast", "heavy") for p in ("p50", "p99")),
        ],
    )
    for m in family.candidates:
        figures = (f"{kind}_{p}_ns" for kind in ("fast", "heavy") for p in ("p50", "p99"))
        mark = " †" if m in family.tails else ""
        table.add(name(m), *(middle(family, m, figure, 1e3, mark=mark) for figure in figures))
    if family.tails_by(family.candidates):
        table.notes.append("† the machine's latency and not the server's alone: see the table before.")
    return table


def latency_ratios(judged: Judgement, family: Family, name: Callable[[str], str]) -> list[Block]:
    """p50 and p99 against the baseline, from pairs of the same round."""
    baseline = words.label(family.baseline)
    table = Table(
        f"p50 and p99 against {baseline}: above 1 is shorter. Described, not judged: each interval by"
        " itself (95 %), not among the family's simultaneous claims",
        [
            Column("model"),
            Column("rounds", True),
            Column("p50 ratio", True),
            Column("interval", True),
            Column("p99 ratio", True),
            Column("interval", True),
            Column("whose"),
        ],
    )
    rivals = [m for m in family.candidates if m != family.baseline]
    same = [m for m, form in (family.plan.get("aliases") or {}).items() if form == "same"]
    for m in [*rivals, *same]:
        found = [
            Estimate.of(values, ALPHA) if values else None
            for values in (
                family.advantages(m, family.baseline, metric, False)
                for metric in ("p50_ns", "p99_ns")
            )
        ]
        if not any(found):
            continue
        cells = []
        for e in found:
            cells.append(words.fixed(math.exp(e.median), 3) if e else "–")
            cells.append(words.interval(e, 3, "–") or "–" if e else "–")
        whose = [who for who in (m, family.baseline) if who in family.tails]
        table.add(
            Cell(f"{words.label(m)} (A/A)", "soft") if m in same else name(m),
            str(max(len(e.values) for e in found if e)),
            *cells,
            Cell(f"† the machine's (beside {words.listed(map(words.label, whose))})", "soft")
            if whose
            else "the servers'",
        )
    if not table.rows:
        return []
    table.notes.append(
        f"Pairs of one round, {baseline}'s latency ÷ the model's. An interval that excludes 1 here is no"
        " verdict; hold it against the A/A row, which compares the same program with itself."
        + (" † what is the machine's is part of both figures." if family.tails else "")
    )
    return [table]
