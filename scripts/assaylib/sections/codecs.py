# SPDX-License-Identifier: MIT
"""The section on codecs: times against their floors, and what survives the way out and back."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, judge, members, operations, words
from ..blocks import Cell, Column, Picture, Section, Table, Text
from ..charts import Chart
from ..figures import spread, wire_bytes
from ..judge import Family, Judgement
from . import fidelity
from .libraries import wide
from .ratios import compared
from .walk import walk


def codecs(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("codecs", "Codecs")
    families = judged.kind("codec")
    if not families:
        section.blocks.append(Text("No codec was part of this run."))
        return section
    if members.wide(judged.run, families):
        return wide(judged, families, drawn)
    by_hand = walk(families, members.of(judged.run, families))
    if by_hand:
        section.subsections.append(Section("walk", "What the generic walk costs", by_hand))
    families = operations.plain(families)
    if not families:
        return section
    section.blocks.append(
        Text(
            "Each codec encodes from, and decodes into, the same struct; giving memory back is on"
            " the clock, and strings are owned after decoding. The floor is a memcpy of that"
            " codec's own bytes: nothing that moves the document can be faster."
        )
    )
    section.blocks += compared(judged, "codec")
    section.blocks += [
        Picture(drawn[name]) for name in ("codec-time", "wire-time") if name in drawn
    ]
    for op in dict.fromkeys(about.operation(f) for f in families):
        section.blocks.append(
            _codec_table(judged, [f for f in families if about.operation(f) == op], op)
        )
    section.blocks += fidelity.corpora(judged) + fidelity.questions(judged)
    return section


def _codec_table(judged: Judgement, families: Sequence[Family], op: str) -> Table:
    table = Table(
        f"{op.capitalize()}: median of processes; × memcpy with its own 95 % interval",
        [
            Column("payload"),
            Column("codec"),
            Column("wire bytes", True),
            Column("ns per operation", True),
            Column("lowest–highest", True),
            Column("× memcpy", True),
            Column("interval", True),
        ],
        shows=("codec-time", "wire-time"),
    )
    for family in families:
        for i, member in enumerate(family.candidates):
            size, floor = wire_bytes(judged, family, member), family.floor_ratios.get(member)
            decimals = (
                0
                if (family.level(family.baseline, "time_ns") or judge.Estimate([], 0)).median >= 100
                else 1
            )
            table.add(
                Cell(about.subject(family) if i == 0 else "", "head"),
                words.label(member),
                words.fixed(size, 0) if size else "–",
                *spread(family, member, "time_ns", 1, decimals),
                words.fixed(math.exp(floor.median), 1) if floor else "–",
                words.interval(floor, 1, "–") if floor and floor.interval else "",
            )
    table.notes.append(about.medians("codec"))
    return table
