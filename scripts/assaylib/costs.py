# SPDX-License-Identifier: MIT
"""What a codec's encode and decode consist of, from the rows that time a part alone.

Parts come from processes of their own, so shares rest on medians over rounds and are for
orientation; a part that measures longer than its whole is shown as the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .about import operation
from .judge import Family

#: part → what a picture calls it, in the order of the work
PARTS = {
    "build": "tree built and freed",
    "print": "printing",
    "check": "checking, before the library",
    "parse": "parsing, tree freed",
    "convert": "converting",
    "whole": "in one go",
}


@dataclass(frozen=True)
class Split:
    """ns per operation of one codec, whole and by parts."""

    side: str  #: encode or decode
    member: str
    whole: float
    parts: tuple[tuple[str, float], ...]


def level(families: Sequence[Family], name: str, member: str) -> float | None:
    for family in families:
        if operation(family) == name and member in family.plan["members"]:
            found = family.level(member, "time_ns")
            return found.median if found else None
    return None


def splits(families: Sequence[Family], members: Sequence[str]) -> list[Split]:
    """Of one payload's families; nothing where no part was timed."""
    if not any(operation(f) in ("build", "check", "parse") for f in families):
        return []
    found = []
    for side, timed, rest in (
        ("encode", ("build",), "print"),
        ("decode", ("check", "parse"), "convert"),
    ):
        for member in members:
            whole = level(families, side, member)
            if not whole:
                continue
            parts, left = [], whole
            for part in timed:
                ns = level(families, part, member)
                if ns is not None:
                    parts.append((part, min(ns, left)))
                    left -= parts[-1][1]
            stands_alone = not any(part in ("build", "parse") for part, _ in parts)
            parts.append(("whole" if stands_alone else rest, left))
            found.append(Split(side, member, whole, tuple(parts)))
    return found
