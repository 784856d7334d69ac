# SPDX-License-Identifier: MIT
"""A payload's block: ratios and verdicts, size against time, what it costs in parts, and all else
that was timed of it."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, costs, members, operations, words
from ..blocks import Block, Cell, Column, Picture, Section, Table
from ..charts import Chart, ParetoPoint
from ..charts.pareto import front
from ..figures import p_value, paired_ns, slid, slide_notes, spread, wire_bytes
from ..judge import Family, Judgement
from ..members import Codec
from .conditions import conditions
from .exact import exact


def payload(
    judged: Judgement, name: str, families: Sequence[Family], drawn: dict[str, Chart]
) -> Section:
    codecs = members.of(judged.run, families)
    section = Section(f"payload-{name}", name)
    section.blocks += [
        Picture(drawn[f"{kind}-{name}"])
        for kind in ("time", "pareto", "costs")
        if f"{kind}-{name}" in drawn
    ]
    headlines = [f for f in families if about.operation(f) in operations.HEADLINES]
    section.blocks += [ratios(family, codecs) for family in headlines]
    section.blocks += sizes(judged, families, codecs)
    section.blocks += parts(families, codecs)
    others = [f for f in families if f not in headlines]
    section.blocks += matrix(families, codecs) if others else []
    section.blocks += conditions(families, codecs)
    section.blocks += latencies(families, codecs)
    section.blocks += exact(judged, name, codecs)
    section.blocks += [ratios(family, codecs, folded=True) for family in others]
    return section


def ratios(family: Family, codecs: dict[str, Codec], folded: bool = False) -> Table:
    """Every member of a family with its ratio and verdict; the rungs of a ladder use it, too."""
    baseline = words.label(family.baseline)
    name = about.operation(family)
    clock = operations.clock(name)
    table = Table(
        f"{about.subject(family)}, {operations.title(name)}"
        + (f" ({clock})" if clock else "")
        + f": times as fast as {baseline}; intervals at {words.confidence(family.alpha)} each, so that all"
        f" hold together at 95 %; δ {words.margin(family.deltas['time_ns'])}",
        [
            Column("codec"),
            Column("format"),
            Column("median, ns", True),
            Column("lowest–highest", True),
            Column("ratio", True),
            Column("interval", True),
            Column("p (Holm)", True),
            Column("verdict"),
        ],
        folded=folded,
        shows=() if folded else (f"time-{about.subject(family)}", f"formats-{name}"),
    )
    floors = bool(family.floor_ratios)
    if floors:
        table.columns.append(Column("× memcpy", True))
    figures = [math.exp(c.estimate.median) for c in family.comparisons if c.estimate]
    places = min(3, words.column(figures))
    level = family.level(family.baseline, "time_ns")
    decimals = 0 if level and level.median >= 100 else 1
    for member in (m for m in codecs if m in family.candidates):
        c, floor = family.compared(member, "time_ns"), family.floor_ratios.get(member)
        e = c.estimate if c else None
        cells: list[str | Cell] = [
            codecs[member].label,
            codecs[member].group,
            *spread(family, member, "time_ns", 1, decimals),
        ]
        if c is None:
            cells += [words.fixed(1, places), "", "", Cell("baseline", "soft")]
        else:
            cells += [
                words.fixed(math.exp(e.median), places) + slid(c) if e else "–",
                words.interval(e, places, "–") if e else "",
                p_value(c.p_holm),
                Cell(
                    f"{words.MARKS[c.verdict]} {words.verdict(c, family.deltas['time_ns'])}",
                    c.verdict.replace(" ", "-"),
                ),
            ]
        if floors:
            cells.append(words.fixed(math.exp(floor.median), 1) if floor else "–")
        table.add(*cells)
    table.notes += slide_notes([family], "time_ns", numbers=False)
    return table


def sizes(judged: Judgement, families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    """The data of the picture of size against time."""
    mine = [f for f in families if about.operation(f) in operations.HEADLINES]
    if not mine:
        return []
    table = Table(
        "Size against time: mean bytes of a document, ns per operation; ● beaten in neither",
        [
            Column("codec"),
            Column("format"),
            Column("bytes", True),
            *(
                c
                for f in mine
                for c in (Column(f"{operations.title(about.operation(f))}, ns", True), Column(""))
            ),
        ],
        shows=(f"pareto-{about.subject(mine[0])}",),
    )
    seen = {m for f in mine for m in f.candidates}
    codecs = {m: codec for m, codec in codecs.items() if m in seen}
    size = {m: next((s for f in mine if (s := wire_bytes(judged, f, m))), None) for m in codecs}
    points = [
        {
            m: ParetoPoint(0, 0, size[m] or 0.0, time)
            for m in codecs
            if m in f.plan["members"] and size[m] and (time := paired_ns(f, m))
        }
        for f in mine
    ]
    fronts = [front(list(found.values())) for found in points]
    for m, codec in codecs.items():
        cells = []
        for found, best in zip(points, fronts):
            point = found.get(m)
            shown = words.fixed(point.time, 0 if point.time >= 100 else 1) if point else "–"
            cells += [shown, "●" if point in best and point else ""]
        table.add(codec.label, codec.group, words.fixed(size[m], 0) if size[m] else "–", *cells)
    table.notes.append(
        f"Times here are {words.label(mine[0].baseline)}'s median by the ratio to it, so that who is before whom is as"
        " the ratios have it; whether that is beyond doubt, verdicts say."
    )
    return [table]


def parts(families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    """The data of the picture of parts."""
    found = costs.splits(families, list(codecs))
    if not found:
        return []
    table = Table(
        "What encoding and decoding consist of: ns per operation",
        [
            Column("operation"),
            Column("codec"),
            Column("whole", True),
            *(Column(title, True) for title in costs.PARTS.values()),
        ],
        shows=(f"costs-{about.subject(families[0])}",),
    )
    for i, split in enumerate(found):
        new = i == 0 or found[i - 1].side != split.side
        timed = dict(split.parts)
        decimals = 0 if split.whole >= 100 else 1
        table.add(
            Cell(operations.title(split.side) if new else "", "head" if new else ""),
            codecs[split.member].label,
            words.fixed(split.whole, decimals),
            *(words.fixed(timed[p], decimals) if p in timed else "" for p in costs.PARTS),
        )
    table.notes.append(
        "Each phase is timed alone, in processes of its own, with what it needs made before the clock"
        " runs and the clock's own cost taken off; where several small documents go through a phase"
        " together, their trees are in the first cache still. The rest is what the whole takes beyond"
        " its phases; none is left where they take longer one by one. “In one go”: the library makes no tree."
        f" Times are {words.label(families[0].baseline)}'s medians by the ratios to it, which stand below with their"
        " intervals: a machine that was slower for the whole than for its phases shows in every codec's rest."
        " For orientation."
    )
    return [table]


def matrix(families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    """Everything that was timed of the payload, a column per operation: one table for each way."""
    sides: dict[str, list[Family]] = {"Encoding": [], "Decoding and reading": []}
    for f in operations.plain(families):
        out = operations.encodes(about.operation(f))
        sides["Encoding" if out else "Decoding and reading"].append(f)
    return [_matrix(side, mine, codecs) for side, mine in sides.items() if len(mine) > 1]


def _matrix(side: str, families: Sequence[Family], codecs: dict[str, Codec]) -> Table:
    table = Table(
        f"{side}, every operation: median ns; ratios with intervals and verdicts stand below",
        [
            Column("codec"),
            *(Column(operations.title(about.operation(f)), True) for f in families),
        ],
    )
    for m, codec in codecs.items():
        cells = []
        for f in families:
            level = f.level(m, "time_ns") if m in f.plan["members"] else None
            cells.append(
                words.fixed(level.median, 0 if level.median >= 100 else 1) if level else "–"
            )
        if any(cell != "–" for cell in cells):
            table.add(codec.label, *cells)
    table.notes.append(
        "; ".join(
            f"{operations.title(about.operation(f))}: {operations.clock(about.operation(f))}"
            for f in families
            if operations.clock(about.operation(f))
        )
        + ". –: the codec has no such step, or it was not measured."
    )
    table.notes.append(
        f"{about.medians('codec')} Columns come from processes at other times: what one takes of another stands, as a"
        " range, in “Under other conditions”."
    )
    return table


def latencies(families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    """p50 and p99 of single operations, with what reading the clock costs."""
    mine = [f for f in families if any(f.series(m, "p50_ns") for m in f.candidates)]
    if not mine:
        return []
    table = Table(
        "Latency of single operations, ns: median of processes; described, not judged",
        [
            Column("operation"),
            Column("codec"),
            Column("p50", True),
            Column("lowest–highest", True),
            Column("p99", True),
            Column("lowest–highest", True),
            Column("reading the clock", True),
        ],
    )
    for f in mine:
        for i, m in enumerate(m for m in codecs if m in f.candidates):
            table.add(
                Cell(
                    operations.title(about.operation(f)) if i == 0 else "", "head" if i == 0 else ""
                ),
                codecs[m].label,
                *spread(f, m, "p50_ns", 1, 0),
                *spread(f, m, "p99_ns", 1, 0),
                spread(f, m, "clock_ns", 1, 0)[0],
            )
    table.notes.append("Each sample holds one reading of the clock, whose cost stands beside it.")
    return [table]
