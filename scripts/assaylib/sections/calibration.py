# SPDX-License-Identifier: MIT
"""The section on calibration: A/A, known slow-downs, absolute swing, every process."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, judge, stability, words
from ..blocks import Block, Cell, Column, Picture, Section, Table, Text
from ..calibration import FORMS, WHOLE
from ..charts import Chart
from ..judge import Judgement
from ..verdicts import Alias
from . import calibrated

NEAR = 0.01  # of 1, where the same code stands beside itself


def calibration(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("calibration", "Calibration", calibrated.own(judged))
    aliases = judged.aliases()
    if not aliases:
        held = any(f.plan.get("aliases") for f in judged.families)
        what = "No baseline's second copy has a value that counts" if held else "No family held its baseline twice"
        section.blocks.append(
            Text(
                f"{what}: this run cannot say how often it sees a difference where there is none."
            )
        )
    else:
        section.blocks.append(
            Text(
                "A/A: the baseline against itself, in the same rounds. The same code shows what"
                " scheduling alone does; a second compiled copy shows what code layout does"
                " besides. Intervals here are at 95 % each, so one in twenty may exclude 1 by"
                " chance."
            )
        )
        if said := _within(judged):
            section.blocks.append(Text(said))
        table = Table(
            "A/A by family",
            [
                Column("family"),
                Column("metric"),
                Column("alias"),
                Column("rounds", True),
                Column("ratio", True),
                Column("interval", True),
                Column("excludes 1"),
            ],
            folded=len(aliases) > 48,
        )
        for a in aliases:
            metric = words.FIGURES[a.metric]
            e = a.estimate
            table.add(
                a.family,
                metric,
                FORMS.get(a.form, a.form),
                str(len(e.values)),
                words.fixed(math.exp(e.median), 4),
                words.interval(e, 4, "–") or "–",
                Cell("yes", "worse") if e.excludes_one else "no" if e.interval else "–",
            )
        section.blocks.append(table)
    injected = [i for f in judged.families for i in f.injected]
    if injected:
        table = Table(
            (
                "Injected slow-down: the baseline runs so much more per operation than it is"
                " charged for"
            ),
            [
                Column("family"),
                Column("true ratio", True),
                Column("ratio", True),
                Column("interval", True),
                Column("covers the truth"),
                Column("told from none"),
                Column("verdict"),
            ],
        )
        for i in injected:
            e = i.estimate
            truth = 1 / (1 + i.percent / 100)
            seen = "–" if e.interval is None else "yes" if e.excludes_one else "no"
            table.add(
                i.family,
                words.fixed(truth, 4),
                words.fixed(math.exp(e.median), 4),
                words.interval(e, 4, "–") or "–",
                {True: "yes", False: "no", None: "–"}[i.covered],
                seen,
                f"{words.MARKS[i.verdict]} {i.verdict} (at {words.confidence(i.level)})",
            )
        section.blocks.append(table)
    section.blocks += _swings(judged)
    for kind in about.KINDS:
        if f"rounds-{kind}" in drawn:
            section.blocks += [Picture(drawn[f"rounds-{kind}"]), _round_table(judged, kind)]
    return section


def _within(judged: Judgement) -> str:
    """How near 1 the same code beside itself reads, per kind, as medians over rounds."""
    parts = []
    for kind in about.KINDS:
        same = [a for a in judged.aliases(kind, "same") if a.metric == "time_ns"]
        if kind == "codec":
            groups = [
                ("codecs, encode and decode", [a for a in same if a.family.split("/")[-1] in WHOLE]),
                ("codecs, other rows", [a for a in same if a.family.split("/")[-1] not in WHOLE]),
            ]
        else:
            groups = [(kind + "s", same)]
        for name, found in groups:
            if found:
                parts.append(f"{name}: {_near(found)}")
    return f"The same code beside itself, within {100 * NEAR:g} % of 1? {'; '.join(parts)}." if parts else ""


def _near(found: Sequence[Alias]) -> str:
    ratios = {a.family: math.exp(a.estimate.median) for a in found}
    far = {f: r for f, r in ratios.items() if abs(r - 1) > NEAR}
    span = words.span(min(ratios.values()), max(ratios.values()), 4)
    held = f"{len(ratios) - len(far)} of {words.counted(len(ratios), 'family')} ({span})"
    named = [f"`{f}` {words.fixed(r, 4)}" for f, r in sorted(far.items())]
    return held + (f", not {words.listed(named)}" if named else "")


def _swings(judged: Judgement) -> list[Block]:
    moved = stability.swings(judged.families)
    if not moved:
        return []
    table = Table(
        "How far the baselines' absolute figures swung over the run (processes that count)",
        [
            Column("family"),
            Column("figure"),
            Column("processes", True),
            Column("lowest", True),
            Column("10th percentile", True),
            Column("median", True),
            Column("90th percentile", True),
            Column("highest", True),
            Column("90th ÷ 10th", True),
            Column("highest ÷ lowest", True),
        ],
        folded=len(moved) > 24,
    )
    for s in moved:
        *_, unit, divisor = words.METRICS[s.metric]
        values = [v / divisor for v in s.values]
        ends = [min(values), judge.percentile(values, 0.1), judge.median(values)]
        ends += [judge.percentile(values, 0.9), max(values)]
        decimals = 0 if min(values) >= 100 else 1
        table.add(
            s.family.id,
            f"{words.FIGURES[s.metric]}, {unit}",
            str(len(values)),
            *(words.fixed(end, decimals) for end in ends),
            words.fixed(s.ratio, 2),
            words.fixed(s.whole, 2),
        )
    table.notes.append(
        "A baseline does the same work in every process, so what swings here is the machine. Ratios"
        " swing less, since both sides of one ran close together, but they are not immune: one program"
        " may gain more from a faster machine than another. Each was tested for drift, for two modes"
        f" and for a slide with the machine's speed ({words.SLIDES}); absolute figures were not."
    )
    return [table]


def _round_table(judged: Judgement, kind: str) -> Table:
    title = {"codec": "codecs", "model": "models in process", "service": "services"}[kind]
    table = Table(
        f"Process values, {title}: each round's ratio to the baseline",
        [Column("family"), Column("member"), Column("metric"), Column("ratios, in round order")],
        folded=True,
        shows=(f"rounds-{kind}",),
    )
    for family in judged.kind(kind):
        rows = [(c.member, c.metric, c.estimate) for c in family.comparisons if c.estimate] + [
            (a.member, a.metric, a.estimate) for a in family.aliases
        ]
        for member, metric, estimate in rows:
            table.add(
                family.id,
                words.label(member),
                metric,
                "  ".join(words.fixed(math.exp(v), 4) for v in estimate.values),
            )
    return table
