# SPDX-License-Identifier: MIT
"""Where a run's time went, in seconds of its processes: a family's planned rounds, those that made up for
rounds that do not count, and those that its wide intervals got (makeup.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .families import Family, Judgement


@dataclass(frozen=True)
class Spent:
    planned: float = 0.0
    made_up: float = 0.0
    narrowing: float = 0.0

    @property
    def beyond(self) -> float:
        """What the family got besides its planned rounds."""
        return self.made_up + self.narrowing

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.planned + other.planned, self.made_up + other.made_up, self.narrowing + other.narrowing
        )


def of(judged: Judgement, family: Family) -> Spent:
    """A round beyond the planned ones narrows if the run had looked at its widths by then."""
    behind = min([1, *family.rounds]) + int(family.plan.get("rounds") or 0)
    found = Spent()
    for number, row in _processes(family):
        took = row.get("seconds")
        seconds = float(took) if isinstance(took, (int, float)) else 0.0
        if number < behind:
            found += Spent(planned=seconds)
        elif judged.decided and str(row.get("started") or "") >= judged.decided:
            found += Spent(narrowing=seconds)
        else:
            found += Spent(made_up=seconds)
    return found


def _processes(family: Family) -> Iterator[tuple[int, dict[str, Any]]]:
    """(round, a result) of each, whatever became of it: one of a codec or model holds the whole family."""
    results = [(member, number, row) for (member, number), row in family.discarded.items()]
    results += [(member, number, row) for member, rounds in family.samples.items() for number, row in rounds.items()]
    results += [(str(row.get("member")), int(row.get("round", 0)), row) for row in family.failures]
    seen = {(member if family.kind == "service" else "", number): (number, row) for member, number, row in results}
    return iter(seen.values())
