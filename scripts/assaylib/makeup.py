# SPDX-License-Identifier: MIT
"""Rounds beyond the planned ones, in two stages.

First for families of which the discard rule leaves fewer than planned: only covariates decide who
gets one. Then, in tiers with a half_width, for families whose intervals are wider than that: how many
rounds each takes follows once from the width that the first stage has left, and nobody looks again
before they are all measured. Where the time is not enough for all, those come first that take least of
it, so that as many as possible get there. (Looking after each round and stopping when the interval happens to be
narrow would let it miss more often than it says: Stein's two stages do not.) What a difference is,
or if it is significant, is never asked. Every attempt stays in samples.jsonl. When it is over one
line there says per family why it stopped.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import SCHEMA, discard, plan, words
from .families import Judgement
from .plan import Plan, Task
from .planned import Family
from .progress import minutes
from .tiers import Tier

ALL_COUNTED, TIME_BUDGET = "all counted", "time budget"
NARROW, WIDENED = "narrow enough", "as many as its width took"
AIM_MAX = 4  # times the planned rounds; beyond, a family would need another machine


def stopping_rule(tier: Tier) -> str:
    """For run.json."""
    rule = (
        "all planned rounds; then, while the tier's time lasts, one more round at a time for the family"
        " that lacks most, until as many count as were planned. The discard rule alone says what"
        " counts; nobody looks at results in between"
    )
    if tier.half_width is None:
        return rule
    return (
        f"{rule}. Then once: a codec or model family whose widest interval has an arm of more than"
        f" {100 * tier.half_width:g} % gets as many rounds in all as that width takes, rounds × (arm ÷"
        f" {100 * tier.half_width:g} %)², at most {AIM_MAX} × the planned, as far as the time lasts: first"
        " those that take least of it, as many as fit, then the others"
    )


@dataclass
class Ledger:
    """What has been measured, as far as it decides about more."""

    made: Plan
    rule: dict[str, Any]
    lines: dict[str, list[dict[str, Any]]]  # family → its lines, with nothing but covariates needed
    aim: dict[str, int] = field(default_factory=dict)  # second stage: family → rounds that shall count
    first: frozenset[str] = frozenset()  # … of these, for which the time is enough

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
        rule = discard.rule({"discard_rule": self.rule}, {"load": family.load})
        return discard.pairs(family.to_json(), rule, self.lines[family.id])

    def lacks(self, family: Family) -> int:
        return max(0, self.wanted(family) - self.counted(family))

    def wanted(self, family: Family) -> int:
        return max(family.rounds, self.aim.get(family.id, 0))

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
    """A round of the family that is furthest from what it wants and still fits into the time; nothing
    when done."""
    order = {family.id: place for place, family in enumerate(ledger.made.families)}
    needy = sorted(
        (family for family in ledger.made.families if ledger.lacks(family)),
        key=lambda family: (
            family.id not in ledger.first,
            ledger.counted(family) / ledger.wanted(family),
            ledger.run(family),
            order[family.id],
        ),
    )
    for family in needy:
        if plan.round_s(family, ledger.made.tier) <= left_s:
            return tasks(ledger, family, ledger.run(family) + 1)
    return []


def announce(ledger: Ledger, left_s: float, say: Callable[[str], None]) -> None:
    """What measure() is going to do, if anything."""
    lacking = sum(map(ledger.lacks, ledger.made.families))
    if lacking and left_s > 0:
        say(
            f"assay: {words.counted(lacking, 'round')} {'does' if lacking == 1 else 'do'} not count (steal, other"
            f" programs): making up for {minutes(left_s)} at most"
        )


def measure(ledger: Ledger, left_s: Callable[[], float], process: Callable[[Task], None]) -> None:
    """Runs rounds until all count or the time is up; process() adds to the ledger."""
    todo = begun(ledger) or next_round(ledger, left_s())
    while todo:
        for task in todo:
            process(task)
        todo = next_round(ledger, left_s())


def aims(made: Plan, judged: Judgement) -> dict[str, int]:
    """Family → how many rounds its widest interval takes to be as narrow as the tier wants it, or, where
    the planned ones were too few for any, to exist; those that are narrow already are not in it."""
    if made.tier.half_width is None:
        return {}
    found, limit = {}, math.log1p(made.tier.half_width)
    for family in judged.families:
        arms = [
            (c.estimate.half_width, len(c.estimate.values))
            for c in family.comparisons
            if c.estimate and c.estimate.half_width is not None
        ]
        planned = made.family(family.id).rounds
        needed = max((c.estimate.needed for c in family.comparisons if c.estimate), default=0)
        if family.kind == "service":
            continue
        if needed > planned:
            found[family.id] = min(needed, AIM_MAX * planned)
        elif arms and max(arms)[0] > limit:
            arm, rounds = max(arms)
            found[family.id] = min(math.ceil(rounds * (arm / limit) ** 2), AIM_MAX * planned)
    return found


def affordable(ledger: Ledger, left_s: float) -> frozenset[str]:
    """Of the families that lack rounds those that can all have theirs in that time, cheapest first."""
    cost = {f.id: ledger.lacks(f) * plan.round_s(f, ledger.made.tier) for f in ledger.made.families}
    chosen = set()
    for id in sorted((id for id, seconds in cost.items() if seconds), key=lambda id: (cost[id], id)):
        left_s -= cost[id]
        if left_s < 0:
            break
        chosen.add(id)
    return frozenset(chosen)


def aim_line(ledger: Ledger, started: str) -> dict[str, Any]:
    """The decision, as a resumed run finds it again."""
    return {
        "schema": SCHEMA,
        "kind": "aim",
        "started": started,
        "families": ledger.aim,
        "first": sorted(ledger.first),
    }


def _stopped(ledger: Ledger, family: Family) -> str:
    if ledger.lacks(family):
        return TIME_BUDGET
    if ledger.made.tier.half_width is None or family.kind == "service":
        return ALL_COUNTED
    return WIDENED if ledger.wanted(family) > family.rounds else NARROW


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
                "wanted": ledger.wanted(family),
                "stopped": _stopped(ledger, family),
            }
            for family in ledger.made.families
        },
    }
