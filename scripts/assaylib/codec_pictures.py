# SPDX-License-Identifier: MIT
"""The pictures of a run with several libraries per format, and the data in them."""

from __future__ import annotations

import math
from typing import Any, Sequence

from . import charts, costs, members, operations, shares, words
from .about import operation, subject
from .charts import Chart
from .figures import paired_ns, wire_bytes
from .judge import Family, Judgement, floors_of
from .members import Codec

#: A format's name in two lines, under a panel.
SHORT = {
    "JSON": ("JSON",),
    "MessagePack": ("Message-", "Pack"),
    "MessagePack, values only": ("MsgPack", "values"),
    "Protocol Buffers": ("Protocol", "Buffers"),
}
TABLES = "The figures are in the tables of the payload."


def pictures(judged: Judgement, families: Sequence[Family]) -> list[Chart | None]:
    every = members.of(judged.run, families)
    # What stands beside codecs in single rows only is in no picture of whole ones.
    codecs = members.of(judged.run, operations.headlines(families))
    found: list[Chart | None] = [_formats(families, codecs, op) for op in operations.HEADLINES]
    found.append(_ladder(judged, families, codecs))
    for payload in members.single(families):
        mine = [f for f in families if subject(f) == payload]
        found += [
            _times(payload, mine, codecs),
            _pareto(judged, payload, mine, codecs),
            _costs(payload, mine, every),
        ]
    return found


def _formats(families: Sequence[Family], codecs: dict[str, Codec], name: str) -> Chart | None:
    payloads = members.single(families)
    mine = [f for f in families if operation(f) == name and subject(f) in payloads]
    groups, names = members.groups(codecs.values()), list(codecs)
    points = []
    for family in mine:
        for member in family.candidates:
            compared = family.compared(member, "time_ns")
            found = compared.estimate if compared else None
            if member == family.baseline or found:
                codec = codecs[member]
                points.append(
                    charts.FormatPoint(
                        subject(family),
                        groups.index(codec.group),
                        names.index(member),
                        math.exp(-found.median) if found else 1.0,
                        codec.competes,
                    )
                )
    if not points:
        return None
    baseline = words.label(mine[0].baseline)
    title = operations.title(name)
    return charts.formats(
        f"formats-{name}",
        f"{title.capitalize()}: format and library",
        f"Time relative to {baseline} on a logarithmic axis, lower is faster; formats side by side, and in"
        " each of them its libraries. The height of a format's band is what the library decides; the"
        f" distance of the other bands from the dashed line is what the format decides. {TABLES}",
        [SHORT.get(g, tuple(g.split(" ")[:2])) for g in groups],
        points,
        [codecs[m].label for m in names],
        f"time, relative to {baseline} (log): lower is faster",
    )


def _ladder(
    judged: Judgement, families: Sequence[Family], codecs: dict[str, Codec]
) -> Chart | None:
    rungs, names = members.ladder(families), list(codecs)
    panels = [op for op in operations.HEADLINES if any(operation(f) == op for f in families)]
    points = []
    for family in families:
        if subject(family) not in rungs or operation(family) not in panels:
            continue
        size = wire_bytes(judged, family, family.baseline)
        for member in family.candidates:
            compared = family.compared(member, "time_ns")
            found = compared.estimate if compared else None
            if size and (member == family.baseline or found):
                ratio = math.exp(found.median) if found else 1.0
                points.append(
                    charts.LinePoint(
                        names.index(member), panels.index(operation(family)), size, ratio
                    )
                )
    if not points:
        return None
    baseline = words.label(next(f.baseline for f in families))
    return charts.lines(
        "ladder",
        "From small to large: where ranks cross",
        f"Times as fast as {baseline} over the size of the document as {baseline} writes it, both"
        " logarithmic; a line per library. Where lines cross, so do ranks. The figures are in the table"
        " below.",
        [operations.title(op) for op in panels],
        points,
        [codecs[m].label for m in names],
        f"bytes of the document as {baseline} writes it (log)",
        f"times as fast as {baseline} (log)",
    )


