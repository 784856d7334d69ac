# SPDX-License-Identifier: MIT
"""The p99 of a model under steady load, and how much of its rise is the machine's.

The p99 of a stretch is that of a calm second: one of ten is calmer. A server that becomes slower by itself
does so in every second; what takes the machine away comes and goes, and moves the p99 of a minute, or of its
median second, by far more than what is looked for. Even so the machine's own speed moves within an hour: a
yardstick tells by how much. That is a server that does nothing, asked as often after each stretch, or, of
models that shared the machine (--at-once), the others in the same stretches: their median, so that one that
grows does not excuse the rest (of two, each does excuse the other).

What is judged is p99 beyond the machine's part: the yardstick's rise, in nanoseconds where the model is the
slower one (a machine that delays an idle server by 0.1 ms explains no more of anybody's), as a share of its own
level where the model is the faster one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import slopes
from ..intervals import median

CALM_SHARE = 0.1  # of the seconds of a stretch are calmer
MEDIAN_SHARE = 0.5
STEAL_PERCENT_MAX = 10.0
IDLE_PERCENT_MAX = 2.0  # of a CPU, by the model's own idle server beside the yardstick

Lines = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Yardstick:
    """Servers by which the machine's part is told."""

    whose: str  #: with an article
    column: str  #: the same in a table's head
    lines: Sequence[Lines]  #: of each of them, one a stretch
    void: str = ""  #: why one of its stretches has no figure; "" if all have


def others(lines: Sequence[Lines]) -> Yardstick:
    """Those that shared the machine."""
    return Yardstick("the others, which shared the machine", "the others'", lines)


def nothing(lines: Lines) -> Yardstick:
    """The server that was asked after each stretch of these."""
    asked = [{**line["yardstick"], "round": line["round"]} for line in lines if line.get("yardstick")]
    why = [reason for each in asked if (reason := _void(each))]
    good = [each for each in asked if not _void(each)]
    return Yardstick("a server that does nothing", "an idle server's", [good], why[0] if why else "")


def _void(asked: dict[str, Any]) -> str:
    if asked["status"] != "ok":
        return str(asked["reason"])
    busy = asked["metrics"].get("model_percent", 0.0)
    return f"the model took {busy:.1f} % of a CPU meanwhile" if busy > IDLE_PERCENT_MAX else ""


def calm(lines: Lines) -> list[dict[str, Any]]:
    """Stretches in which the host took little."""
    return [
        line
        for line in lines
        if line["status"] == "ok" and line["covariates"].get("steal_percent", 0) <= STEAL_PERCENT_MAX
    ]


def p99_ns(line: dict[str, Any], share: float) -> float | None:
    """Of the second than which so many are calmer, one without an answer being the worst; None if it is such."""
    seconds = sorted(math.inf if ns is None else float(ns) for ns in line.get("second_p99_ns") or [])
    found = seconds[int(share * len(seconds))] if seconds else math.inf
    return None if math.isinf(found) else found


def own(lines: Lines, share: float) -> list[slopes.Point]:
    """(seconds, log of p99)."""
    return [(line["at_s"], math.log(ns)) for line in calm(lines) if (ns := p99_ns(line, share))]


def machine(lines: Lines, yardstick: Yardstick, share: float) -> list[slopes.Point]:
    """(seconds, log of the yardstick's p99): the median of its servers."""
    each = [_by_round(every, share) for every in yardstick.lines]
    known = ((line["at_s"], [ns[line["round"]] for ns in each if line["round"] in ns]) for line in lines)
    return [(at, median([math.log(ns) for ns in found])) for at, found in known if found]


def beyond(lines: Lines, yardstick: Yardstick | None, share: float) -> list[slopes.Point]:
    """(seconds, p99 less the machine's part, as a share of the model's median p99, about 0); where the model
    and all of the yardstick have one. Without a yardstick all is the model's."""
    mine = _by_round(lines, share)
    theirs = [_by_round(each, share) for each in yardstick.lines] if yardstick else []
    if not mine or not all(theirs):
        return []
    level, levels = median(list(mine.values())), [median(list(each.values())) for each in theirs]
    found = []
    for line in lines:
        number = line["round"]
        if number not in mine or any(number not in each for each in theirs):
            continue
        rises = [(each[number] - at) / max(level, at) for each, at in zip(theirs, levels, strict=True)]
        found.append((line["at_s"], (mine[number] - level) / level - (median(rises) if rises else 0.0)))
    return found


def _by_round(lines: Lines, share: float) -> dict[int, float]:
    return {line["round"]: ns for line in calm(lines) if (ns := p99_ns(line, share))}
