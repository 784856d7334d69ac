# SPDX-License-Identifier: MIT
"""Rounds beyond the planned ones, for families of which the discard rule leaves fewer than planned.

Only covariates decide who gets one, the time budget when it ends; values never do. Every attempt
stays in samples.jsonl. When it is over one line there says per family why it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import SCHEMA, discard, plan
from .plan import Family, Plan, Task

ALL_COUNTED, TIME_BUDGET = "all counted", "time budget"
STOPPING_RULE = (
    "all planned rounds; then, while the tier's time lasts, one more round at a time for the family"
    " that lacks most, until as many count as were planned. The discard rule alone says what"
    " counts; nobody looks at results in between"
)


@dataclass
class Ledger:
    """What has been measured, as far as it decides about more."""

    made: Plan
    rule: dict[str, Any]
    lines: dict[str, list[dict[str, Any]]]  # family → its lines, with nothing but covariates needed

    @staticmethod
    def of(made: Plan, rule: dict[str, Any], lines: Sequence[dict[str, Any]]) -> Ledger:
        ledger = Ledger(made, rule, {family.id: [] for family in made.families})
        ledger.add(lines)
        return ledger

    def add(self, lines: Sequence[dict[str, Any]]) -> None:
        keep = ("process", "member", "round", "status", "covariates")
        for line in lines:
            if line["family"] in self.lines:
                self.lines[line["family"]].append({key: line[key] for key in keep})

    def counted(self, family: Family) -> int:
        return discard.pairs(family.to_json(), self.rule, self.lines[family.id])

    def lacks(self, family: Family) -> int:
        return max(0, family.rounds - self.counted(family))

    def run(self, family: Family) -> int:
        """Rounds begun."""
        return len({line["round"] for line in self.lines[family.id]})

    def next_process(self) -> int:
        taken = (line["process"] for lines in self.lines.values() for line in lines)
        return 1 + max([len(self.made.tasks) - 1, *taken])


def tasks(ledger: Ledger, family: Family, number: int) -> list[Task]:
    """The processes of one round that are still missing, in an order that the seed has drawn."""
    members: list[str | None] = [None]
    if family.kind == "service":
        members = list(family.members)
        random.Random(f"{ledger.made.seed}/{family.id}/{number}").shuffle(members)
        have = {line["member"] for line in ledger.lines[family.id] if line["round"] == number}
        members = [member for member in members if member not in have]
    first = ledger.next_process()
    return [Task(first + i, family.id, number, member) for i, member in enumerate(members)]


def begun(ledger: Ledger) -> list[Task]:
    """What an interrupted run left of a round: only a service's has several processes."""
    for family in ledger.made.families:
        last = ledger.run(family)
        if family.kind == "service" and last > family.rounds:
            missing = tasks(ledger, family, last)
            if missing:
                return missing
    return []


def next_round(ledger: Ledger, left_s: float) -> list[Task]:
    """A round of the family that lacks most and still fits into the time; nothing when done."""
    order = {family.id: place for place, family in enumerate(ledger.made.families)}
    needy = sorted(
        (family for family in ledger.made.families if ledger.lacks(family)),
        key=lambda family: (-ledger.lacks(family), ledger.run(family), order[family.id]),
    )
    for family in needy:
        if plan.round_s(family, ledger.made.tier) <= left_s:
            return tasks(ledger, family, ledger.run(family) + 1)
    return []


def measure(ledger: Ledger, left_s: Callable[[], float], process: Callable[[Task], None]) -> None:
    """Runs rounds until all count or the time is up; process() adds to the ledger."""
    todo = begun(ledger) or next_round(ledger, left_s())
    while todo:
        for task in todo:
            process(task)
        todo = next_round(ledger, left_s())


def end_line(ledger: Ledger, started: str, seconds: float) -> dict[str, Any]:
    """The last line of a finished run: what was run, what counts, and why it stopped."""
    return {
        "schema": SCHEMA,
        "kind": "end",
        "started": started,
        "seconds": round(seconds, 1),
        "families": {
            family.id: {
                "planned": family.rounds,
                "run": ledger.run(family),
                "counted": ledger.counted(family),
                "stopped": TIME_BUDGET if ledger.lacks(family) else ALL_COUNTED,
            }
            for family in ledger.made.families
        },
    }
