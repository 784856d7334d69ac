# SPDX-License-Identifier: MIT
"""Page one on codecs where a format has several libraries: what is the library's, what the format's."""

from __future__ import annotations

import math
from typing import Sequence

from . import judge, members, operations, shares, words
from .about import operation, subject
from .blocks import Block, Cell, Column, Items, Table, Text
from .clauses import lead_clause, tie_text
from .figures import mean_bytes, slid, slide_notes
from .judge import Family, Judgement
from .members import Codec
from .shares import Share


def of_operation(families: Sequence[Family], name: str) -> list[Family]:
    """Without the rungs of a ladder, which have a picture of their own."""
    payloads = members.single(families)
    return [f for f in families if operation(f) == name and subject(f) in payloads]


def blocks(judged: Judgement, families: Sequence[Family]) -> list[Block]:
    codecs = members.of(judged.run, families)
    baseline = families[0].baseline
    said = []
    for name in dict.fromkeys(map(operation, families)):
        mine = of_operation(families, name)
        found = [share for f in mine for share in shares.shares(f, codecs)]
        does = {"encode": "Encoding", "decode": "Decoding"}.get(name, operations.title(name).capitalize())
        library = [s for s in found if s.kind == shares.LIBRARY]
        if library:
            step = _step(library, codecs, "the fastest other {} library")
            said.append(f"**{does}, the library:** against {words.label(baseline)}, {step}.")
        other = [s for s in found if s.kind == shares.FORMAT]
        if other:
            step = _step(other, codecs, "{}")
            against = _who([(s.start, subject(s.family)) for s in other], codecs)
            said.append(
                f"**{does}, the format:** the fastest library of each against the fastest"
                f" {codecs[baseline].group} library ({against}): {step}."
            )
    return [Items(said), Text(_asides(codecs))]


def floors(judged: Judgement, families: Sequence[Family]) -> list[str]:
    """How far the fastest library of the baseline's format is from what the format would allow."""
    codecs = members.of(judged.run, families)
    said = []
    for name in dict.fromkeys(map(operation, families)):
        found = [s for f in of_operation(families, name) for s in shares.shares(f, codecs)]
        floor = [s for s in found if s.kind == shares.FLOOR]
        if floor:
            label = words.listed(dict.fromkeys(words.label(s.end) for s in floor))
            clause = lead_clause(name, "time_ns", [s.comparison for s in floor], "payload")
            said.append(
                f"{operations.title(name).capitalize()}, what the format would allow: against the fastest"
                f" {floor[0].group} library, {label}, which is no library, {clause}."
            )
    return said


def _step(found: list[Share], codecs: dict[str, Codec], name: str) -> str:
    """Each format that is arrived at, by that name: for how many payloads which verdict, and by whom."""
    parts = []
    for group in dict.fromkeys(s.group for s in found):
        mine = [s for s in found if s.group == group]
        names = _who([(s.end, subject(s.family)) for s in mine], codecs)
        clause = lead_clause(
            operation(mine[0].family), "time_ns", [s.comparison for s in mine], "payload"
        )
        parts.append(f"{name.format(group)} ({names}) {clause}")
    return "; ".join(parts)


def _who(picked: Sequence[tuple[str, str]], codecs: dict[str, Codec]) -> str:
    """Codecs by label; with their payloads if it is not the same one for all: "yyjson for `ack`; RapidJSON
    or simdjson for `feed`", where it depends on what is held against it."""
    picks: dict[str, list[str]] = {}
    for member, payload in picked:
        if codecs[member].label not in picks.setdefault(payload, []):
            picks[payload].append(codecs[member].label)
    where: dict[str, list[str]] = {}
    for payload, labels in picks.items():
        where.setdefault(" or ".join(sorted(labels)), []).append(f"`{payload}`")
    if len(where) == 1:
        return next(iter(where))
    most_first = sorted(where.items(), key=lambda item: -len(item[1]))
    return "; ".join(f"{labels} for {words.listed(payloads)}" for labels, payloads in most_first)


def _asides(codecs: dict[str, Codec]) -> str:
    several = sorted({c.format for c in codecs.values() if c.shape == "values"})
    text = (
        "**These are libraries, not formats.** A format is shown by the fastest of its libraries here,"
        " picked by the data for each payload, and the intervals cover the picking; one that was not"
        " measured may be faster still."
    )
    if several:
        text += f" {words.listed(several)}, values only: arrays without the keys."
    return text


def sentences(judged: Judgement, families: Sequence[Family]) -> list[str]:
    """Per payload: the steps with their intervals, and who ties for the first place of all."""
    codecs = members.of(judged.run, families)
    lines = []
    for payload in members.single(families):
        mine = [f for f in families if subject(f) == payload]
        size = mean_bytes(mine, mine[0].baseline)
        about = (
            f" ({words.fixed(size, 0)} bytes as {words.label(mine[0].baseline)} writes it)"
            if size
            else ""
        )
        parts = []
        for family in mine:
            found = shares.shares(family, codecs)
            said = [
                f"{title} {_arrows([s for s in found if s.kind == kind])}"
                for kind, title in STEPS.items()
                if any(s.kind == kind for s in found)
            ]
            first = tie_text(family, "time_ns")
            parts.append(
                f"**{operations.title(operation(family))}**: {'; '.join(said) or 'nothing to compare'};"
                f" fastest of all here: {first}"
            )
        lines.append(f"`{payload}`{about}: " + ". ".join(parts) + ".")
    return lines


