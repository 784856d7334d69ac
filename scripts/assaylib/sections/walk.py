# SPDX-License-Identifier: MIT
"""What the generic walk costs: each codec's plan against adapters by hand, in the same processes."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, judge, operations, words
from ..blocks import Block, Cell, Column, Table, Text
from ..figures import middle
from ..judge import Estimate, Family
from ..members import Codec

STYLES = {
    "usual": "usual: as the library's own examples do it",
    "tight": "tight: keys as constants, nothing copied twice, fields looked for where they must come next",
    "inlined": "inlined (encode): tight, with the packer's callback in line, as no walk over a table can be",
}
#: What the walk is held to, (operation, style) → time with the plan ÷ by hand at most.
BARS = {
    ("encode", "usual"): 1.00,
    ("encode", "tight"): 1.15,
    ("decode", "tight"): 1.15,
}
#: And the format's floor, as time ÷ that of msgpack-c, of `order`.
FLOOR_BARS = {"encode": 1.4, "decode": 1.6}


def by_hand(family: Family) -> dict[str, str]:
    """adapter → the codec that it stands beside."""
    return dict((family.plan.get("load") or {}).get("by_hand") or {})


def walk(families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    mine = [f for f in families if by_hand(f)]
    if not mine:
        return []
    table = Table(
        "The walk over a compiled plan against straight-line code that names every field: time with the"
        " plan ÷ time by hand, below 1 the plan is faster; intervals at 95 % over all rows of a payload"
        " and operation together",
        [
            Column("payload"),
            Column("codec"),
            Column("by hand"),
            Column("plan, ns", True),
            Column("by hand, ns", True),
            Column("plan ÷ by hand", True),
            Column("interval", True),
            Column("rounds", True),
        ],
    )
    for family in mine:
        pairs = by_hand(family)
        name = f"{about.subject(family)} {operations.title(about.operation(family))}"
        for i, (hand, codec) in enumerate(sorted(pairs.items(), key=lambda p: _order(p, codecs))):
            values = family.advantages(hand, codec, "time_ns", False)
            e = Estimate.of(values, judge.ALPHA / len(pairs)) if values else None
            table.add(
                Cell(name if i == 0 else "", "head" if i == 0 else ""),
                codecs[codec].label if codec in codecs else words.label(codec),
                hand.rpartition("_")[2],
                middle(family, codec, "time_ns", 1, _decimals(family, codec)),
                middle(family, hand, "time_ns", 1, _decimals(family, codec)),
                words.fixed(math.exp(e.median), 3) if e else "–",
                words.interval(e, 3, "–") or "–" if e else "–",
                str(len(values)),
            )
    table.notes.append(
        "; ".join(STYLES.values())
        + ". protobuf-c's generated code makes the same walk that its codec makes, and has no tighter"
        " style of its own (by hand and by plan are the same but for one call); the floor is ours and has"
        " the tight one only."
    )
    table.notes.append(
        "No bar is set against the inlined style, and what limits the plan there is the table itself: by hand"
        " each field's place, kind and key are constants that the compiler melts into the packer's code; the"
        " walk reads them, asks whether the field is there, and jumps by its kind, a few nanoseconds for each"
        " field, whatever the codec. That is little beside a library that is called, and much beside one whose"
        " own work on a field takes no longer."
    )
    return [Text(_said(mine)), Text(_held(mine, codecs)), table]


def _held(families: Sequence[Family], codecs: dict[str, Codec]) -> str:
    """Which ratios are within the bars: by their medians, and if not, whether beyond doubt."""
    beyond, floors, count = [], [], 0
    for family in families:
        side = about.operation(family).removesuffix("_walk")
        pairs = [
            (hand, codec, BARS.get((side, hand.rpartition("_")[2])))
            for hand, codec in by_hand(family).items()
        ]
        if about.subject(family) == "order":
            pairs += [("msgpack_c", m, FLOOR_BARS[side]) for m, c in codecs.items() if c.ours]
        for other, member, bar in pairs:
            values = family.advantages(other, member, "time_ns", False) if bar else []
            if not bar or not values:
                continue
            count += 1
            e = Estimate.of(values, judge.ALPHA)
            ratio = words.fixed(math.exp(e.median), 3)
            if other == "msgpack_c":
                floors.append(f"{side} {ratio}{words.SPACE}× ({words.interval(e, 3) or 'no interval'})")
            if math.exp(e.median) > bar:
                sure = e.interval is not None and math.exp(e.interval[0]) > bar
                beyond.append(
                    f"`{about.subject(family)}` {side}, {words.label(member)} against {other}: {ratio}"
                    + ("" if sure else " (its interval reaches the bar)")
                )
    return (
        "Held to: encode at most 1.00 × the usual style and 1.15 × the tight one, decode at most 1.15 × the"
        " tight one; the floor encodes `order` in at most 1.4 ×, and decodes it in at most 1.6 × the time of"
        f" msgpack-c{f' (it takes: {words.listed(floors)})' if floors else ''}."
        f" {count - len(beyond)} of {words.counted(count, 'median')} keep to that"
        + (f"; beyond it: {'; '.join(beyond)}." if beyond else ".")
    )


def _order(pair: tuple[str, str], codecs: dict[str, Codec]) -> tuple[int, str]:
    names = list(codecs)
    return (names.index(pair[1]) if pair[1] in names else len(names), pair[0].rpartition("_")[2])


def _decimals(family: Family, member: str) -> int:
    level = family.level(member, "time_ns")
    return 0 if level and level.median >= 100 else 1


def _said(families: Sequence[Family]) -> str:
    """The span of the ratios per style and operation, as medians of processes."""
    parts = []
    for family in families:
        for style in STYLES:
            ratios = [
                math.exp(judge.median(values))
                for hand, codec in by_hand(family).items()
                if hand.endswith(style)
                and (values := family.advantages(hand, codec, "time_ns", False))
            ]
            if ratios:
                span = words.span(min(ratios), max(ratios), 2)
                parts.append(
                    f"`{about.subject(family)}` {operations.title(about.operation(family))}, {style} style:"
                    f" {span} ×"
                )
    return (
        "All codecs walk the same compiled plan, so that a payload takes no code. Against code by hand for"
        f" that one message the plan takes: {'; '.join(parts)} (medians over the codecs, lowest to"
        " highest)."
    )
