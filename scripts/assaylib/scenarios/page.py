# SPDX-License-Identifier: MIT
"""Page one of a report on scenarios alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import anchors, answer, checks, judge, page, resolution, words
from ..blocks import Cell, Check, Column, Raw, Table
from ..gates import GATE_FAILURES_MAX
from ..judge import Judgement
from ..sections.provenance import data, environment
from . import KINDS, sections
from .outcome import Outcome

READING = (
    "A scenario compares what its question names, over rounds of fresh servers in random order. Tied is"
    " who is not shown to be behind the best; with too few rounds there is no interval and no ranking."
    " A round is left out for what machine, generator or downstream service did, and is named then (at most"
    f" {words.percent(GATE_FAILURES_MAX)} of a server's rounds, else it has no figure), never for what the server did:"
    " where a gate that speaks of the server fails once (wrong or lost answers, less achieved than offered, memory"
    " without bound), it has no figure that this gate governs, and of a step of a capacity the level does not hold."
)
LIMITS = (
    "A network: server, load and what is downstream share one machine and its loopback.",
    "Other machines, compilers and library versions: one build, one session.",
)


def view(judged: Judgement, found: Sequence[Outcome], raw: Sequence[Raw]) -> dict[str, Any]:
    """What the templates of a report are filled with; judged: all its families."""
    seen, table = _checks(judged, found), _table(found)
    rest = [
        *(sections.section(each, [], first_too=len(found) > 1) for each in found),
        environment(judged),
        data(judged, raw),
    ]
    return {
        "page": {
            "title": " ".join(outcome.scenario.question for outcome in found),
            "id": str(judged.run.get("id", "unnamed")),
            "facts": answer.facts(judged),
            "warning": page.warning(seen),
            "answers": [sections.lead(found)],
            "quoting": READING,
            "machine": resolution.resolution(judged),
            "checks": seen,
            "figures": [],
            "table": table,
            "limits": [*LIMITS],
            "regenerate": page.regenerate(judged, raw),
        },
        "sections": rest,
        "data": anchors.link([table], rest),
    }


def _table(found: Sequence[Outcome]) -> Table:
    """The table of one scenario; of several, what each of them says."""
    if len(found) == 1:
        return KINDS[found[0].scenario.kind].tables(found[0])[0]
    table = Table(
        "What each scenario says; its own table stands in its section",
        [Column("scenario"), Column("rounds", True), Column("answer")],
    )
    for each in found:
        said = next(iter(KINDS[each.scenario.kind].answer(each)), "–").replace("**", "")
        table.add(Cell(each.scenario.title, "head"), str(each.scenario.rounds), said)
    return table


def _checks(judged: Judgement, found: Sequence[Outcome]) -> list[Check]:
    few = [o.scenario.name for o in found if min(f.counted for f in o.judged.families) < judge.rounds_needed()]
    text = f"fewer than {judge.rounds_needed()} whole rounds count in {words.listed(few)}"
    return [*[Check("note", "Rounds", text)] * bool(few), *checks.made(judged)]
