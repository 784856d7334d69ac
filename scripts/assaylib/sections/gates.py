# SPDX-License-Identifier: MIT
"""Every validity gate of a service family, with its figure, and what it withheld; who was saturated."""

from __future__ import annotations

from collections import Counter
from typing import Sequence

from .. import about, judge, words
from ..gates import BEYOND_RIG
from ..blocks import Block, Cell, Column, Items, Table, Text
from ..judge import Family, Judgement


def _failed(judged: Judgement, gate: judge.GateTally) -> Cell:
    """Gates of the scopes "tail" and "bound" mark and do not withhold; without tails there is nothing
    to mark. What the machine did is for the discard rule."""
    count = f"{gate.failed} of {gate.total}"
    if gate.scope == "tail" and not about.tails(judged):
        return Cell("not applicable", "soft")
    if gate.scope in ("tail", "bound"):
        return Cell(f"{count}: marks", "soft")
    if gate.scope == "host":
        return Cell(f"{count}: not counted", "soft")
    return Cell(count, "worse" if gate.failed else "")


def said(values: Sequence[object]) -> str:
    """ "server" if all say so, else "server 6, nobody 2"."""
    counts = Counter(str(v) for v in values if v is not None)
    if len(counts) < 2:
        return "".join(counts)
    return ", ".join(f"{text} {n}" for text, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


def saturated(family: Family, member: str, name: str) -> str:
    """Who was at his limit over the rounds of a case; "–" where nobody looked."""
    found = next((g for g in family.gates if (g.member, g.name) == (member, name)), None)
    return said(found.values) if found and found.values else "–"


def gate_table(judged: Judgement, family: Family) -> list[Block]:
    if not family.gates:
        return [Text("**No validity gate was recorded for this family.**")]
    table = Table(
        "Validity gates, per case over its rounds",
        [
            Column("gate"),
            Column("model"),
            Column("limit", True),
            Column("median", True),
            Column("lowest–highest", True),
            Column("failed", True),
            Column("governs"),
        ],
        folded=True,
    )
    govern = {
        "tail": "latency",
        "bound": "throughput",
        "open": "fixed rate",
        "closed": "closed loop",
        "all": "all",
        "host": "all",
    }
    order = family.plan["members"].index
    for g in sorted([*family.gates, *family.host], key=lambda g: (g.name, order(g.member))):
        numbers = [
            float(v) for v in g.values if isinstance(v, (int, float)) and not isinstance(v, bool)
        ]
        limit = (
            f"{g.limit:.4g}"
            if isinstance(g.limit, (int, float)) and not isinstance(g.limit, bool)
            else str(g.limit if g.limit is not None else "–")
        )
        places = 0 if all(v == int(v) for v in numbers) else 3
        shown = (
            words.fixed(judge.median(numbers), places)
            if numbers
            else said(g.values) or "–"
        )
        table.add(
            judge.gate_name(g.name),
            words.label(g.member),
            limit,
            shown,
            words.span(min(numbers), max(numbers), places, "–") if numbers else "–",
            _failed(judged, g),
            govern[g.scope],
        )
        if g.beyond_rig:
            table.notes.append(f"{words.label(g.member)}, {judge.gate_name(g.name)}: {BEYOND_RIG}")
        if g.reasons:
            table.notes.append(
                f"{words.label(g.member)}, {judge.gate_name(g.name)}: {'; '.join(g.reasons)}"
            )
    withheld = [
        f"{words.label(m)}: {govern[scope]} figures withheld: {why}"
        for (m, scope), why in sorted(family.withheld.items())
        if scope == "all" or (m, "all") not in family.withheld
    ]
    left_out = [
        f"{words.label(m)}: left out of {govern[scope]} figures: {why}"
        for (m, scope), why in sorted(family.dropped.items())
        if (m, "all") not in family.withheld
    ]
    blocks: list[Block] = [Items(withheld + left_out)] if withheld or left_out else []
    return [*blocks, table]
