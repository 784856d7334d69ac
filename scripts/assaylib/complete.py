# SPDX-License-Identifier: MIT
"""Is every result there that the plan and the run's own last line say was made? Result by result: each family's
rounds times its members, make-up rounds included, each once. What an interruption leaves is told from what it
cannot leave: a gap in the middle, a member that its process had and the file has not, a result twice."""

from __future__ import annotations

from . import words
from .about import unit
from .families import Family, Judgement
from .store import SOAK_TIER
from .tiers import resumed_by

SHOWN = 4  # names


def unfinished(judged: Judgement) -> tuple[int, int]:
    """(missing, planned) results; rounds that an interrupted run did not come to among them."""
    planned = sum(int(f.plan["rounds"]) * len(f.plan["members"]) for f in judged.families)
    first = _first(judged)
    missing = sum(
        number < first + int(f.plan["rounds"]) for f in judged.families for number, _ in _missing(f, first)
    )
    return missing, planned


def said(judged: Judgement) -> str:
    """Of a run that was interrupted, or is still being made: "unfinished: 40 of 717 planned processes are there";
    of one that came to its end nothing."""
    if judged.ended:
        return ""
    there, planned = _processes(judged)
    what = words.counted(planned, f"planned {unit(judged.run)}")
    again = f"`{resumed_by(judged.run.get('tier'))}` goes on with it"
    if there < planned:
        return f"unfinished: {there} of {what} {'is' if there == 1 else 'are'} there ({again})"
    return f"unfinished: all {what} are there, but not the run's last line ({again})" if _ends(judged) else ""


def told(judged: Judgement) -> list[str]:
    """For stderr: what nobody who draws or judges the run may overlook."""
    return [*filter(None, [said(judged)]), *judged.notices]


def _ends(judged: Judgement) -> bool:
    """Whether such a run writes a last line: those of before there were make-up rounds did not, nor has their rule
    a limit for each kind."""
    rule = judged.run.get("discard_rule") or {}
    return judged.run.get("tier") == SOAK_TIER or isinstance(rule.get("steal_percent_max"), dict)


def _processes(judged: Judgement) -> tuple[int, int]:
    """(there, planned): one of a codec or model holds the whole family."""
    there, planned, first = 0, 0, _first(judged)
    for family in judged.families:
        rounds, each = int(family.plan["rounds"]), len(family.plan["members"]) if family.kind == "service" else 1
        planned += rounds * each
        found = {(member if each > 1 else "", n) for member, n in family.lines if n < first + rounds}
        there += len(found)
    return there, planned


def lost(judged: Judgement) -> list[str]:
    """What no interruption explains, a sentence each."""
    found, first = [], _first(judged)
    gaps = [
        f"{f.id}/{member} round {number}"
        for f in judged.families
        for number, member in _missing(f, first)
        if f.rounds and number < f.rounds[-1] + judged.ended  # an interruption may have cut the last round
    ]
    if gaps:
        found.append(f"{words.counted(len(gaps), 'result')} missing where others of that time are there: {some(gaps)}")
    ends = [
        f"{f.id} {f.told[what]} {said} there, {there} here"
        for f in judged.families
        for what, said, there in (("run", "rounds run", len(f.rounds)), ("counted", "count", f.counted))
        if what in f.told and f.told[what] != there
    ]
    if ends:
        found.append(f"the run's last line says otherwise: {some(ends)}")
    twice = [f"{f.id}/{m} round {n}" for f in judged.families for (m, n), count in sorted(f.lines.items()) if count > 1]
    if twice:
        found.append(f"{words.counted(len(twice), 'result')} more than once, the last counts: {some(twice)}")
    return found


def _first(judged: Judgement) -> int:
    """Rounds are counted from 1, in some runs from 0."""
    return min([1, *(number for f in judged.families for number in f.rounds)])


def _missing(family: Family, first: int) -> list[tuple[int, str]]:
    """(round, member) without a result, up to the planned rounds or the last that is there."""
    behind = max([first + int(family.plan["rounds"]), *(number + 1 for number in family.rounds[-1:])])
    return [
        (number, member)
        for number in range(first, behind)
        for member in family.plan["members"]
        if (member, number) not in family.lines
    ]


def some(names: list[str]) -> str:
    """The first few of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
