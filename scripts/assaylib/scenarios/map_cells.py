# SPDX-License-Identifier: MIT
"""The cells of a map, judged as families of any run are: paired rounds, A/A of each cell, margins that
are never below it, tie sets (judge.py).

A cell is *ahead* for one model if all others are put behind it; a *tie* if several share the first
place and no difference above the tie limit can hide among them; else it is *undecided*: this machine
could not have seen who is ahead there, or something else than the servers set the pace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .. import judge, words
from ..families import Family
from ..gates import of_server
from ..intervals import ALPHA, order_interval
from ..verdicts import Estimate
from .outcome import Outcome, nearest

AHEAD, TIE, UNDECIDED = "ahead", "tie", "undecided"
METRICS = {"closed_hz": True, "cpu_ns_per_request": False}
AT_CEILING = 0.95


@dataclass(frozen=True)
class Cell:
    cpu_us: float
    wait_us: float
    connections: int
    metric: str
    state: str
    first: list[str]  #: who shares the first place, the best first; [] if nobody has a number
    why: str  #: of an undecided one
    family: Family = field(repr=False)
    ceiling_hz: float | None = None

    def level(self, model: str) -> Estimate | None:
        return self.family.level(model, self.metric)

    @property
    def lead(self) -> Estimate | None:
        """The best over whoever may be next."""
        others = [m for m in self.family.candidates if m not in self.first]
        return self.over(others) if self.state == AHEAD else None

    @property
    def reach(self) -> tuple[str, Estimate] | None:
        """Who is furthest behind, and the best over him."""
        found = [
            (m, e) for m in self.family.candidates if self.first and m != self.first[0] and (e := self.over([m]))
        ]
        return max(found, key=lambda pair: pair[1].median, default=None)

    def over(self, others: list[str]) -> Estimate | None:
        """The best over the nearest of these: log ratios, the interval at the cell's level."""
        found = []
        for other in others:
            values = self.family.advantages(self.first[0], other, self.metric, METRICS[self.metric])
            found += [Estimate.of(values, self.family.alpha)] if values else []
        return nearest(found)


def cells(outcome: Outcome, metric: str = "closed_hz") -> list[Cell]:
    """In the order of the scenario's axes."""
    counts = outcome.scenario.steps["connections"]
    facts = {**outcome.facts, "families": [_plan(f, n) for f in outcome.facts["families"] for n in counts]}
    lines = [line for raw in outcome.lines for line in _lines(raw)]
    judged = judge.judge(facts, lines)
    tie = outcome.scenario.level["tie_percent"] / 100
    return [_cell(family, metric, tie) for family in judged.families]


def _plan(family: dict[str, Any], count: int) -> dict[str, Any]:
    return {**family, "id": f"{family['id']}/c{count}", "connections": count}


def _lines(line: dict[str, Any]) -> list[dict[str, Any]]:
    """A line for each cell of a process; of a failed one there are no points to go by, unless it is one for what its
    server did: then the cells in which it did that have failed."""
    found = []
    for point in line.get("points") or []:
        id = f"{line['family']}/c{point['connections']}"
        metrics = {key: value for key, value in point.items() if isinstance(value, (int, float))}
        # Both figures of a cell come from its closed loop.
        gates = {
            name: {**gate, "scope": "all" if gate["scope"] == "closed" else gate["scope"]}
            for name, gate in (*line["gates"].items(), *point["gates"].items())
        }
        here = {"family": id, "case": f"{id}/{line['member']}", "metrics": metrics, "gates": gates}
        found.append({**line, "status": "ok", "reason": None, **here, **of_server(gates)})
    return found


def _cell(family: Family, metric: str, tie: float) -> Cell:
    load = family.plan["load"]
    state, first, why = _state(family, metric, tie)
    return Cell(
        load["cpu_us"],
        load["wait_us"],
        family.plan["connections"],
        metric,
        state,
        first,
        why,
        family,
        family.plan["connections"] * 1e6 / load["wait_us"] if load["wait_us"] else None,
    )


def _state(family: Family, metric: str, tie: float) -> tuple[str, list[str], str]:
    absent = [m for m in family.candidates if not family.series(m, metric) or family.why_withheld(m, metric)]
    found = next((t for t in family.ties if t.metric == metric), None)
    first = list(found.members) if found else []
    if absent:
        why = next(filter(None, (family.why_withheld(m, metric) for m in absent)), "no round that counts")
        return UNDECIDED, first, f"no number of {words.listed(map(words.label, absent))}: {why}"
    if found is None:
        return UNDECIDED, first, "nobody has rounds in common with another"
    if metric in family.uncalibrated:
        return UNDECIDED, first, family.uncalibrated[metric]
    if not found.resolved:
        return UNDECIDED, first, f"{family.counted} rounds count, too few for intervals"
    if len(first) == 1:
        return AHEAD, first, ""
    hidden = _hidden(family, first, metric)
    if hidden > math.log1p(tie):
        said = words.ceiling(100 * math.expm1(hidden), 0)
        return UNDECIDED, first, f"a difference of up to {said}{words.SPACE}% could hide among those in front"
    limited = [m for m in first if metric == "closed_hz" and _limited(family, m)]
    if limited:
        return (
            UNDECIDED,
            first,
            "generator, downstream service or the way between was near its limit, the servers were not: not their tie",
        )
    return TIE, first, ""


def _hidden(family: Family, first: list[str], metric: str) -> float:
    """By how much the best may be ahead of another of the tie: the far end of the interval."""
    ends = [0.0]
    for other in first[1:]:
        values = family.advantages(first[0], other, metric, METRICS[metric])
        interval = order_interval(values, family.alpha)
        ends.append(max(map(abs, interval)) if interval else math.inf)
    return max(ends)


def _limited(family: Family, model: str) -> bool:
    """Did the rig, not the server, set this rate? Where the wait alone bounds it, nobody did."""
    if model not in family.bounded:
        return False
    ceiling, reached = (family.level(model, key) for key in ("ceiling_hz", "closed_hz"))
    return not (ceiling and reached and reached.median >= AT_CEILING * ceiling.median)


def simultaneous(cells: list[Cell]) -> str:
    """At what level a cell's set holds."""
    rivals = len(cells[0].family.candidates) - 1
    return (
        f"in every cell the truly best of the models that have a number is among those in front with {words.confidence(ALPHA)} or more"
        f" (intervals of {words.counted(rivals, 'rival')} and two figures hold together), cell by cell"
    )
