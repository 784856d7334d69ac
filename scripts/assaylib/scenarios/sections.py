# SPDX-License-Identifier: MIT
"""A scenario as a section of a report, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import words
from ..blocks import Block, Column, Items, Picture, Raw, Section, Table, Text
from ..gates import BEYOND_RIG, GateTally
from ..judge import gate_name
from ..sections.gates import said
from ..sections.services import RIG_UNKNOWN
from ..sections.undecided import undecided
from . import KINDS
from .outcome import Outcome

PROGRAMS = {"server": "serve", "downstream": "downstream", "load": "load", "level": "level", "steps": "steps"}


def section(outcome: Outcome, raw: Sequence[Raw], *, first_too: bool = True) -> Section:
    """first_too: with the first table, which stands on page one of a report on scenarios alone."""
    scenario, kind = outcome.scenario, KINDS[outcome.scenario.kind]
    first, *others = kind.tables(outcome)
    blocks: list[Block] = [
        Text(f"**{scenario.question}**"),
        Items(list(kind.answer(outcome))),
        *([first] if first_too else []),
        *(Picture(chart) for chart in kind.pictures(outcome)),
        *others,
        Text(conditions(outcome)),
        *undecided(outcome.judged, outcome.judged.families, mark=""),
        Text(counted(outcome)),
    ]
    gates = gate_table(outcome)
    blocks += [gates] if gates.rows else []
    said = [f"{file.name} of {outcome.facts['id']}: SHA-256 {file.sha256}" for file in raw]
    blocks.append(Items([f"{scenario.file}: SHA-256 {scenario.sha256}", *said]))
    return Section(f"scenario-{scenario.name}{outcome.suffix}", scenario.title, blocks)


def conditions(outcome: Outcome) -> str:
    """What the file said, and where it ran."""
    scenario, load = outcome.scenario, outcome.family.plan["load"]
    tables = {what: _given(getattr(scenario, name)) for name, what in PROGRAMS.items()}
    said = [f"{what}: {given}" for what, given in tables.items() if given]
    said += [f"{model} alone: {_given(changed)}" for model, changed in scenario.of_model.items()]
    said += [f"class: {_given(each)}" for each in scenario.classes]
    said.append(f"server on CPU {load['server_cpu']}, load and what is downstream on CPU {load['load_cpu']}")
    said += _rig(outcome)
    return f"Conditions: kind `{scenario.kind}`; {'; '.join(said)}."


def _rig(outcome: Outcome) -> list[str]:
    """What a server that does nothing reached, where that was asked; a map asks for each number of connections."""
    asked = [f.plan["load"]["rig_hz"] for f in outcome.judged.families if "rig_hz" in f.plan["load"]]
    if not asked:
        return []
    known = asked[0] if isinstance(asked[0], dict) else {"": asked[0]}
    each = [f"{words.fixed(hz, 0)}/s{f' with {n} connections' if n else ''}" for n, hz in known.items() if hz]
    reached = f"a server that does nothing, through the same rig, in a closed loop: {words.listed(each)}"
    return [reached if each else RIG_UNKNOWN]


def _given(options: dict[str, Any]) -> str:
    said = [f"{name.replace('_', ' ')} {_one(v)}" for name, v in options.items() if v is not None and v is not False]
    return ", ".join(said)


def _one(value: Any) -> str:
    if isinstance(value, list):
        return words.listed(map(_one, value))
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def counted(outcome: Outcome) -> str:
    """How many processes there were, and what became of those that do not count."""
    families = outcome.judged.families
    gone = sum(len(f.discarded) for f in families)
    failed = [line for f in families for line in f.failures]
    rounds = len({number for f in families for number in f.rounds})
    text = (
        f"{words.counted(len(outcome.lines), 'process')}, each a fresh server, in"
        f" {words.counted(rounds, 'round')}; {gone} discarded by the rule that the run declared (steal,"
        f" other programs), {len(failed)} failed."
    )
    for why in list(dict.fromkeys(words.reason(line.get("reason")) for line in failed))[:3]:
        text += f" {why}."
    return " ".join([text, *_left_out(outcome)])


def _left_out(outcome: Outcome) -> list[str]:
    """Every round that is missing in a figure for what the rig did: members for which the same is to be said
    together."""
    found: dict[str, list[str]] = {}
    for family in outcome.judged.families:
        for (member, _), why in family.dropped.items():
            if (member, "all") not in family.withheld:
                found.setdefault(why, []).append(words.label(member))
    return [f"Left out of {words.listed(dict.fromkeys(who))}: {why}." for why, who in found.items()]


def gate_table(outcome: Outcome) -> Table:
    table = Table(
        "Gates: what failed one has no number where its scope says so; “tail” and “bound” mark only, and “host” is"
        " what the machine did: beyond a limit of it a process is not counted",
        [
            Column("gate"),
            Column("lowest–highest", True),
            Column("limit", True),
            Column("scope"),
            Column("failed", True),
            Column("of", True),
            Column("members with a failure"),
        ],
        folded=True,
    )
    every = _gates(outcome)
    for name in dict.fromkeys(gate.name for gate in every):
        mine = [gate for gate in every if gate.name == name]
        bad = list(dict.fromkeys(gate.member for gate in mine if gate.failed))
        limits = sorted({_limit(gate.limit) for gate in mine})
        table.add(
            gate_name(name),
            _figures([value for gate in mine for value in gate.values]),
            " ".join(limits) if len(limits) < 4 else "each its own",
            mine[0].scope,
            str(sum(gate.failed for gate in mine)),
            str(sum(gate.total for gate in mine)),
            ", ".join(bad[:8]) + (f" and {len(bad) - 8} more" if len(bad) > 8 else ""),
        )
        if any(gate.beyond_rig for gate in mine):
            table.notes.append(f"{gate_name(name)}: {BEYOND_RIG}.")
    return table


def _gates(outcome: Outcome) -> list[GateTally]:
    """Those of processes, what the machine did beside them, and where a kind has them those of parts of one."""
    kind, families = KINDS[outcome.scenario.kind], outcome.judged.families
    every = [gate for family in families for gate in (*family.gates, *family.host)]
    names = {gate.name for gate in every}
    parts = kind.parts(outcome) if hasattr(kind, "parts") else []
    return [*every, *(gate for family in parts for gate in family.gates if gate.name not in names)]


def _figures(values: Sequence[Any]) -> str:
    """ "0.012–0.131", or "server 12, nobody 3"."""
    numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if not numbers:
        return said(values) or "–"
    places = 0 if all(value == int(value) for value in numbers) else 3
    return words.span(min(numbers), max(numbers), places, "–")


def _limit(limit: Any) -> str:
    return f"{limit:.4g}" if isinstance(limit, (int, float)) else str(limit or "–")


def lead(found: Sequence[Outcome]) -> Section:
    """For page one: the first sentence of each answer."""
    said = [f"{o.scenario.title}: {next(iter(KINDS[o.scenario.kind].answer(o)), 'no answer')}" for o in found]
    return Section("answer-scenarios", "Under load", [Items(said)])


def text(outcome: Outcome) -> str:
    """For a terminal: question, answer, table."""
    kind = KINDS[outcome.scenario.kind]
    table = kind.tables(outcome)[0]
    cells = [[c.title for c in table.columns], *([c.text for c in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [f"{outcome.scenario.title}: {outcome.scenario.question}"]
    lines += [said.replace("**", "").replace("`", "") for said in kind.answer(outcome)]
    lines += [table.caption]
    for row in cells:
        padded = (
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join([*lines, *table.notes, counted(outcome)])
