# SPDX-License-Identifier: MIT
"""The p99 of a model under steady load, and how much of its rise is the machine's.

The p99 of a stretch is told twice: of all its answers, which is what a client has, and of a calm second (one of ten
is calmer). A server that becomes slower by itself does so in every second; what takes the machine away comes and
goes, and moves the p99 of a minute, or of its median second, by far more: in the calm ones a smaller rise is seen.
Even so the machine's own speed moves within an hour: a yardstick tells by how much. That is a server that does
nothing, asked as often after each stretch, or, of models that shared the machine (--at-once), the others in the same
stretches: their lower median, so that one of two that grows does not excuse the rest (of two models, each does excuse
the other).

What is judged is p99 beyond the machine's part: the yardstick's rise, in nanoseconds where the model is the
slower one, as a share of its own level where the model is the faster one. That is what a machine that comes
late adds to anybody's answer; a queue, or a slower clock, can make more of it, so that on such a day a model is
not shown to be flat, or said to grow, with the yardstick's own rise beside it.

A server that stalls in more and more seconds has calm ones all the same. So the share of slow seconds, those whose
p99 is a multiple of the calm one, is judged as well: by itself, or less the yardstick's own share, whose slow
seconds are those that lie as far above its calm p99 as the model's do, in nanoseconds. One whose stalls become
longer in a few seconds of a minute is found in the p99 of all answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import slopes
from ..intervals import median

CALM_SHARE = 0.1  # of the seconds of a stretch are calmer
ROUGH_SHARES = (0.5, 0.9)
SLOW_TIMES = 2.0  # the calm p99
STEAL_PERCENT_MAX = 10.0
IDLE_PERCENT_MAX = 0.5  # of a CPU, by the model's own idle server beside the yardstick: half of what makes a p99

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
    ended = (f"{line['member']}: {line['reason']}" for each in lines for line in each if line["status"] != "ok")
    return Yardstick("the others on the machine", "the others'", lines, next(ended, ""))


def nothing(lines: Lines) -> Yardstick:
    """The server that was asked after each stretch of these."""
    asked = [{**line["yardstick"], "round": line["round"]} for line in lines if line.get("yardstick")]
    why = [_void(each) for each in asked]
    good = [each for each, void in zip(asked, why, strict=True) if not void]
    return Yardstick("a server that does nothing", "an idle server's", [good], next(filter(None, why), ""))


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


def p99_ns(line: dict[str, Any], share: float | None) -> float | None:
    """Of the second than which so many are calmer, one without an answer being the worst; None if it is such.
    Without a share of all answers of the stretch."""
    if share is None:
        return line["metrics"].get("p99_ns")
    seconds = sorted(math.inf if ns is None else float(ns) for ns in line.get("second_p99_ns") or [])
    found = seconds[int(share * len(seconds))] if seconds else math.inf
    return None if math.isinf(found) else found


def own(lines: Lines, share: float | None) -> list[slopes.Point]:
    """(seconds, log of p99)."""
    return [(line["at_s"], math.log(ns)) for line in calm(lines) if (ns := p99_ns(line, share))]


def machine(lines: Lines, yardstick: Yardstick, share: float | None) -> list[slopes.Point]:
    """(seconds, log of the yardstick's p99): the lower median of its servers, where all have one."""
    each = [_by_round(every, share) for every in yardstick.lines]
    known = [line for line in lines if all(line["round"] in ns for ns in each)]
    return [(line["at_s"], math.log(_lower_median([ns[line["round"]] for ns in each]))) for line in known]


def beyond(lines: Lines, yardstick: Yardstick | None, share: float | None) -> list[slopes.Point]:
    """(seconds, p99 less the machine's part, as a share of the model's median p99, about 0), whose growth is all
    but that of log p99; where the model and all of the yardstick have one. Without a yardstick all is the
    model's. Of whole stretches, in which a stall can be thousands of medians, it is the log of p99 over the median
    and the machine's part."""
    mine = _by_round(lines, share)
    theirs = [_by_round(each, share) for each in yardstick.lines] if yardstick else []
    if not mine or not all(theirs):
        return []
    level, levels = median(list(mine.values())), [median(list(each.values())) for each in theirs]
    scaled = math.log1p if share is None else float
    rises = [
        {number: scaled((ns - at) / max(level, at)) for number, ns in each.items()}
        for each, at in zip(theirs, levels, strict=True)
    ]
    return _less(lines, {number: scaled((ns - level) / level) for number, ns in mine.items()}, rises)


def slow(lines: Lines, yardstick: Yardstick | None) -> list[slopes.Point]:
    """(seconds, share of slow seconds less the yardstick's), of stretches in which the host took little. What is
    slow of the yardstick is as late as a slow second of the model: it does not excuse more than it suffers."""
    level = _level(lines)
    theirs = [_slow_by_round(each, level) for each in yardstick.lines] if yardstick else []
    return _less(lines, _slow_by_round(lines, level), theirs)


def _level(lines: Lines) -> float:
    """The calm p99; 0 if there is none."""
    known = list(_by_round(lines, CALM_SHARE).values())
    return median(known) if known else 0.0


def _slow_by_round(lines: Lines, level: float) -> dict[int, float]:
    """level: of the model."""
    own = _level(lines)
    limit = own + (SLOW_TIMES - 1) * max(own, level)
    seconds = {line["round"]: line.get("second_p99_ns") for line in calm(lines)} if own else {}
    return {
        number: sum(ns is None or ns > limit for ns in each) / len(each) for number, each in seconds.items() if each
    }


def _less(lines: Lines, mine: dict[int, float], theirs: Sequence[dict[int, float]]) -> list[slopes.Point]:
    """(seconds, mine less the lower median of theirs), of stretches of which all have one."""
    return [
        (line["at_s"], mine[number] - (_lower_median([each[number] for each in theirs]) if theirs else 0.0))
        for line in lines
        if (number := line["round"]) in mine and all(number in each for each in theirs)
    ]


def _by_round(lines: Lines, share: float | None) -> dict[int, float]:
    return {line["round"]: ns for line in calm(lines) if (ns := p99_ns(line, share))}


def _lower_median(values: Sequence[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]
