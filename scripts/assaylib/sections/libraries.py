# SPDX-License-Identifier: MIT
"""The section on codecs where formats have several libraries: format told from library, sizes, then a
block per payload."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, members, operations, shares, words
from ..blocks import Block, Cell, Column, Picture, Section, Table, Text
from ..answer_formats import floors
from ..charts import Chart
from ..clauses import tie_text
from ..figures import slid, slide_notes, wire_bytes
from ..judge import Family, Judgement
from ..members import Codec
from . import fidelity
from .exact import exact
from .payloads import payload, ratios
from .ratios import compared
from .walk import walk


def wide(judged: Judgement, families: Sequence[Family], drawn: dict[str, Chart]) -> Section:
    every, families = families, operations.plain(families)
    codecs = members.of(judged.run, families)
    section = Section("codecs", "Codecs")
    section.blocks.append(
        Text(
            "Each codec encodes from, and decodes into, the same struct; giving memory back is on the"
            " clock (parsers and buffers that a library's users keep are kept per thread), and strings are owned after"
            " decoding. A library's own structs, and what is no"
            " library, are named as such. What JSON has no type for is written and read by Assay's own code,"
            " the same for every library: bytes as base64, 64-bit integers as decimal strings. "
            f"{_read(judged, codecs)} The floor is a memcpy of that codec's own bytes: nothing that moves the"
            " document can be faster."
        )
    )
    section.blocks.append(_list(codecs))
    section.blocks += compared(judged, "codec")
    section.blocks += [Text(text) for text in floors(judged, operations.headlines(families))]
    section.blocks += exact(judged, None, codecs)
    section.subsections.append(_steps(judged, families, codecs, drawn))
    section.subsections += _sizes(judged, families, codecs, drawn)
    section.subsections.append(
        Section("fidelity", "What survives", fidelity.questions(judged) + fidelity.corpora(judged))
    )
    by_hand = walk(every, codecs)
    if by_hand:
        section.subsections.append(Section("walk", "What the generic walk costs", by_hand))
    section.subsections += [
        payload(judged, name, [f for f in families if about.subject(f) == name], drawn)
        for name in members.single(families)
    ]
    return section


def _read(judged: Judgement, codecs: dict[str, Codec]) -> str:
    """Whose bytes a decoder is given."""
    given = {str(row["name"]): str(row.get("reads_bytes_of")) for row in members.recorded(judged.run)}
    others = [
        f"{c.label} what {codecs[given[m]].label} wrote"
        for m, c in codecs.items()
        if not c.own_structs and given.get(m) in codecs and given[m] != m
    ]
    return (
        f"A decoder reads what its own encoder wrote{f' ({words.listed(others)})' if others else ''}: where"
        " that prints more digits of a number, there is more to read (bytes: under each payload)."
    )


def _list(codecs: dict[str, Codec]) -> Table:
    table = Table(
        "What was measured",
        [
            Column("codec"),
            Column("format"),
            Column("library"),
            Column("version"),
            Column("what it is"),
        ],
    )
    for c in codecs.values():
        what = [
            "ours, no library: how fast the format can be" if c.ours else "",
            "its own structs, not the shared one" if c.own_structs else "",
            {"keys": "maps with string keys", "values": "arrays of values, no keys"}.get(
                c.shape or "", ""
            ),
        ]
        table.add(
            c.label, c.format, c.library or "–", c.version or "–", "; ".join(filter(None, what))
        )
    return table


def _steps(
    judged: Judgement, families: Sequence[Family], codecs: dict[str, Codec], drawn: dict[str, Chart]
) -> Section:
    """Two axes: pictures, and the table of steps that page one sums up."""
    section = Section("format-library", "Format and library")
    headlines = operations.headlines(families)
    section.blocks += [
        Picture(drawn[name])
        for name in (f"formats-{op}" for op in operations.HEADLINES)
        if name in drawn
    ]
    table = Table(
        "From the baseline to the fastest other library of its format; from the fastest of all those, the"
        " baseline too, to other formats: the second of a step against the first, from pairs in the same"
        " processes",
        [
            Column("payload"),
            Column("step"),
            Column("from"),
            Column("to"),
            Column("times as fast", True),
            Column("interval", True),
            Column("verdict"),
        ],
    )
    what = {
        shares.LIBRARY: "library",
        shares.FLOOR: "to the format's floor",
        shares.FORMAT: "format",
    }
    for family in headlines:
        if about.subject(family) not in members.single(families):
            continue
        name = f"{about.subject(family)} {operations.title(about.operation(family))}"
        for i, share in enumerate(shares.shares(family, codecs)):
            comparison = share.comparison
            estimate = comparison.estimate
            assert estimate
            table.add(
                Cell(name if i == 0 else "", "head" if i == 0 else ""),
                what[share.kind] + (f": {share.group}" if share.kind == shares.FORMAT else ""),
                words.label(share.start),
                words.label(share.end),
                words.ratio(math.exp(share.median)),
                words.interval(estimate, None, "–") or "–",
                Cell(
                    f"{words.MARKS[share.verdict]} {words.verdict(comparison, family.deltas['time_ns'])}",
                    share.verdict.replace(" ", "-"),
                ),
            )
    table.notes.append(
        "Both ends of a step are picked by the data. Its interval covers that: it holds the step between"
        " the truly fastest, over all pairs that could have been picked. The library and format steps of"
        " one payload and operation hold together at 95 %; the step to the floor, by itself. What drifts,"
        " slides with the machine's speed, has two modes or is contradicted by another session, and would"
        " be another verdict for it, is not claimed."
    )
    section.blocks.append(table)
    return section


def _sizes(
    judged: Judgement, families: Sequence[Family], codecs: dict[str, Codec], drawn: dict[str, Chart]
) -> list[Section]:
    """The ladder: who is fastest at which size, and every ratio."""
    rungs = members.ladder(families)
    if not rungs:
        return []
    section = Section("sizes", "From small to large")
    if "ladder" in drawn:
        section.blocks.append(Picture(drawn["ladder"]))
    mine = {
        (about.subject(f), about.operation(f)): f
        for f in families
        if about.subject(f) in rungs and about.operation(f) in operations.HEADLINES
    }
    details: list[Block] = []
    for op in operations.HEADLINES:
        here = [mine[r, op] for r in rungs if (r, op) in mine]
        if not here:
            continue
        section.blocks.append(Text(_crossing(judged, here, op)))
        section.blocks.append(_rungs(judged, here, op, codecs))
        details += [ratios(f, codecs, folded=True) for f in here]
    section.blocks += details
    return [section]


def _size(judged: Judgement, family: Family) -> str:
    size = wire_bytes(judged, family, family.baseline)
    return words.size(size) if size else about.subject(family)


def _crossing(judged: Judgement, families: Sequence[Family], op: str) -> str:
    """Where the set of the fastest changes; sets that share a member have not crossed."""
    ties = [(f, next((t for t in f.ties if t.metric == "time_ns"), None)) for f in families]
    known = [(f, set(t.members)) for f, t in ties if t and t.resolved]
    text = f"**{operations.title(op).capitalize()}**: fastest of all here at each size (as JSON): "
    text += "; ".join(f"{_size(judged, f)}: {tie_text(f, 'time_ns')}" for f in families) + "."
    changes = []
    for (before, a), (after, b) in zip(known, known[1:]):
        if not a & b:
            changes.append(f"between {_size(judged, before)} and {_size(judged, after)}")
    if not known:
        return text + " Too few rounds to say where ranks cross."
    return text + (
        f" The first place changes hands {words.listed(changes)}."
        if changes
        else " The first place does not change hands beyond doubt from one size to the next."
    )


def _rungs(
    judged: Judgement, families: Sequence[Family], op: str, codecs: dict[str, Codec]
) -> Table:
    baseline = families[0].baseline
    seen = {m for f in families for m in f.candidates}
    codecs = {m: codec for m, codec in codecs.items() if m in seen}
    table = Table(
        f"{operations.title(op).capitalize()}: times as fast as {words.label(baseline)}, by size; ▲ ▼ ◆ ○"
        " are the verdicts (intervals in the tables below)",
        [
            Column("size"),
            Column(f"{words.label(baseline)}, ns per byte", True),
            *(Column(c.label, True) for m, c in codecs.items() if m != baseline),
        ],
        shows=("ladder",),
    )
    for family in families:
        size, level = wire_bytes(judged, family, baseline), family.level(baseline, "time_ns")
        cells: list[Cell] = []
        for member in codecs:
            if member == baseline:
                continue
            c = family.compared(member, "time_ns")
            cells.append(
                Cell(
                    f"{words.MARKS[c.verdict]} {words.ratio(math.exp(c.estimate.median))}{slid(c)}",
                    c.verdict.replace(" ", "-"),
                )
                if c and c.estimate
                else Cell("–", "soft")
            )
        per_byte = words.fixed(level.median / size, 2) if level and size else "–"
        table.add(Cell(_size(judged, family), "head"), per_byte, *cells)
    table.notes += slide_notes(families, "time_ns", numbers=False)
    return table