STEPS = {
    shares.LIBRARY: "library:",
    shares.FORMAT: "format:",
    shares.FLOOR: "what the format would allow:",
}


def _arrows(steps: Sequence[Share]) -> str:
    """ "yyjson → msgpuck 1.68 × (1.62 to 1.97), → protobuf-c 0.859 × (0.810 to 0.886)"."""
    parts, last = [], ""
    if steps[0].kind == shares.LIBRARY and steps[0].median < 0:
        # Then the steps to other formats begin at the baseline, and this one ends at the next best.
        parts.append(f"{words.label(steps[0].start)} itself has the best median of its format")
    for share in steps:
        start = f"{words.label(share.start)} " if share.start != last else ""
        last = share.start
        figure = f"{words.ratio(math.exp(share.median))}{words.SPACE}×"
        estimate = share.comparison.estimate
        interval = words.interval(estimate) if estimate else ""
        seen = interval or f"no interval: {share.rounds} of {share.needed} rounds"
        delta = share.family.deltas["time_ns"]
        open_ = ""
        if share.verdict == judge.UNRESOLVED:
            open_ = f", not resolved here: {words.unresolved(share.comparison, delta)}"
        elif share.verdict == judge.EQUIVALENT:
            open_ = f", equivalent within ±{words.margin(delta)}{words.sliding(share.comparison)}"
        else:
            open_ = words.sliding(share.comparison)
        parts.append(f"{start}→ {words.label(share.end)} {figure} ({seen}{open_})")
    return ", ".join(parts)


def tables(judged: Judgement, families: Sequence[Family]) -> list[Table]:
    """A row per payload: the first codecs by name, and the fastest of each format."""
    codecs = members.of(judged.run, families)
    return [
        _table(judged, of_operation(families, name), name, codecs)
        for name in dict.fromkeys(map(operation, families))
        if of_operation(families, name)
    ]


def _table(
    judged: Judgement, families: Sequence[Family], name: str, codecs: dict[str, Codec]
) -> Table:
    baseline = families[0].baseline
    alphas = sorted({words.confidence(f.alpha) for f in families})
    table = Table(
        f"Codecs, {operations.title(name)}: times as fast as {words.label(baseline)} (each interval at"
        f" {words.listed(alphas)}, so that all members of one family hold together at 95 %; every member"
        " stands under its payload)",
        [Column("payload"), Column(f"{words.label(baseline)}, ns", True)],
        shows=("forest-codec",),
    )
    groups = members.groups(codecs.values())
    named: list[tuple[str, str]] = []
    for group in groups:
        table.columns.append(Column(f"fastest {group} library"))
        for m in members.CORE:
            several = sum(c.group == group and c.competes for c in codecs.values()) > 1
            if m in codecs and codecs[m].group == group and m != baseline and several:
                table.columns.append(Column(words.label(m), True))
                named.append((group, m))
    floors = [c.name for c in codecs.values() if c.ours]
    table.columns += [Column(words.label(m), True) for m in floors]
    table.columns.append(Column("δ", True))
    for family in families:
        level = family.level(baseline, "time_ns")
        cells: list[str | Cell] = [Cell(subject(family), "head")]
        cells.append(words.fixed(level.median, 0 if level.median >= 100 else 1) if level else "–")
        for group in groups:
            first = shares.fastest(family, codecs, group)
            cells.append(_cell(family, first, baseline, label=True))
            cells += [_cell(family, m, baseline) for g, m in named if g == group]
        cells += [_cell(family, m, baseline) for m in floors]
        table.add(*cells, words.margin(family.deltas["time_ns"]))
    table.notes.append(
        "The fastest is the member of a format with the largest median ratio; where it is tied with"
        " others, the sentences above say so."
    )
    if any(words.SLIDES in cell.text for row in table.rows for cell in row):
        table.notes += slide_notes(families, "time_ns", numbers=False)
    return table


def _cell(family: Family, member: str | None, baseline: str, label: bool = False) -> Cell:
    """ "▲ yyjson 8.96 (8.70–9.19)"."""
    if member is None:
        return Cell("–")
    name = f"{words.label(member)} " if label else ""
    if member == baseline:
        return Cell(f"{name}1", "soft")
    comparison = family.compared(member, "time_ns")
    if comparison is None or comparison.estimate is None:
        return Cell("–", "soft")
    estimate = comparison.estimate
    interval = words.interval(estimate, None, "\u2060–\u2060")  # not to be broken
    text = f"{words.MARKS[comparison.verdict]} {name}{words.ratio(math.exp(estimate.median))}"
    text += slid(comparison)
    return Cell(
        text + (f" ({interval})" if interval else " (no interval)"),
        comparison.verdict.replace(" ", "-"),
    )
