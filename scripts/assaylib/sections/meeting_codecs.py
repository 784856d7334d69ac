# SPDX-License-Identifier: MIT
"""Whether the ranks of codecs survive over sockets: measured, where a run has servers that differ in
nothing but their codec (coded.py)."""

from __future__ import annotations

import math

from .. import words
from ..blocks import Cell, Column, Items, Section, Table, Text
from ..families import Family, Judgement
from ..meeting import codec_rankings, layers
from ..verdicts import JUDGED, Comparison
from .gates import gate_table
from .meeting_picture import picture
from .meeting_ranks import CODECS, answer, pairs, pictured, ranking
from .services import conditions

CPU = "cpu_ns_per_request"


def survive(judged: Judgement) -> list[Section]:
    """Nothing where no service varies its codec."""
    return [_one(judged, family) for family in judged.coded]


def _one(judged: Judgement, family: Family) -> Section:
    load = family.plan["load"]
    section = Section("meeting-codecs", "Do the ranks of the codecs survive over sockets?")
    section.blocks.append(
        Text(
            f"Servers of one model ({words.label(load['model'])}) and one workload (`{load['workload']}`: a document is"
            f" decoded, and one encoded) that differ in nothing but their codec. {conditions(family)}"
        )
    )
    found = [each for each in codec_rankings(judged) if each.service is family]
    chart = picture(found, "codecs")
    if found:
        section.blocks += [Text(answer(found, CODECS)), pictured(chart)]
    else:
        section.blocks.append(Text("Nothing meets: the codecs' own times are not in this run."))
    rivals = [m for m in family.candidates if m != family.baseline]
    section.blocks.append(Items([*(_said(judged, family, m) for m in rivals), *map(ranking, found)]))
    section.blocks.append(_table(judged, family))
    if found:
        section.blocks.append(pairs(found, chart, "codecs", "in process"))
    section.blocks += gate_table(judged, family)
    return section


def predicted(judged: Judgement, family: Family, member: str) -> float | None:
    """CPU per request over that with the baseline's codec, had only the codecs' own times changed."""
    payload, cpu = family.plan["load"]["payload"], family.level(family.baseline, CPU)
    now, then = (layers.codec_time(judged, payload, m) for m in (family.baseline, member))
    if cpu is None or now is None or then is None:
        return None
    return (cpu.median + then.ns - now.ns) / cpu.median


def _said(judged: Judgement, family: Family, member: str) -> str:
    """What was measured, and what the codecs' own times had led to expect."""
    base = words.label(family.baseline)
    found = family.compared(member, CPU)
    if found is None or found.estimate is None:
        return f"{words.label(member)}: no number: {found.why_not if found else 'not compared'}."
    ratio = math.exp(-found.estimate.median)
    text = f"{words.label(member)} takes {words.ratio(ratio)}{words.SPACE}× the CPU per request of {base}"
    ends = found.estimate.interval
    few = " (too few rounds for an interval)"
    text += f" ({words.span(math.exp(-ends[1]), math.exp(-ends[0]), 2)})" if ends else few
    expected = predicted(judged, family, member)
    if expected is None:
        return f"{text}."
    where = ""
    if ends:
        where = ": inside" if math.exp(-ends[1]) <= expected <= math.exp(-ends[0]) else ": outside"
        where += " of the interval that was measured"
    return f"{text}; by their own times it would be {words.ratio(expected)}{words.SPACE}×{where}."


def _table(judged: Judgement, family: Family) -> Table:
    table = Table(
        f"Over sockets, medians of rounds, and each against {words.label(family.baseline)} in the same rounds",
        [
            Column("codec"),
            Column("CPU, µs/request", True),
            Column("against it"),
            Column("its CPU ÷ that, by the codecs' own times", True),
            Column("requests/s, closed loop", True),
            Column("against it"),
            Column("rounds", True),
        ],
    )
    for member in family.candidates:
        cpu, hz = (family.level(member, metric) for metric in (CPU, "closed_hz"))
        expected = predicted(judged, family, member)
        table.add(
            Cell(words.label(member), "head"),
            words.fixed(cpu.median / 1e3, 1) if cpu else "–",
            _verdict(family, family.compared(member, CPU)),
            words.ratio(expected) if expected and member != family.baseline else "–",
            words.fixed(hz.median, 0) if hz else "–",
            _verdict(family, family.compared(member, "closed_hz")),
            str(len(family.series(member, CPU))),
        )
    table.notes.append(
        f"Verdicts are simultaneous over {len(JUDGED['service']) * (len(family.candidates) - 1)} comparisons, against"
        " the family's own margin."
    )
    return table


def _verdict(family: Family, found: Comparison | None) -> Cell:
    if found is None:
        return Cell("baseline", "soft")
    said = f"{words.MARKS[found.verdict]} {words.short(found, family.deltas[found.metric])}"
    return Cell(said, found.verdict.replace(" ", "-"))
