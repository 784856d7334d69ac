# SPDX-License-Identifier: MIT
"""Where the time went: how much of it each family got beyond its planned rounds, and why each stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import makeup, spent, widths, words
from ..blocks import Cell, Column, Items, Section, Table, Text
from ..families import Family, Judgement
from ..progress import minutes
from ..spent import Spent

#: Why a family stopped → how that reads of so many of them.
REASONS = {
    makeup.NARROW: "because every interval was narrow enough after the planned rounds",
    makeup.WIDENED: "with as many rounds as their first width asked for",
    makeup.ALL_COUNTED: "when all planned rounds counted, which is all that is asked of them",
    makeup.TIME_BUDGET: "because the time was up",
}


def spending(judged: Judgement) -> Section:
    section = Section("time", "Where the time went")
    families = [f for f in judged.families if f.rounds]
    if not families:
        section.blocks.append(Text("Nothing was measured."))
        return section
    each = {f.id: spent.of(judged, f) for f in families}
    section.blocks.append(Items([_total(judged, list(each.values())), _reasons(judged, families)]))
    section.blocks.append(_table(judged, families, each))
    return section


def _total(judged: Judgement, each: Sequence[Spent]) -> str:
    every = sum(each, Spent())
    limit = widths.aim(judged)
    said = f"The planned rounds of all families took {minutes(every.planned)}{words.SPACE}min of processes"
    if judged.seconds is not None:
        said += f", of {minutes(judged.seconds)} in all (the rest: pilots, what is counted exactly, starting)"
    parts = []
    if every.made_up:
        count = words.counted(sum(s.made_up > 0 for s in each), "family")
        parts.append(
            f"{minutes(every.made_up)} made up for rounds that do not count (steal, other programs), in {count}"
        )
    if every.narrowing and limit is not None:
        count = words.counted(sum(s.narrowing > 0 for s in each), "family")
        parts.append(
            f"{minutes(every.narrowing)} went to {count} with an interval wider than ±{words.margin(limit)}, so many"
            " rounds as that width asked for"
        )
    return f"**Time**: {said}. Beyond them {words.listed(parts) if parts else 'no family got any'}."


def _reasons(judged: Judgement, families: Sequence[Family]) -> str:
    limit = widths.aim(judged)
    reached = {w.family.id for w in widths.widths(judged, limit) if w.reached} if limit is not None else set()
    parts = []
    for reason, text in REASONS.items():
        mine = [f.id for f in families if f.stopped == reason]
        if mine:
            there = sum(id in reached for id in mine)
            wide = reason in (makeup.WIDENED, makeup.TIME_BUDGET) and limit is not None
            now = f" ({there} of them within ±{words.margin(limit)} by then)" if wide and limit is not None else ""
            parts.append(f"{len(mine)} {text}{now}")
    told = words.listed(parts) if parts else "not recorded"
    of = words.counted(len(families), "family")
    return f"**Why they stopped**, of {of}: {told}. What a difference is was never asked."


def _table(judged: Judgement, families: Sequence[Family], each: dict[str, Spent]) -> Table:
    table = Table(
        "Families by the time that they got beyond their planned rounds; seconds of processes",
        [
            Column("family"),
            Column("planned, s", True),
            Column("making up, s", True),
            Column("narrowing, s", True),
            Column("rounds planned", True),
            Column("run", True),
            Column("count", True),
            Column("widest interval"),
            Column("its arm", True),
            Column("why it stopped"),
        ],
    )
    limit = widths.aim(judged)
    for f in sorted(families, key=lambda f: -each[f.id].beyond):
        took = each[f.id]
        arm, case = widths.widest(f)
        wide = limit is not None and f.kind != "service" and (arm is None or arm > math.log1p(limit))
        table.add(
            f.id,
            words.fixed(took.planned, 1),
            _seconds(took.made_up),
            _seconds(took.narrowing),
            str(f.plan.get("rounds") or "–"),
            str(len(f.rounds)),
            str(f.counted),
            case or "–",
            Cell(f"±{words.margin(math.expm1(arm))}" if arm is not None else "no interval" if case else "–", "soft" if wide else ""),
            widths.why(f, not wide),
        )
    table.notes.append(
        "Widest interval: of the family's own comparisons, at the level that holds for all of them together; arm: how"
        " far its farther end is from the estimate."
    )
    return table


def _seconds(took: float) -> str:
    return words.fixed(took, 1) if took else "–"
