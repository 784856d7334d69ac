# SPDX-License-Identifier: MIT
"""The table of page one: a row per case, who is best in it, tied with whom, and by how much."""

from __future__ import annotations

import math
from typing import Sequence

from . import glossary, members, operations, ties, words
from .about import operation, shape_only, subject
from .blocks import Cell, Column, Table
from .figures import mean_bytes, slid
from .judge import JUDGED, Family, Judgement, TieSet, order_interval

#: kind and metric → what its rows are called, and how the baseline's figure is written.
GROUPS = {
    ("model", "time_ns"): ("In process", "ns"),
    ("service", "cpu_ns_per_request"): ("Sockets, CPU", "µs"),
    ("service", "closed_hz"): ("Sockets, rate", "/s"),
}


def standings(judged: Judgement) -> Table:
    table = Table(
        "Best of each case: so many times as fast as the baseline; over sockets, so many times its requests"
        " per CPU second, or per second",
        [
            Column(""),
            Column("case"),
            Column("baseline"),
            Column("best here (tied with)"),
            Column("ratio", True),
            Column("interval", True),
            Column("claim"),
        ],
        widths=[12, 13, 16, 23, 7, 10, 19],
    )
    left_out = _codecs(judged, table)
    for (kind, metric), (title, unit) in GROUPS.items():
        families = [f for f in judged.kind(kind) if any(c.metric == metric for c in f.comparisons)]
        for i, family in enumerate(families):
            best = next((t for t in family.ties if t.metric == metric), None)
            case = subject(family) + (" ‡" if _shape_only(judged, family) else "")
            _add(table, title if i == 0 else "", case, family, metric, unit, best)
    table.notes += _notes(judged, table, left_out)
    return table


def _codecs(judged: Judgement, table: Table) -> list[str]:
    """Adds the rows; returns who competes for no place in them."""
    families = operations.headlines(judged.kind("codec"))
    codecs = members.of(judged.run, families)
    payloads = members.single(families)
    for name in dict.fromkeys(map(operation, families)):
        mine = [f for f in families if operation(f) == name and subject(f) in payloads]
        for i, family in enumerate(mine):
            rivals = [m for m in family.candidates if codecs[m].competes]
            best = ties.among(family, rivals, "time_ns", False)
            size = mean_bytes([family], family.baseline)
            case = subject(family) + (f", {words.size(size)}" if size else "")
            _add(table, operations.title(name).capitalize() if i == 0 else "", case, family, "time_ns", "ns", best)
    return [codec.label for codec in codecs.values() if not codec.competes]


def _add(
    table: Table, title: str, case: str, family: Family, metric: str, unit: str, best: TieSet | None
) -> None:
    level = family.level(family.baseline, metric)
    figure = f" {_figure(level.median / words.METRICS[metric][4], unit)}" if level else ""
    table.add(
        Cell(title, "head" if title else ""),
        case,
        f"{words.label(family.baseline)}{figure}",
        *_best(family, metric, best),
    )


def _best(family: Family, metric: str, best: TieSet | None) -> list[str | Cell]:
    if best is None:
        return ["–", "–", "–", Cell("no number", "no-number")]
    others = [words.label(m) for m in family.candidates if m in best.members and m != best.best]
    name = words.label(best.best)
    if not best.resolved:
        name = "not to be ranked"
    elif others:
        name += f" ({', '.join(others)})"
    comparison = family.compared(best.best, metric)
    estimate = comparison.estimate if comparison else None
    if not best.resolved:
        why = family.uncalibrated.get(metric) and "no A/A of its own"
        few = f"none: too few rounds with {_too_few(family, metric, best.best)}"
        if estimate and not estimate.interval:
            few = f"none: {len(estimate.values)} of {estimate.needed} rounds"
        return [name, "–", "–", Cell(why or few, "no-interval")]
    if comparison is None or estimate is None:
        return [name, "1", "", Cell("the baseline itself", "soft")]
    delta = family.deltas[metric]
    return [
        name,
        words.ratio(math.exp(estimate.median)) + slid(comparison),
        words.interval(estimate, None, "\u2060–\u2060"),
        Cell(
            f"{words.MARKS[comparison.verdict]} {words.short(comparison, delta)}",
            comparison.verdict.replace(" ", "-"),
        ),
    ]


def _too_few(family: Family, metric: str, best: str) -> str:
    """Who has no interval against it."""
    more = JUDGED[family.kind][metric]
    pairs = {m: family.advantages(best, m, metric, more) for m in family.candidates if m != best}
    return words.listed(words.label(m) for m, v in pairs.items() if not order_interval(v, family.alpha))


def _figure(value: float, unit: str) -> str:
    return words.fixed(value, 0 if value >= 100 else 1) + ("" if unit == "/s" else words.SPACE) + unit


def _shape_only(judged: Judgement, family: Family) -> bool:
    return any(shape_only(judged, family, m) for m in family.candidates)


def _notes(judged: Judgement, table: Table, left_out: Sequence[str]) -> list[str]:
    texts = [cell.text for row in table.rows for cell in row]
    notes = [
        "The baseline's figure is the median of its processes; ratio and interval are those of the one"
        " named first. Tied: not separated from it, and no order among them. ▲ better and ▼ worse than the"
        " baseline by more than the margin, ◆ equivalent (inside the margin), ○ not resolved here, which is"
        " not equal (in full: under Method). Every member of every case, with its margin δ: under"
        " Codecs, Models in process and Services."
    ]
    models = [*judged.kind("model"), *judged.kind("service")]
    names = [*members.single(operations.headlines(judged.kind("codec"))), *map(subject, models)]
    known = glossary.said([*names, *(m for f in models for m in f.candidates)])
    notes += [f"{known}."] if known else []
    if left_out:
        notes.append(
            f"{words.listed(left_out)}: under Codecs only, since not a library or not on the struct"
            " that the others share."
        )
    if any(words.SLIDES in text for text in texts):
        notes.append(
            f"{words.SLIDES} the ratio slides with the machine's speed: both its ends are under Codecs or"
            " Models, and “at least” is no better than the worse."
        )
    if any(text.endswith("‡") for text in texts):
        notes.append("‡ with more threads than this machine has cores: shape only.")
    return notes
