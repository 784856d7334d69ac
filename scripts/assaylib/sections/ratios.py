# SPDX-License-Identifier: MIT
"""Every ratio to the baseline with its interval and verdict: the data of the forest plots, at the head
of the section of its kind; and the same as sentences."""

from __future__ import annotations

import math
from typing import Sequence

from .. import answer_formats, judge, members, operations, sentences, words
from ..about import operation, shape_only, subject
from ..blocks import Block, Cell, Column, Table, Text
from ..figures import p_value, slid, slide_notes
from ..judge import Estimate, Family, Judgement


def compared(judged: Judgement, kind: str) -> list[Block]:
    """Sentences, then tables; nothing without families of that kind."""
    families = judged.kind(kind)
    said = sentences.sentences(judged, kind)
    return [Text("**In sentences**"), said, *tables(judged, kind)] if families else []


def tables(judged: Judgement, kind: str) -> list[Table]:
    families = judged.kind(kind)
    if kind == "codec":
        families = operations.headlines(families)
        if members.wide(judged.run, families):
            return answer_formats.tables(judged, families)
    return [
        _table(judged, families, kind, metric)
        for metric in judge.JUDGED[kind]
        if any(c.metric == metric for f in families for c in f.comparisons)
    ]


HEADINGS = {
    "codec": "Codecs: time per operation",
    "model": "Models in process: time per request",
    "service": "Services: CPU per request",
}
ABSOLUTE = {
    "time_ns": "median, ns",
    "cpu_ns_per_request": "median, µs",
    "closed_hz": "median, requests/s",
}


def _table(judged: Judgement, families: Sequence[Family], kind: str, metric: str) -> Table:
    *_, counts, _, divisor = words.METRICS[metric]
    baseline = words.label(families[0].baseline)
    levels = {(f.id, m): f.level(m, metric) for f in families for m in f.candidates}
    figures = [
        math.exp(c.estimate.median)
        for f in families
        for c in f.comparisons
        if c.metric == metric and c.estimate
    ]
    places = min(3, words.column(figures))
    heading = "Services: closed-loop throughput" if metric == "closed_hz" else HEADINGS[kind]
    alphas = words.listed(words.confidence(a) for a in sorted({f.alpha for f in families}))
    both = " in both metrics" if len(judge.JUDGED[kind]) == 2 else ""
    table = Table(
        f"{heading}; ratio counts {counts} relative to {baseline} (each interval at {alphas}, so that"
        f" all of one family{both} hold together at 95 %)",
        [
            Column("payload" if kind == "codec" else "workload"),
            Column("member"),
            Column(ABSOLUTE[metric], True),
            Column("ratio", True),
            Column("interval", True),
            Column("rounds", True),
            Column("δ", True),
            Column("p (Holm)", True),
            Column("verdict"),
        ],
        widths=[13, 12, 11, 8, 12, 6, 7, 8, 23],
        shows=(f"forest-{kind}",),
    )
    known = [e.median / divisor for e in levels.values() if e]
    decimals = 0 if min(known, default=0) >= 30 and metric != "cpu_ns_per_request" else 1
    for family in families:
        for i, member in enumerate(family.candidates):
            if i and family.compared(member, metric) is None:
                continue
            level = levels[family.id, member]
            mark = " ‡" if kind == "service" and shape_only(judged, family, member) else ""
            table.add(
                Cell(f"{subject(family)} {operation(family)}".strip() if i == 0 else "", "head" * (i == 0)),
                words.label(member) + mark,
                words.fixed(level.median / divisor, decimals) if level else "–",
                *_compared(family, member, metric, places),
            )
    if any(c.text.endswith("‡") for row in table.rows for c in row):
        table.notes.append(
            "‡ more threads than this machine has cores: shape only, not a figure for a machine"
            " with enough of them."
        )
    table.notes += slide_notes(families, metric, numbers=False)
    return table


def _compared(family: Family, member: str, metric: str, places: int) -> list[str | Cell]:
    """Ratio, interval, rounds, δ, p and verdict; of the baseline itself, what there is of them."""
    delta = family.deltas[metric]
    if member == family.baseline:
        count = str(len(family.series(member, metric)))
        return [words.fixed(1, places), "", count, words.margin(delta), "", Cell("baseline", "soft")]
    comparison = family.compared(member, metric)
    assert comparison
    estimate: Estimate | None = comparison.estimate
    return [
        words.fixed(math.exp(estimate.median), places) + slid(comparison) if estimate else "–",
        words.interval(estimate, places, "–") if estimate and estimate.interval else "–",
        str(len(estimate.values)) if estimate else "0",
        "",
        p_value(comparison.p_holm),
        Cell(
            f"{words.MARKS[comparison.verdict]} {words.verdict(comparison, delta)}",
            comparison.verdict.replace(" ", "-"),
        ),
    ]
