# SPDX-License-Identifier: MIT
"""What a codec's encode and decode consist of, from the rows that time each phase alone.

Phases come from processes of their own, so shares are for orientation. Times are the baseline's medians by
the ratios to it: in them a machine that ran faster for the whole than for its phases shows alike for all
codecs, while each codec's own medians mix its speeds in a way of their own. What the whole takes beyond its
phases is shown as the rest; phases that take longer one by one than in one go leave none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .about import operation
from .figures import paired_ns
from .judge import Family
from .verdicts import Estimate

#: phase → what a picture calls it, in the order of the work
PARTS = {
    "build": "building the tree",
    "print": "printing",
    "check": "checking, before the library",
    "parse": "parsing",
    "convert": "converting",
    "free": "freeing the tree",
    "release": "freeing the message",
    "whole": "in one go",
    "rest": "the rest",
}
#: side → the rows that time its phases, each with the phase that it is
SIDES = {
    "encode": (("build", "build"), ("print", "print"), ("free_built", "free")),
    "decode": (
        ("check", "check"),
        ("parse", "parse"),
        ("convert", "convert"),
        ("free_parsed", "free"),
    ),
    "decode_cold": (("release", "release"),),
}
#: Without any of these a library does its work in one go.
TREE = {"build", "print", "parse", "convert", "free"}


@dataclass(frozen=True)
class Split:
    """ns per operation of one codec, whole and by parts."""

    side: str  #: encode, decode or decode_cold
    member: str
    whole: float
    parts: tuple[tuple[str, float], ...]

    @property
    def drawn(self) -> float:
        """What 100 % is in a picture."""
        return max(self.whole, sum(ns for _, ns in self.parts))


def estimate(families: Sequence[Family], name: str, member: str) -> Estimate | None:
    """ns per operation, of its own processes."""
    for family in families:
        if operation(family) == name and member in family.plan["members"]:
            return family.level(member, "time_ns")
    return None


def level(families: Sequence[Family], name: str, member: str) -> float | None:
    """The same by the ratio to the baseline."""
    for family in families:
        if operation(family) == name and member in family.plan["members"]:
            return paired_ns(family, member)
    return None


def splits(families: Sequence[Family], members: Sequence[str]) -> list[Split]:
    """Of one payload's families; nothing where no phase was timed."""
    return [
        split
        for side in SIDES
        for member in members
        if (split := _split(families, side, member)) is not None
    ]


def _split(families: Sequence[Family], side: str, member: str) -> Split | None:
    rows = SIDES[side]
    if not any(operation(f) == row for f in families for row, _ in rows):
        return None
    whole = level(families, side, member)
    timed = {phase: ns for row, phase in rows if (ns := level(families, row, member)) is not None}
    if not whole or (side == "decode_cold" and not timed):
        return None
    if "parse" in timed:  # its row has the check in front
        timed["parse"] = max(0.0, timed["parse"] - timed.get("check", 0.0))
    left = whole - sum(timed.values())
    last = "rest" if TREE & timed.keys() or side == "decode_cold" else "whole"
    if left > 0:
        timed[last] = left
    return Split(side, member, whole, tuple((p, timed[p]) for p in PARTS if p in timed))
