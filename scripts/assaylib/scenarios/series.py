# SPDX-License-Identifier: MIT
"""Figures of members over rounds, of which some may be beyond all bounds: a server that did not come
back within what was looked at counts as one that took longer, and the median and its interval, which
go by order alone, are right about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import words
from ..gates import passes
from ..intervals import ALPHA, median
from ..judge import Estimate, Family
from .outcome import level, too_few


#: A note below figures of many members.
EACH = "Intervals are each at 95 % by itself: of twenty, one may miss."


def good(family: Family, member: str, metric: str = "timeline") -> dict[int, dict[str, Any]]:
    """Round → what was measured, of rounds that count and passed the gates; none if too many did not."""
    if family.why_withheld(member, metric):
        return {}
    return {n: sample for n, sample in sorted(family.samples.get(member, {}).items()) if passes(sample, metric)}


def rounds(family: Family, member: str, metric: str, missing: float | None = None) -> dict[int, float]:
    """Round → figure. missing: what None stands for."""
    found = {}
    for number, sample in good(family, member, metric).items():
        value = sample["metrics"].get(metric)
        value = missing if value is None else value
        if value is not None:
            found[number] = float(value)
    return found


def estimate(family: Family, member: str, metric: str, missing: float | None = None) -> Estimate | None:
    return level(list(rounds(family, member, metric, missing).values()))


def ratio(
    family: Family, member: str, metric: str, over: str, other: str | None = None, *, together: int = 1
) -> Estimate | None:
    """Of two figures of one process, or of two members' in one round; None counts as beyond all bounds.
    together: so many intervals are to hold at once."""
    ours = rounds(family, member, metric, math.inf)
    theirs = rounds(family, other or member, over)
    values = [ours[n] / theirs[n] for n in ours if theirs.get(n)]
    return Estimate.of(values, ALPHA / together) if values else None


def middle(values: Iterable[float | None]) -> float | None:
    """Median, None counting as beyond all bounds; None of nothing, or if that is what it is."""
    found = [math.inf if value is None else value for value in values]
    half = median(found) if found else math.inf
    return None if math.isinf(half) else half


def timeline(family: Family, member: str, key: str, divisor: float = 1.0) -> list[float | None]:
    """Slot by slot, the median of rounds; a slot has none if most of its rounds have none."""
    every = [sample["timeline"][key] for sample in good(family, member).values()]
    middles = [middle(column) for column in zip(*every, strict=False)]
    return [None if value is None else value / divisor for value in middles]


def number(value: float, divisor: float, decimals: int, beyond: str = "never") -> str:
    return beyond if math.isinf(value) else words.fixed(value / divisor, decimals)


def shown(
    found: Estimate | None, divisor: float = 1.0, decimals: int = 0, unit: str = "", beyond: str = "never"
) -> str:
    """ "12.3 ms (11.9 to 12.6)"; the figure alone with too few rounds; "–" without one."""
    if found is None:
        return "–"
    said = number(found.median, divisor, decimals, beyond)
    if unit and not math.isinf(found.median):
        said += words.SPACE + unit
        unit = ""  # it is said
    return f"{said} ({ends(found, divisor, decimals, beyond, unit)})" if found.interval else said


def ends(
    found: Estimate | None, divisor: float = 1.0, decimals: int = 0, beyond: str = "never", unit: str = ""
) -> str:
    """ "11.9 to 12.6", rounded outwards; "" without an interval. unit: of the lower end, "11.9 s to never"."""
    if found is None or found.interval is None:
        return ""
    low, high = found.interval
    first = beyond if math.isinf(low) else _with(words.floor(low / divisor, decimals), unit)
    last = beyond if math.isinf(high) else words.ceiling(high / divisor, decimals)
    return first if math.isinf(low) else f"{first} to {last}"


def hull(
    found: Sequence[Estimate | None], divisor: float = 1.0, decimals: int = 0, beyond: str = "never", unit: str = ""
) -> str:
    """From the lowest to the highest that any interval allows: "0.91 to 0.97 s", "0.91 s to never"; of
    medians where there are no intervals."""
    known = [each for each in found if each is not None]
    if not known:
        return "–"
    low = min(each.interval[0] if each.interval else each.median for each in known)
    high = max(each.interval[1] if each.interval else each.median for each in known)
    if math.isinf(low):
        return beyond
    first = words.floor(low / divisor, decimals)
    if math.isinf(high):
        return f"{_with(first, unit)} to {beyond}"
    last = words.ceiling(high / divisor, decimals)
    return _with(first if first == last else f"{first} to {last}", unit)


def _with(said: str, unit: str) -> str:
    return said + words.SPACE + unit if unit else said


def how_sure(found: Sequence[Estimate | None], said: str = "") -> str:
    """ " (SAID)", " (no interval: 1 of 6 rounds needed)", or both where some have one; or "". Of those
    without, whoever lacks most."""
    few = [each for each in found if too_few(each)]
    if not few:
        return f" ({said})" if said else ""
    lacks = too_few(min(few, key=lambda each: len(each.values) / each.needed if each else 0.0))
    if len(few) == sum(each is not None for each in found):
        return f" ({lacks})"
    return f" ({said}{'; ' if said else ''}some have {lacks})"


def withheld(family: Family, members: Iterable[str], metric: str) -> list[str]:
    """A sentence for each member whose gates withhold what would be said of it."""
    found = []
    for member in members:
        why = family.why_withheld(member, metric)
        if why:
            found.append(f"{words.label(member)} has no number: {why}.")
    return found


def late(
    family: Family, members: Sequence[str] = (), named: Callable[[list[str]], str] | None = None
) -> list[str]:
    """A sentence for each reason why tails are the machine's, too (METHOD 4). members: else all; named: what
    those that are marked are called."""
    members = members or family.plan["members"]

    def each(marked: list[str]) -> str:
        return "every member" if len(marked) == len(members) else words.listed(map(words.label, marked))

    return [
        f"T{why[1:]} beside {(named or each)(marked)}: these tails are the machine's, too."
        for why, marked in family.tails_by(members).items()
    ]


def marked(family: Family, member: str, cell: str) -> str:
    """A latency, shown, with the mark of a tail that is the machine's, too."""
    return f"{cell}†" if member in family.tails and cell != "–" else cell


def dagger(family: Family, members: Sequence[str] = ()) -> list[str]:
    """The notes below a table in which such tails are marked."""
    causes = family.tails_by(members or family.plan["members"])
    return [f"† {why}: the tail is the machine's, too." for why in causes]
