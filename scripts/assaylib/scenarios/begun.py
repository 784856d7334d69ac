# SPDX-License-Identifier: MIT
"""Which faults of a process began when all was as before: what the one before has left behind is no part of
what a fault does. A gate for each fault, which withholds the figures of that fault alone; so each is a family
of its own, of the same lines."""

from __future__ import annotations

import math
from typing import Any

from .. import judge
from ..gates.validity import most
from ..judge import Family
from . import faults, series
from .faults import HITS, MISSES, NORMAL
from .outcome import Outcome

GATE = "p99_before_over_normal"
LAST = 3  # slots, of which the calmest counts: what is not over is in all of them, what the machine does in some
KEPT = 4


def gate(before: dict[str, Any], normal: dict[str, Any], slot_ns: int, factor: float) -> dict[str, Any]:
    """Of hits or misses, whichever is slower: p99 of the last slots in which any were due, over that of a slot before
    anything failed. before: the phase that ends when the fault begins, and what is due in its last slot may not be
    answered by then."""
    whole = max(1, (before["to_ns"] - before["from_ns"]) // slot_ns - 1)
    worst = max(_over(before[kind]["slots"], whole, normal[kind]["slots"]) for kind in (HITS, MISSES))
    if math.isinf(worst):
        return {"value": "not all answered", "limit": factor, "scope": "all", "ok": False}
    return most(worst, factor, "all")


def _over(slots: dict[str, Any], whole: int, normal: dict[str, Any]) -> float:
    asked = [ns for ns, planned in zip(slots["whole_p99_ns"][:whole], slots["planned"]) if planned]
    now, usual = [ns for ns in asked[-LAST:] if ns is not None], series.middle(normal["whole_p99_ns"])
    return min(now) / usual if now and usual else math.inf


_judged: list[tuple[Outcome, dict[str, Family]]] = []


def of(outcome: Outcome, phase: str) -> Family:
    """What is known of a phase: of a fault and of what comes after it, where that began when all was as before."""
    return outcome.family if phase == NORMAL else _parts(outcome)[faults.fault_of(phase)]


def parts(outcome: Outcome) -> list[Family]:
    return list(_parts(outcome).values())


def _parts(outcome: Outcome) -> dict[str, Family]:
    for known, found in _judged:
        if known is outcome:
            return found
    wanted, (plan,) = outcome.scenario.steps["faults"], outcome.facts["families"]
    facts = {**outcome.facts, "families": [{**plan, "id": f"{plan['id']}/{fault}"} for fault in wanted]}
    lines = [part for line in outcome.lines for fault in wanted for part in _line(line, fault)]
    found = dict(zip(wanted, judge.judge(facts, lines).families, strict=True))
    _judged.append((outcome, found))
    del _judged[:-KEPT]
    return found


def _line(line: dict[str, Any], fault: str) -> list[dict[str, Any]]:
    """None of a process that failed; one without figures tells nothing of its phases."""
    if line["status"] != "ok":
        return []
    id, phases = f"{line['family']}/{fault}", line.get("timeline", {}).get("phases", [])
    own = next((phase.get("gates", {}) for phase in phases if phase["name"] == fault), {})
    return [{**line, "family": id, "case": f"{id}/{line['member']}", "gates": {**line["gates"], **own}}]
