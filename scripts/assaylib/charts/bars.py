# SPDX-License-Identifier: MIT
"""Stacked bars on a common axis, each with the interval of its whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import Axis, frame, linear_axis
from .drawing import KEY_LINE, WIDTH, Chart, px, stroke, write


@dataclass(frozen=True)
class BarRow:
    member: str
    panel: int
    parts: tuple[tuple[int, float], ...]  #: (index of the kind, how much)
    interval: tuple[float, float] | None  #: of the whole
    said: str  #: the whole, behind the bar


def bars(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    rows: Sequence[BarRow],
    kinds: Sequence[str],
    unit: str,
) -> Chart:
    """Panels below each other on one axis, a row per member; what a bar is made of stands in its
    colours and in a table."""
    row_height, first, room = 22, 172, 190
    wholes = [sum(size for _, size in row.parts) for row in rows]
    ends = [row.interval[1] for row in rows if row.interval]
    axis = linear_axis(max([*wholes, *ends, 1e-9]), first, WIDTH - room)
    drawn, y = [], 8.0
    top = y + 22
    for k, panel in enumerate(panels):
        mine = [row for row in rows if row.panel == k]
        if not mine:
            continue
        drawn.append(write(4, y + 15, panel, "head"))
        y += 22
        for row in mine:
            drawn.append(_row(row, axis, y, first))
            y += row_height
    marks = frame(axis, top, y, unit)
    drawn.insert(0, marks)
    x, y = 8.0, y + 52
    for i, said in enumerate(kinds):
        if x + 24 + 6.3 * len(said) > WIDTH:
            x, y = 8.0, y + KEY_LINE
        drawn.append(
            f'<rect class="s{i % 6 + 1} part" x="{px(x)}" y="{px(y - 10)}" width="12" height="11"/>'
            + write(x + 17, y, said, "soft small")
        )
        x += 34 + 6.3 * len(said)
    return Chart(name, title, text, y + 10, "".join(drawn))


def _row(row: BarRow, axis: Axis, y: float, first: float) -> str:
    parts = [write(first - 8, y + 15, row.member, "end small")]
    at = 0.0
    for kind, size in row.parts:
        x1, x2 = axis.at(at), axis.at(at + size)
        parts.append(
            f'<rect class="s{kind % 6 + 1} part" x="{px(x1)}" y="{px(y + 5)}"'
            f' width="{px(max(0.0, x2 - x1))}" height="11"/>'
        )
        at += size
    end = at
    if row.interval:
        low, high = (axis.at(value) for value in row.interval)
        parts.append(stroke(low, y + 10.5, high, y + 10.5, "one bar"))
        parts += [stroke(x, y + 6, x, y + 15, "one bar") for x in (low, high)]
        end = max(at, row.interval[1])
    parts.append(write(axis.at(end) + 8, y + 15, row.said, "small soft"))
    return "".join(parts)