def _times(payload: str, families: Sequence[Family], codecs: dict[str, Codec]) -> Chart | None:
    panels = [op for op in operations.HEADLINES if any(operation(f) == op for f in families)]
    rows = []
    for s, (member, codec) in enumerate(codecs.items()):
        values: list[float | None] = []
        floors: list[float | None] = []
        for op in panels:
            family = next(f for f in families if operation(f) == op)
            level = family.level(member, "time_ns") if member in family.plan["members"] else None
            below = family.level(floors_of(family.plan).get(member, ""), "time_ns")
            values.append(level.median if level else None)
            floors.append(below.median if below else None)
        if any(values):
            rows.append(charts.LevelRow(codec.format, codec.label, s, tuple(values), tuple(floors)))
    if not rows:
        return None
    groups = list(dict.fromkeys(r.group for r in rows))
    rows.sort(key=lambda r: (groups.index(r.group), r.values[0] or r.values[-1] or 0.0))
    return charts.levels(
        f"time-{payload}",
        f"`{payload}`: time per operation".replace("`", ""),
        f"Median nanoseconds per operation of {payload}, logarithmic, by format, with the time of a memcpy"
        f" of the same bytes. {TABLES}",
        [operations.title(op) for op in panels],
        rows,
        [],
        "ns per operation (log)",
        "memcpy of its own bytes",
        first=306,
    )


def _pareto(
    judged: Judgement, payload: str, families: Sequence[Family], codecs: dict[str, Codec]
) -> Chart | None:
    panels = [op for op in operations.HEADLINES if any(operation(f) == op for f in families)]
    points = []
    for k, op in enumerate(panels):
        family = next(f for f in families if operation(f) == op)
        for s, member in enumerate(codecs):
            if member not in family.plan["members"]:
                continue
            time, size = paired_ns(family, member), wire_bytes(judged, family, member)
            if time and size:
                points.append(charts.ParetoPoint(s, k, size, time))
    if not points:
        return None
    return charts.pareto(
        f"pareto-{payload}",
        f"{payload}: size against time",
        f"Mean bytes of a document of {payload} on the wire against nanoseconds per operation, by the ratio to"
        " the baseline."
        f" Left and down is better; nobody beats those on the dashed line in both. {TABLES}",
        [operations.title(op) for op in panels],
        points,
        [codec.label for codec in codecs.values()],
    )


def _costs(payload: str, families: Sequence[Family], codecs: dict[str, Codec]) -> Chart | None:
    found = costs.splits(families, list(codecs))
    if not found:
        return None
    sides = ["encode", "decode"]
    found = [s for s in found if s.side in sides]
    parts = [p for p in costs.PARTS if any(p == name for s in found for name, _ in s.parts)]
    rows = [
        charts.StackRow(
            codecs[s.member].label,
            sides.index(s.side),
            tuple((parts.index(part), 100 * ns / s.drawn) for part, ns in s.parts),
            f"{words.fixed(s.whole, 0 if s.whole >= 100 else 1)} ns",
        )
        for s in found
    ]
    return charts.stacks(
        f"costs-{payload}",
        f"{payload}: what encoding and decoding consist of",
        f"Phases of encode and decode of {payload}, each timed alone, in percent of each codec's own time,"
        f" which stands at the right, or of their sum where one by one they take longer. {TABLES}",
        sides,
        rows,
        [costs.PARTS[p] for p in parts],
    )


def on_page_one(run: dict[str, Any], families: Sequence[Family]) -> set[tuple[str, str]] | None:
    """(family, member) that the forest plot shows of a run with many codecs: of the first payloads
    those that a reader looks for, and the fastest of each format. None: all."""
    if not members.wide(run, families):
        return None
    families = operations.plain(families)
    every = members.of(run, families)
    payloads = members.single(families)
    payloads = [p for p in members.FIRST if p in payloads] or payloads[:4]
    found = set()
    for family in families:
        if subject(family) in payloads and operation(family) in operations.HEADLINES:
            found |= {(family.id, m) for m in members.CORE if m in family.candidates}
            for group in members.groups(every.values()):
                fastest = shares.fastest(family, every, group)
                if fastest:
                    found.add((family.id, fastest))
    return found
