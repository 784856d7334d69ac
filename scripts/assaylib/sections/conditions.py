# SPDX-License-Identifier: MIT
"""What other conditions do to encode and decode: one hot document, emptied caches, memory from the
heap, several threads at once."""

from __future__ import annotations

from typing import Sequence

from .. import costs, operations, words
from ..about import operation
from ..blocks import Block, Column, Table
from ..figures import mean_bytes
from ..intervals import ALPHA, order_interval
from ..judge import Family
from ..members import Codec
from ..verdicts import Estimate

#: operation → what it is held against, and the title of its column
AGAINST = {
    "encode_cold": ("encode", "encode, cold ÷ reuse"),
    "encode_hot": ("encode", "encode, one hot document ÷ corpus, per byte"),
    "encode_evicted": ("encode", "encode, caches emptied ÷ warm"),
    "decode_cold": ("decode", "decode, cold ÷ reuse"),
    "decode_hot": ("decode", "decode, one hot document ÷ corpus, per byte"),
    "decode_evicted": ("decode", "decode, caches emptied ÷ warm"),
}


def conditions(families: Sequence[Family], codecs: dict[str, Codec]) -> list[Block]:
    """Of one payload's families; nothing where no such row was timed."""
    timed = {operation(f): f for f in families}
    columns = [(row, *AGAINST[row]) for row in AGAINST if row in timed and AGAINST[row][0] in timed]
    counts = {n: name for name in timed if (n := operations.threads(name)) is not None}
    columns += [
        (counts[n], counts[1], f"encode, {n} threads at once ÷ 1")
        for n in sorted(counts)
        if n > 1 and 1 in counts
    ]
    if not columns:
        return []
    table = Table(
        "Under other conditions: time ÷ the plain row's, 95 % intervals",
        [Column("codec"), *(Column(title, True) for _, _, title in columns)],
    )
    for member, codec in codecs.items():
        cells = [_quotient(families, timed, member, row, plain) for row, plain, _ in columns]
        if any(cell != "–" for cell in cells):
            table.add(codec.label, *cells)
    if not table.rows:
        return []
    table.notes.append(
        "Rows of different processes, at other times: a cell is the range that the intervals of both medians"
        " leave to their quotient, and where 1 is in it, no difference is shown. What reading the clock takes is"
        " taken off where each operation is timed alone. Of one document run again and again the branches are"
        " learnt: what a benchmark over a single sample would have shown. With as many threads as there are"
        " cores, 1 is no contention at all."
    )
    return [table]


def _quotient(
    families: Sequence[Family], timed: dict[str, Family], member: str, row: str, plain: str
) -> str:
    a, b = (_interval(costs.estimate(families, each, member)) for each in (row, plain))
    if not a or not b:
        return "–"
    off = _clock(timed[row], member) if row.endswith("_evicted") else 0.0
    bytes_ratio = 1.0
    if row.endswith("_hot"):
        here, there = mean_bytes([timed[row]], member), mean_bytes([timed[plain]], member)
        if not here or not there:
            return "–"
        bytes_ratio = here / there
    low, high = (a[0] - off) / b[1] / bytes_ratio, (a[1] - off) / b[0] / bytes_ratio
    return words.span(low, high, 2, "–")


def _clock(family: Family, member: str) -> float:
    """What every sample of such a row holds beside the operation, ns."""
    found = family.level(member, "clock_ns")
    return found.median if found else 0.0


def _interval(found: Estimate | None) -> tuple[float, float] | None:
    """Two of them hold together at 95 %."""
    return order_interval(found.values, ALPHA / 2) if found else None
