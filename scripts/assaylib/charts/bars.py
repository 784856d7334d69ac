# SPDX-License-Identifier: MIT
"""Stacked bars on a common axis, each with the interval of its whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from . import parts
from .axes import Axis, frame, linear_axis
from .drawing import WIDTH, Chart, stroke, write


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
    named, y = parts.key(kinds, y + 52)
    return Chart(name, title, text, y + 10, "".join([*drawn, named]))


def _row(row: BarRow, axis: Axis, y: float, first: float) -> str:
    drawn = [write(first - 8, y + 15, row.member, "end small"), parts.laid(row.parts, axis, y + 5)]
    end = sum(size for _, size in row.parts)
    if row.interval:
        low, high = (axis.at(value) for value in row.interval)
        drawn.append(stroke(low, y + 10.5, high, y + 10.5, "one bar"))
        drawn += [stroke(x, y + 6, x, y + 15, "one bar") for x in (low, high)]
        end = max(end, row.interval[1])
    drawn.append(write(axis.at(end) + 8, y + 15, row.said, "small soft"))
    return "".join(drawn)
